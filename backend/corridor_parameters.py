"""What corridors and paths have in common in the toolbox: sources, pairs, the movement raster."""

from __future__ import annotations

from .declarations import Band, Choice, Extent, Field, Number, Parameter, Raster, Vector
from .landscape_parameters import DISTANCE, TRANSFORMATION

_RULES: tuple[Parameter, ...] = tuple(p for p in DISTANCE if p.name in ("NEIGHBOURS", "EDGE_RULE", "CORNERS"))

SOURCES: tuple[Parameter, ...] = (
    Vector(
        "SOURCES",
        "Sources",
        "Points, lines or polygons that are to be joined. A point stands for the cell below it, a polygon for the cells whose "
        "centres it holds (at least one). In another CRS they are reprojected.",
    ),
    Field(
        "ID_FIELD",
        "Field that names the sources",
        "Features with the same value are one source. Empty: each feature is one, named by its feature id.",
        vector="SOURCES",
        optional=True,
    ),
    Raster(
        "MOVEMENT",
        "Movement (permeability or resistance)",
        "How easily animals move through each cell. Nodata, permeability 0 and infinite resistance are barriers: nothing passes.",
    ),
    Band("MOVEMENT_BAND", "Movement band", "Band of the movement raster.", raster="MOVEMENT"),
    Choice(
        "MOVEMENT_KIND",
        "Movement raster holds",
        "Permeability: its resistance is 1 / permeability. Resistance: cost of moving one map unit, > 0.",
        options=(("permeability", "Permeability"), ("resistance", "Resistance")),
        default="permeability",
    ),
)

PAIRS: tuple[Parameter, ...] = (
    Choice(
        "PAIRS",
        "Pairs of sources",
        "All; each source with those that are cheapest to reach from it (NEAREST); or those of a table (PAIR_TABLE).",
        options=(("all", "All"), ("nearest", "The nearest ones"), ("table", "From a table")),
        default="all",
    ),
    Number(
        "NEAREST",
        "Number of nearest sources",
        "With PAIRS = nearest: a pair counts when either is among the nearest of the other, by cost.",
        default=2,
        minimum=1,
        integer=True,
    ),
    Vector(
        "PAIR_TABLE",
        "Table of pairs",
        "With PAIRS = table: a table (CSV, GeoPackage or any layer) with two fields that hold names of sources.",
        optional=True,
        advanced=True,
    ),
    Field(
        "PAIR_FROM",
        "First field of the table",
        "Name of one source. Empty: the field 'from'.",
        vector="PAIR_TABLE",
        optional=True,
        advanced=True,
    ),
    Field(
        "PAIR_TO",
        "Second field of the table",
        "Name of the other source. Empty: the field 'to'.",
        vector="PAIR_TABLE",
        optional=True,
        advanced=True,
    ),
)

RULES: tuple[Parameter, ...] = (
    *_RULES,
    *TRANSFORMATION,
    Extent(
        "EXTENT",
        "Extent",
        "Only this part of the movement raster is used, as if it were clipped to it: no way leads outside.",
        advanced=True,
    ),
)

DEFINITIONS = (
    "Costs run from cell centre to cell centre: a step of length l costs l (r<sub>i</sub> + r<sub>j</sub>) / 2 (see EDGE_RULE), with "
    "true lengths in map units, so that through resistance 1 the cost is the length of the path. Costs are in map units.",
    "On rasters of longitudes and latitudes lengths and costs are in metres: cells are as wide as they are at their latitude, on a "
    "sphere with the mean radius of the CRS's ellipsoid (lengths differ from those on the ellipsoid by less than 0.6 %). Ways do not "
    "lead across the raster's edge, nor around the globe.",
    "Sources outside the raster (or EXTENT) or on barriers, and points that share a cell with a source before them, are left out with a "
    "warning; so are pairs that cannot reach each other.",
)

REFERENCES = (
    "Adriaensen, F. et al. (2003) The application of 'least-cost' modelling as a functional landscape model. Landscape "
    "and Urban Planning 64, 233-247. https://doi.org/10.1016/S0169-2046(02)00242-6",
    "Beier, P., Majka, D. R. & Spencer, W. D. (2008) Forks in the road: choices in procedures for designing wildland linkages. "
    "Conservation Biology 22, 836-851. https://doi.org/10.1111/j.1523-1739.2008.00942.x",
    "Dijkstra, E. W. (1959) A note on two problems in connexion with graphs. Numerische Mathematik 1, 269-271. "
    "https://doi.org/10.1007/BF01386390",
)
