"""The vocabulary of planning: action, candidates, budget, target; light."""

from __future__ import annotations

from .actions import OPTIONS
from .declarations import Band, Choice, Field, File, Number, Parameter, Raster, Vector
from .objective import RULES

ACTION: tuple[Parameter, ...] = (
    Choice(
        "ACTION",
        "Action",
        "What is done to a selected candidate. Raise: restoration, by an amount, to a value, or towards target rasters. Permeability "
        "of a resistance raster is 1 / resistance. Protect: every candidate that is not selected loses AMOUNT of its quality or "
        "permeability (not below 0), or falls to the target rasters; what protection gains is the loss that it avoids. Barriers stay "
        "barriers: give cells to be opened a small permeability first.",
        options=OPTIONS,
        default="raise_permeability",
    ),
    Number(
        "AMOUNT",
        "Amount",
        "By how much, or to what value, in units of the raster that the action changes. Towards target rasters: the share of the "
        "way, up to 1.",
        default=0.4,
        minimum=1e-9,
    ),
    Number(
        "AMOUNT_QUALITY",
        "Amount for quality",
        "Where permeability and quality are raised together: by how much, or to what value, quality is raised.",
        default=0.4,
        minimum=0.0,
        advanced=True,
    ),
    Raster(
        "TARGET_MOVEMENT",
        "Target of the movement raster",
        "For 'towards' and 'protect from': the movement raster as it would be after restoration, or if nothing is protected, in the "
        "same units. Nodata: no change there.",
        grid_of="QUALITY",
        optional=True,
        advanced=True,
    ),
    Band(
        "TARGET_MOVEMENT_BAND",
        "Target movement band",
        "Its band.",
        raster="TARGET_MOVEMENT",
        optional=True,
        advanced=True,
    ),
    Raster(
        "TARGET_QUALITY",
        "Target of the quality raster",
        "The same for quality.",
        grid_of="QUALITY",
        optional=True,
        advanced=True,
    ),
    Band(
        "TARGET_QUALITY_BAND", "Target quality band", "Its band.", raster="TARGET_QUALITY", optional=True, advanced=True
    ),
)

BUDGET: tuple[Parameter, ...] = (
    Number(
        "BUDGET",
        "Budget",
        "How much can be spent: cells, parcels, area in map units, or cost, see BUDGET_UNIT.",
        minimum=0.0,
        default=100.0,
    ),
    Choice(
        "BUDGET_UNIT",
        "Budget is in",
        "Automatic: cost where there is a cost raster or field, else number of cells (of parcels or blocks, where these are the "
        "candidates). Area: square map units, on longitudes and latitudes square metres.",
        options=(
            ("automatic", "Automatic"),
            ("cells", "Cells"),
            ("candidates", "Candidates (parcels, blocks)"),
            ("area", "Area"),
            ("cost", "Cost"),
        ),
        default="automatic",
        advanced=True,
    ),
    Raster(
        "COST",
        "Cost",
        "What acting in each cell costs, > 0; a parcel or block costs the sum of its cells. Cells without a cost are no candidates.",
        grid_of="QUALITY",
        optional=True,
    ),
    Band("COST_BAND", "Cost band", "Band of the cost raster.", raster="COST", optional=True, advanced=True),
    Raster(
        "CANDIDATES",
        "Candidate cells",
        "Cells where action is possible (any valid value but 0). Empty: every cell that is no barrier.",
        grid_of="QUALITY",
        optional=True,
    ),
    Vector(
        "PARCELS",
        "Parcels",
        "Polygons that are acted in whole or not at all: land parcels, management units. A cell belongs to the polygon that holds its "
        "centre; they may not overlap. Empty: each cell is a candidate of its own.",
        geometry="polygon",
        optional=True,
    ),
    Field(
        "COST_FIELD",
        "Cost of a parcel",
        "Field with what acting in the parcel costs, > 0. Parcels without a cost are no candidates.",
        vector="PARCELS",
        numeric=True,
        optional=True,
        advanced=True,
    ),
    Number(
        "BLOCK_SIDE",
        "Side of a block of cells",
        "Without parcels: squares of this many cells are acted in whole or not at all. 1: single cells.",
        default=1,
        minimum=1,
        maximum=1000,
        integer=True,
        unit="cells",
        advanced=True,
    ),
    Raster(
        "LOCKED_IN",
        "Locked in",
        "Cells (any valid value but 0) that are selected first and count against the budget; a parcel or block where more than half "
        "of its cells are.",
        grid_of="QUALITY",
        optional=True,
    ),
    Raster(
        "LOCKED_OUT",
        "Locked out",
        "Cells (any valid value but 0) that are never selected; a parcel or block where more than half of its cells are.",
        grid_of="QUALITY",
        optional=True,
    ),
    Number(
        "MINIMUM_PATCH",
        "Smallest patch",
        "Selected candidates that touch, at sides or corners, form a patch; every patch has at least this area. Locked-in cells stay "
        "whatever their size.",
        default=0.0,
        minimum=0.0,
        unit="square map units",
        advanced=True,
    ),
    Number(
        "COMPACTNESS",
        "Weight of compactness",
        "What a long outline costs while selecting: with 1, the outline of a single cell (four sides) costs as much as a selected cell "
        "gains on average. 0: shape does not matter. Gains are reported without this cost.",
        default=0.0,
        minimum=0.0,
        maximum=100.0,
        advanced=True,
    ),
)

TARGET: tuple[Parameter, ...] = (
    Choice(
        "TARGET",
        "What is to be raised",
        "Connectivity C; equivalent connected area ECA (the square root of C with self terms); how near chosen sites are by the mean "
        "effective resistance between them, which is lowered; or the current between chosen sites that passes through habitat: mean over "
        "pairs of sites of the sum of quality x current, 1 A between each pair.",
        options=(
            ("c", "Connectivity C"),
            ("eca", "Equivalent connected area"),
            ("resistance", "Effective resistance between sites (lowered)"),
            ("current", "Quality-weighted current between sites"),
        ),
        default="c",
        advanced=True,
    ),
    Vector(
        "SITES",
        "Sites",
        "For the last two targets: points or polygons between which current flows over the whole raster.",
        optional=True,
        advanced=True,
    ),
    File(
        "LANDSCAPES",
        "Species and scenarios",
        "A CSV file with a row for each landscape that the plan is for: columns name, quality, movement (raster files; relative to the "
        "table's folder; empty: the rasters given above), weight (of a species), scenario (rows with the same name belong to one "
        "scenario), dispersal_distance. Each landscape then counts by its change in per cent. Empty: the one landscape given above.",
        ending="csv",
        optional=True,
        advanced=True,
    ),
    Choice(
        "SCENARIO_RULE",
        "Scenarios count by",
        "Their mean, the worst of them, or softly by the worst: -s ln(mean of e<sup>-x/s</sup>) of their changes x in per cent, with s = "
        "SOFTNESS.",
        options=RULES,
        default="mean",
        advanced=True,
    ),
    Number(
        "SOFTNESS",
        "Softness of the soft worst case",
        "Small: nearly the worst case; large: nearly the mean.",
        default=2.0,
        minimum=1e-3,
        maximum=1e6,
        unit="%",
        advanced=True,
    ),
)
