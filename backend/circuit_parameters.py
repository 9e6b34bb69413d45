"""The vocabulary that the analyses of whole-raster circuits share."""

from __future__ import annotations

from .declarations import Band, Choice, Field, File, Flag, Parameter, Raster, Vector

CIRCUIT: tuple[Parameter, ...] = (
    Raster(
        "RESISTANCE",
        "Resistance or conductance",
        "What current flows through. Nodata, infinite resistance and conductance 0 are gaps: no current gets in. In a "
        "projected CRS.",
    ),
    Band("RESISTANCE_BAND", "Band", "Band of the raster.", raster="RESISTANCE", advanced=True),
    Choice(
        "RESISTANCE_KIND",
        "The raster holds",
        "Resistance: of crossing a cell, > 0. Conductance: its inverse, >= 0.",
        options=(("resistance", "Resistance"), ("conductance", "Conductance")),
        default="resistance",
    ),
    Choice(
        "NEIGHBOURS",
        "Neighbours",
        "8: cells are joined at their sides and corners. 4: at the sides only.",
        options=(("4", "4"), ("8", "8")),
        default="8",
        advanced=True,
    ),
    Choice(
        "EDGE_RULE",
        "Between two cells",
        "Average conductance: the mean of the two conductances / length, as Circuitscape does by default. Average resistance: 1 / "
        "(the mean of the two resistances x length). Lengths are counted in cells: 1, and sqrt(2) to a corner.",
        options=(
            ("average_conductance", "Average conductance"),
            ("average_resistance", "Average resistance"),
        ),
        default="average_conductance",
        advanced=True,
    ),
    Choice(
        "CORNERS",
        "Diagonal steps between two gaps",
        "Open: current passes between two gaps that touch at a corner, as in Circuitscape. Closed: it does not, so that a "
        "barrier one cell wide holds in every direction.",
        options=(("open", "Open"), ("closed", "Closed")),
        default="open",
        advanced=True,
    ),
    Vector(
        "SHORT_CIRCUITS",
        "Short-circuit regions",
        "Polygons through which current passes freely: the cells of each are one node. Gaps inside stay gaps.",
        geometry="polygon",
        optional=True,
        advanced=True,
    ),
    Field(
        "SHORT_CIRCUIT_ID",
        "Region field",
        "Polygons of the same value are one region. Empty: each polygon is its own.",
        vector="SHORT_CIRCUITS",
        optional=True,
        advanced=True,
    ),
    Raster(
        "SHORT_CIRCUIT_RASTER",
        "Short-circuit regions as a raster",
        "In place of polygons: cells of the same whole number > 0 are one node.",
        grid_of="RESISTANCE",
        optional=True,
        advanced=True,
    ),
    Raster(
        "MASK",
        "Mask",
        "Cells that are nodata or <= 0 here become gaps.",
        grid_of="RESISTANCE",
        optional=True,
        advanced=True,
    ),
)

FOCAL: tuple[Parameter, ...] = (
    Vector(
        "FOCAL_NODES",
        "Focal nodes",
        "Points, or polygons (focal regions: the cells of each are one node). Or give FOCAL_RASTER.",
        optional=True,
    ),
    Field(
        "FOCAL_ID",
        "Id field",
        "Whole numbers > 0; features of the same id are one focal node. Empty: the features are counted through from 1.",
        vector="FOCAL_NODES",
        numeric=True,
        optional=True,
    ),
    Raster(
        "FOCAL_RASTER",
        "Focal nodes as a raster",
        "In place of a layer: whole numbers > 0, cells of the same number are one focal node; 0 and nodata are none.",
        grid_of="RESISTANCE",
        optional=True,
        advanced=True,
    ),
    Choice(
        "FOCAL_PROBLEMS",
        "Focal nodes outside the raster or on a gap",
        "Stop and say which, or leave them out.",
        options=(("stop", "Stop"), ("drop", "Leave them out")),
        default="stop",
        advanced=True,
    ),
    File(
        "PAIRS_FILE",
        "Pairs that count",
        "A text file with two ids a line; in Circuitscape's formats too: 'mode include' or 'mode exclude' in the first line, or a "
        "matrix after 'min' and 'max'. Empty: all pairs.",
        optional=True,
        advanced=True,
    ),
)

LOG_SCALE = Flag(
    "LOG_SCALE",
    "Log scale",
    "Maps of current hold log10 of it; cells without current become nodata.",
    advanced=True,
)

REFERENCES = (
    "McRae, B. H. et al. (2008) Using circuit theory to model connectivity in ecology, evolution, and conservation. Ecology 89, "
    "2712-2724. https://doi.org/10.1890/07-1861.1",
    "Anantharaman, R. et al. (2020) Circuitscape in Julia: empowering dynamic approaches to connectivity assessment. Land 9, 301. "
    "https://doi.org/10.3390/land9090301",
)
