"""The vocabulary that all analyses of habitat networks share."""

from __future__ import annotations

from .declarations import Choice, Field, Number, OutputLayer, Parameter, Vector, VectorOutput, VectorStyle

NETWORK: tuple[Parameter, ...] = (
    Vector(
        "NODES",
        "Nodes (patches)",
        "A layer with one feature per patch: points or polygons, or a table without geometry. What names them is found by "
        "itself (fields like index, id, patch, or the feature id), or see ID_FIELD.",
    ),
    Vector(
        "EDGES",
        "Links",
        "A layer or a table with one row per link. Its fields from and to hold the names of the two patches that the link "
        "joins; it can be gone both ways.",
    ),
    Field(
        "CAPACITY_FIELD",
        "Capacity field",
        "Field of the nodes: how much habitat a patch holds, >= 0, for example its area.",
        vector="NODES",
        numeric=True,
        default="capacity",
    ),
    Field(
        "DISTANCE_FIELD",
        "Distance field",
        "Field of the links: their length or cost, >= 0.",
        vector="EDGES",
        numeric=True,
        default="distance",
    ),
)

DISPERSAL: tuple[Parameter, ...] = (
    Number(
        "DISPERSAL_DISTANCE",
        "Dispersal distance",
        "The distance at which the probability of dispersal is PROBABILITY, in the unit of the distance field. With a "
        "probability of 0.5 this is the median dispersal distance.",
        minimum=0.0,
        unit="unit of the distance field",
    ),
    Number(
        "PROBABILITY",
        "Probability at that distance",
        "p<sub>0</sub> of p = exp(-k d), k = -ln(p<sub>0</sub>) / d<sub>0</sub>: 0.5 for a median, 0.05 for a maximum "
        "dispersal distance; e<sup>-1</sup> = 0.3679 for a mean.",
        default=0.5,
        minimum=1e-9,
        maximum=0.999999,
    ),
    Choice(
        "LINK_VALUES",
        "The distance field holds",
        "Lengths or costs; or the probability of direct dispersal along each link, 0 to 1, as in Conefor's probability "
        "files. Then p is what the field says, and a link counts as -ln(p) / k long.",
        options=(("distance", "Distances"), ("probability", "Probabilities")),
        default="distance",
        advanced=True,
    ),
)

IDENTIFIER = Field(
    "ID_FIELD",
    "Field that names the nodes",
    "Field of the nodes whose values from and to hold. Empty: the first of index, id, node, patch, the feature id and other "
    "fields that fits.",
    vector="NODES",
    optional=True,
    advanced=True,
)

DEFINITIONS = (
    "The probability of dispersal along a link of length d is p = exp(-k d), k = -ln(p<sub>0</sub>) / d<sub>0</sub>; "
    "p*<sub>ij</sub> is the largest product of probabilities along any path between i and j. The numerator of PC is "
    "&Sigma;<sub>ij</sub> a<sub>i</sub> a<sub>j</sub> p*<sub>ij</sub>, pairs i = j included, and ECA is its square root: the "
    "capacity of one single patch that would be as good as the whole network.",
)

REFERENCES = (
    "Saura, S. & Pascual-Hortal, L. (2007) A new habitat availability index to integrate connectivity in landscape "
    "conservation planning. Landscape and Urban Planning 83, 91-103. https://doi.org/10.1016/j.landurbplan.2007.03.005",
    "Saura, S. & Rubio, L. (2010) A common currency for the different ways in which patches and links can contribute to "
    "habitat availability and connectivity in the landscape. Ecography 33, 523-537. "
    "https://doi.org/10.1111/j.1600-0587.2009.05760.x",
    "Saura, S. et al. (2011) Network analysis to assess landscape connectivity trends: application to European forests "
    "(1990-2000). Ecological Indicators 11, 407-416. https://doi.org/10.1016/j.ecolind.2010.06.011",
    "Pascual-Hortal, L. & Saura, S. (2006) Comparison and development of new graph-based landscape connectivity indices. "
    "Landscape Ecology 21, 959-967. https://doi.org/10.1007/s10980-006-0013-z",
)


def network_output(
    help: str,  # noqa: A002
    node_style: VectorStyle,
    edge_style: VectorStyle,
    *,
    optional: bool = False,
) -> VectorOutput:
    """Return the output of all network analyses: one GeoPackage with the layers `nodes` and `edges`."""
    return VectorOutput(
        "NETWORK",
        "Network",
        help,
        optional=optional,
        layers=(
            OutputLayer("edges", "EDGES_LAYER", "Links", edge_style),
            OutputLayer("nodes", "NODES_LAYER", "Nodes", node_style),
        ),
    )
