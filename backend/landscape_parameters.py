"""The vocabulary that all landscape analyses share: inputs, distance, proximity, window."""

from __future__ import annotations

from .declarations import Band, Choice, Distance, Extent, Flag, Number, NumberOutput, Parameter, Raster
from .registry import options

QUALITY = (
    Raster(
        "QUALITY",
        "Habitat quality",
        "How much habitat each cell holds, >= 0 (0 = no habitat, for example 0 to 1). Where the movement raster "
        "is valid and quality is nodata, the cell counts as quality 0: it can be crossed and is no habitat.",
    ),
    Band("QUALITY_BAND", "Quality band", "Band of the quality raster.", raster="QUALITY"),
)

MOVEMENT = (
    Raster(
        "MOVEMENT",
        "Movement (permeability or resistance)",
        "How easily animals move through each cell. Nodata cells, permeability 0 and infinite resistance are "
        "barriers: nothing passes. Must lie on the grid of the quality raster, or see ALIGN.",
        grid_of="QUALITY",
    ),
    Band("MOVEMENT_BAND", "Movement band", "Band of the movement raster.", raster="MOVEMENT"),
    Choice(
        "MOVEMENT_KIND",
        "Movement raster holds",
        "Permeability: ease of movement, 1 = as easy as it gets, 0 = barrier; its resistance is 1 / permeability. "
        "Resistance: cost of moving one map unit, 1 = nothing hinders, must be > 0.",
        options=(("permeability", "Permeability"), ("resistance", "Resistance")),
        default="permeability",
    ),
)

TRANSFORMATION = (
    Choice(
        "TRANSFORMATION",
        "Transformation of the movement raster",
        "Applied to every value x before anything else. As is: x. Power: x<sup>c</sup>. Exponential: "
        "e<sup>c (x - 1)</sup>, so that 1 stays 1. A cell that is 0 in a permeability raster stays a barrier.",
        options=(("none", "As is"), ("power", "Power x^c"), ("exponential", "Exponential e^(c (x - 1))")),
        default="none",
        advanced=True,
    ),
    Number(
        "EXPONENT",
        "Exponent c of the transformation",
        "The c of the transformation; not used with 'As is'.",
        default=1.0,
        minimum=0.001,
        maximum=100.0,
        advanced=True,
    ),
)

DISPERSAL = (
    Distance(
        "DISPERSAL_DISTANCE",
        "Dispersal distance",
        "How far animals disperse, in the unit of the distance. For least cost that is map units of cost distance: through "
        "cells of resistance 1 the cost distance is the length of the path. Empty: 4 cells, where the unit is map units. On "
        "rasters of longitudes and latitudes, map units are metres here, even where the dialog of a model says degrees.",
        raster="QUALITY",
        minimum=0.0,
        optional=True,
    ),
    Choice(
        "DISPERSAL_MEANING",
        "The dispersal distance is",
        "Scale: the d0 of the proximity's formula. Mean, median: of the distance dispersed, when the proximity at d "
        "is read as the share of animals that get at least as far as d. Maximum: the distance at which the proximity "
        "falls to CUTOFF.",
        options=(("scale", "Scale d0"), ("mean", "Mean"), ("median", "Median"), ("maximum", "Maximum")),
        default="scale",
    ),
    Choice(
        "PROXIMITY",
        "Proximity",
        "How proximity k falls with distance d. Exponential: e<sup>-d/d0</sup>. Gaussian: "
        "e<sup>-d&sup2;/(2 d0&sup2;)</sup>. Inverse: 1 / (1 + d/d0), a long tail and large windows. "
        "Threshold: 1 up to d0, 0 beyond.",
        options=options("proximities", "exponential"),
        default="exponential",
    ),
    Number(
        "CUTOFF",
        "Smallest proximity that counts",
        "Pairs of cells whose proximity is below this value do not count; it sets the size of the window.",
        default=0.01,
        minimum=1e-6,
        maximum=0.999,
        advanced=True,
    ),
)

