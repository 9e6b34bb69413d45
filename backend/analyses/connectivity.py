"""`driftway:connectivity`: how well the habitat of each cell is connected."""

from __future__ import annotations

from ..declarations import Declaration, NumberOutput, RasterOutput, ReportOutput, Style
from ..landscape_parameters import DEFINITIONS, LANDSCAPE, REFERENCES

DECLARATION = Declaration(
    id="connectivity",
    label="Connectivity",
    group="Landscape",
    group_id="landscape",
    summary="Maps how well each cell's habitat is connected to all other habitat that animals can reach.",
    help=(
        "From a habitat quality raster and a movement raster (permeability or resistance) this maps functional "
        "habitat h<sub>i</sub> = q<sub>i</sub> &Sigma;<sub>j</sub> k(d<sub>ij</sub>) q<sub>j</sub> and accessible "
        "habitat &Sigma;<sub>j</sub> k(d<sub>ij</sub>) q<sub>j</sub>, and sums them up to one number, C.",
        *DEFINITIONS,
        "ECA = sqrt(C with the pairs i = j) is the amount of habitat, in cells of quality 1, that would be as good if it "
        "were all in one place; PC = ECA&sup2; / A<sub>L</sub>&sup2; with A<sub>L</sub> the number of valid cells.",
    ),
    tags=("connectivity", "habitat", "dispersal", "least cost", "corridor", "ecology", "ECA", "PC"),
    parameters=LANDSCAPE,
    outputs=(
        RasterOutput(
            "FUNCTIONAL_HABITAT",
            "Functional habitat",
            "Quality of the cell times the quality it can reach, weighted by proximity. Sums up to C.",
            unit="quality x quality",
            style=Style("viridis", "quantile"),
        ),
        RasterOutput(
            "ACCESSIBLE_HABITAT",
            "Accessible habitat",
            "Quality that can be reached from the cell, weighted by proximity.",
            optional=True,
            unit="quality x cells",
            style=Style("mako", "quantile"),
        ),
        ReportOutput(
            "REPORT", "Report", "Maps, histogram, numbers and parameters as one HTML file.", optional=True
        ),
        NumberOutput("C", "Connectivity C", "Sum of functional habitat.", unit="quality x quality"),
        NumberOutput("ECA", "Equivalent connected area", "sqrt(C with self terms).", unit="cells of quality 1"),
        NumberOutput("PC", "Probability of connectivity", "ECA^2 / (number of valid cells)^2."),
        NumberOutput("HABITAT_AREA", "Habitat area", "Area of the cells with quality > 0.", unit="square map units"),
        NumberOutput(
            "MEAN_DISTANCE",
            "Quality-weighted mean distance",
            "Mean distance over the pairs that count, weighted by the product of their qualities.",
            unit="map units",
        ),
    ),
    references=REFERENCES,
)
