"""`driftway:sensitivity`: which cells connectivity depends on most."""

from __future__ import annotations

from ..declarations import Choice, Declaration, NumberOutput, RasterOutput, ReportOutput, Style
from ..landscape_parameters import DEFINITIONS, LANDSCAPE, REFERENCES

DECLARATION = Declaration(
    id="sensitivity",
    label="Sensitivity",
    group="Landscape",
    group_id="landscape",
    summary="Maps how much connectivity changes when a cell's permeability, resistance or quality changes a little.",
    help=(
        "The exact gradient of connectivity C with respect to every cell of the movement raster or of the quality "
        "raster, as they were given (before any transformation). Sensitivity is the gain in C per unit of change, "
        "elasticity = value x sensitivity the gain per relative change. With several choices the outputs have one band "
        "each, in the order movement, quality.",
        *DEFINITIONS,
        "Where several cheapest paths tie, the gradient is shared equally among their steps. Pairs at the cut-off are "
        "held: the gradient is that of the pairs that count now. Barriers and nodata have no sensitivity (nodata).",
    ),
    tags=("sensitivity", "elasticity", "gradient", "connectivity", "corridor", "pinch point", "barrier"),
    parameters=(
        *LANDSCAPE[:5],
        Choice(
            "WITH_RESPECT_TO",
            "Sensitivity to",
            "Movement: the movement raster, permeability or resistance as given. Quality: the quality raster.",
            options=(("movement", "Movement"), ("quality", "Quality")),
            default=("movement",),
            several=True,
        ),
        *LANDSCAPE[5:],
    ),
    outputs=(
        RasterOutput(
            "SENSITIVITY",
            "Sensitivity",
            "dC / d input: change of C per unit of change in the cell.",
            unit="C per unit of the input",
            style=Style("vik", "diverging"),
        ),
        RasterOutput(
            "ELASTICITY",
            "Elasticity",
            "input x dC / d input: change of C per relative change in the cell.",
            optional=True,
            unit="C",
            style=Style("vik", "diverging"),
        ),
        ReportOutput(
            "REPORT", "Report", "Maps, histograms, numbers and parameters as one HTML file.", optional=True
        ),
        NumberOutput("C", "Connectivity C", "The connectivity of which this is the gradient.", unit="quality x quality"),
        NumberOutput(
            "DISPERSAL_SENSITIVITY",
            "Sensitivity to the dispersal distance",
            "dC / d (dispersal distance) for the pairs that count now.",
            unit="C per map unit",
        ),
        NumberOutput(
            "DISPERSAL_ELASTICITY",
            "Elasticity to the dispersal distance",
            "Dispersal distance x its sensitivity.",
            unit="C",
        ),
    ),
    references=REFERENCES,
)