DISTANCE = (
    Choice(
        "DISTANCE",
        "Distance",
        "Least cost: along the cheapest path. Euclidean: straight line between cell centres, whatever lies between. "
        "Resistance: effective resistance of all ways together, as in a circuit, in map units. Commute: steps of a random "
        "walk there and back. Expected cost, free energy: of randomised shortest paths, in units of STEP_COST. Survival: "
        "-log of the probability to survive such a walk. All but the first two depend on RADIUS.",
        options=options("distances", "least_cost"),
        default="least_cost",
    ),
    Choice(
        "NEIGHBOURS",
        "Neighbours",
        "8: steps to the sides and diagonals (length x sqrt(2) on square cells). 4: to the sides only.",
        options=(("4", "4"), ("8", "8")),
        default="8",
        advanced=True,
    ),
    Choice(
        "EDGE_RULE",
        "Cost of a step",
        "Average resistance: length x mean of the two resistances. Average conductance: length / mean of the two "
        "permeabilities.",
        options=(
            ("average_resistance", "Average resistance"),
            ("average_conductance", "Average conductance"),
        ),
        default="average_resistance",
        advanced=True,
    ),
    Choice(
        "CORNERS",
        "Diagonal steps between two barrier cells",
        "Closed: a diagonal step is not possible when both cells beside it are barriers or nodata, so that a barrier "
        "one cell wide holds in every direction. Open: it is possible, as in GRASS r.cost and Circuitscape.",
        options=(("closed", "Closed"), ("open", "Open")),
        default="closed",
        advanced=True,
    ),
)

WALK = (
    Number(
        "THETA",
        "Theta: how strongly costs are shunned",
        "For expected cost, free energy and survival (randomised shortest paths), in 1 / unit of the cost of a step: a step "
        "of cost C is as if survived with the probability e<sup>-theta C</sup>. Towards 0 the walk becomes random, with a "
        "large theta it takes the path of least cost.",
        default=1.0,
        minimum=1e-6,
        maximum=1e6,
        advanced=True,
    ),
    Choice(
        "STEP_COST",
        "Cost of a walker's step",
        "For the same distances. The likelihood (affinity) of a step is the permeability of the cell that it leads to / length "
        "(in cells); its cost is: Minus log: -log(affinity), without a unit, for permeabilities up to 1. Inverse: resistance of "
        "that cell x length in map units. Raster: value of MOVEMENT_COST in that cell x length in map units.",
        options=(("minus_log", "-log(affinity)"), ("inverse", "1 / affinity"), ("raster", "From MOVEMENT_COST")),
        default="minus_log",
        advanced=True,
    ),
    Raster(
        "MOVEMENT_COST",
        "Movement cost",
        "With STEP_COST = Raster: cost of each cell per map unit, >= 0, wherever the movement raster is valid.",
        grid_of="QUALITY",
        optional=True,
        advanced=True,
    ),
    Band(
        "MOVEMENT_COST_BAND",
        "Movement cost band",
        "Band of the movement cost raster.",
        raster="MOVEMENT_COST",
        optional=True,
        advanced=True,
    ),
)

SELF = Flag(
    "SELF",
    "Count a cell's proximity to itself",
    "Adds the pair i = j (proximity 1) to connectivity and to the maps. ECA and PC always count it.",
    advanced=True,
)

WINDOW = (
    Number(
        "RADIUS",
        "Radius of the window (cells)",
        "For distances that count all ways at once, such as resistance: they are defined in a window, which reaches this many "
        "cells beyond its block of sources on every side; nothing outside takes part. Another radius is another "
        "definition; what twice the radius would change is reported for a sample of windows. The time grows with its fourth "
        "power. Not used by least cost and Euclidean.",
        default=10,
        minimum=1,
        maximum=500,
        integer=True,
        unit="cells",
        advanced=True,
    ),
    Number(
        "BLOCK",
        "Side of a block of sources (cells)",
        "For the same distances, an odd number. 1: each cell has the window around itself. More: the cells of a block, on a "
        "fixed grid of blocks from the first cell of the raster (or of EXTENT), share the window around their block, which is much "
        "faster and a slightly different definition. Results depend on RADIUS and BLOCK alone; too little memory never "
        "changes them.",
        default=1,
        minimum=1,
        maximum=99,
        integer=True,
        unit="cells",
        advanced=True,
    ),
    Number(
        "MAXIMUM_WINDOW",
        "Largest window radius (cells)",
        "Caps the window around each cell, for least cost and Euclidean. Empty: as large as the cut-off and the smallest resistance demand, which is "
        "exact. A cap that cuts is reported: pairs and paths beyond it do not count.",
        minimum=1,
        integer=True,
        unit="cells",
        optional=True,
        advanced=True,
    ),
    Choice(
        "ALIGN",
        "When grids differ",
        "Stop: say so. Otherwise the other rasters are resampled to the grid of the quality raster: nearest for "
        "classes, bilinear for continuous values.",
        options=(
            ("stop", "Stop"),
            ("nearest", "Align to quality, nearest"),
            ("bilinear", "Align to quality, bilinear"),
        ),
        default="stop",
        advanced=True,
    ),
    Extent(
        "EXTENT",
        "Extent",
        "Only this part of the rasters is used, as if they were clipped to it: what lies outside is neither habitat "
        "nor way.",
        advanced=True,
    ),
    Choice(
        "PRECISION",
        "Precision",
        "Double: 15 digits. Single: 6 digits, about half the time and memory.",
        options=(("double", "Double"), ("single", "Single")),
        default="double",
        advanced=True,
    ),
)

WRAP = Choice(
    "WRAP",
    "Close around the globe",
    "Whether the last column lies beside the first, so that ways lead across the 180th meridian, or wherever the raster begins. "
    "When the columns span 360 degrees: then, and only then, as the plan says; rasters of other extents and in projected "
    "coordinates have edges. Never: such rasters have edges as well. The poles join nothing.",
    options=(("automatic", "When the columns span 360 degrees"), ("never", "Never")),
    default="automatic",
    advanced=True,
)

LANDSCAPE: tuple[Parameter, ...] = (
    *QUALITY,
    *MOVEMENT,
    *DISPERSAL[:3],
    *DISTANCE,
    *WALK,
    DISPERSAL[3],
    *TRANSFORMATION,
    SELF,
    *WINDOW,
    WRAP,
)

COARSENING = Number(
    "COARSENING",
    "Coarsening of far cells",
    "For least cost and Euclidean. 1: exact. n > 1: pairs of cells that lie more than two coarse cells of n x n cells apart are counted by "
    "their coarse cells (sum of the qualities, mean of the permeabilities), and near pairs by the paths in between: many times "
    "faster where windows are large. What it changes against the exact answer is reported for a sample; rough landscapes "
    "lose most.",
    default=1,
    minimum=1,
    maximum=8,
    integer=True,
    unit="cells",
    advanced=True,
)

COARSENING_ERROR = NumberOutput(
    "COARSENING_ERROR",
    "Change by coarsening",
    "By how much COARSENING changes connectivity on a sample of blocks of sources, against the exact answer; 0 without.",
    unit="%",
)

DEFINITIONS = (
    "Every valid cell i is a source, whatever the size of the window. Connectivity is C = &Sigma;<sub>i</sub> "
    "q<sub>i</sub> &Sigma;<sub>j</sub> k(d<sub>ij</sub>) q<sub>j</sub>: quality q, proximity k of the distance d. "
    "Pairs that cannot reach each other, or whose proximity is below CUTOFF, add nothing; pairs i = j count only with "
    "SELF. Cells at the raster's edge are sources like any other; nothing lies beyond the edge.",
    "The default distance is least cost on the graph of neighbouring cells, with true lengths in map units. Nodata, "
    "permeability 0 and infinite resistance are no nodes: they are not crossed, not cut diagonally (see CORNERS), and "
    "nodata in the results.",
    "On rasters of longitudes and latitudes all lengths are metres on a sphere (the mean radius of the CRS's ellipsoid): cells are "
    "as wide as their parallel makes them. Cells count alike, whatever their area: multiply quality by it where that matters. "
    "Latitudes up to 85 degrees.",
)

REFERENCES = (
    "Hanski, I. (1994) A practical model of metapopulation dynamics. Journal of Animal Ecology 63, 151-162. "
    "https://doi.org/10.2307/5591",
    "Adriaensen, F. et al. (2003) The application of 'least-cost' modelling as a functional landscape model. Landscape "
    "and Urban Planning 64, 233-247. https://doi.org/10.1016/S0169-2046(02)00242-6",
    "Saura, S. & Pascual-Hortal, L. (2007) A new habitat availability index to integrate connectivity in landscape "
    "conservation planning. Landscape and Urban Planning 83, 91-103. https://doi.org/10.1016/j.landurbplan.2007.03.005",
    "Saura, S. et al. (2011) Network analysis to assess landscape connectivity trends: application to European forests "
    "(1990-2000). Ecological Indicators 11, 407-416. https://doi.org/10.1016/j.ecolind.2010.06.011",
)
