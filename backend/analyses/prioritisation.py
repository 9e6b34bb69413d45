"""`driftway:prioritisation`: where acting raises connectivity most for a budget."""

from __future__ import annotations

from ..declarations import (
    Band,
    Choice,
    Declaration,
    Number,
    NumberOutput,
    Raster,
    RasterOutput,
    ReportOutput,
    Style,
    TableOutput,
)
from ..landscape_parameters import DEFINITIONS, LANDSCAPE, REFERENCES

_ACTION = (
    Choice(
        "ACTION",
        "Action",
        "What is done to a selected cell. Permeability of a resistance raster is 1 / resistance. Protect: every "
        "candidate that is not selected loses AMOUNT of its quality (not below 0); what protection gains is the loss "
        "that it avoids.",
        options=(
            ("raise_permeability", "Raise permeability by"),
            ("raise_permeability_to", "Raise permeability to"),
            ("raise_quality", "Raise quality by"),
            ("raise_quality_to", "Raise quality to"),
            ("protect", "Protect against a loss of quality of"),
        ),
        default="raise_permeability",
    ),
    Number(
        "AMOUNT",
        "Amount",
        "By how much, or to what value, in units of the raster that the action changes.",
        default=0.4,
        minimum=1e-9,
    ),
    Number(
        "BUDGET",
        "Budget",
        "How much can be spent: cells, area in map units, or cost, see BUDGET_UNIT.",
        minimum=0.0,
        default=100.0,
    ),
    Choice(
        "BUDGET_UNIT",
        "Budget is in",
        "Automatic: cost where there is a cost raster, else number of cells. Area: square map units.",
        options=(("automatic", "Automatic"), ("cells", "Cells"), ("area", "Area"), ("cost", "Cost")),
        default="automatic",
        advanced=True,
    ),
    Raster(
        "COST",
        "Cost",
        "What acting in each cell costs, > 0. Cells without a cost are no candidates.",
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
    Raster(
        "LOCKED_IN",
        "Locked in",
        "Cells (any valid value but 0) that are selected first and count against the budget.",
        grid_of="QUALITY",
        optional=True,
    ),
    Raster(
        "LOCKED_OUT",
        "Locked out",
        "Cells (any valid value but 0) that are never selected.",
        grid_of="QUALITY",
        optional=True,
    ),
    Choice(
        "RANK_BY",
        "Rank by",
        "Gain: sensitivity x the change that the action makes. Sensitivity, elasticity: as they are. All are divided "
        "by the cost where the budget is a cost.",
        options=(("gain", "Predicted gain"), ("sensitivity", "Sensitivity"), ("elasticity", "Elasticity")),
        default="gain",
    ),
    Number(
        "ROUNDS",
        "Rounds",
        "The budget is spent in this many equal parts; before each the sensitivity is computed anew on the landscape as "
        "it then is.",
        default=5,
        minimum=1,
        maximum=1000,
        integer=True,
    ),
    Number(
        "SEED",
        "Seed of the random baseline",
        "The same seed draws the same cells.",
        default=0,
        minimum=0,
        maximum=2147483647,
        integer=True,
        advanced=True,
    ),
)

DECLARATION = Declaration(
    id="prioritisation",
    label="Prioritisation",
    group="Landscape",
    group_id="landscape",
    summary="Selects the cells where restoring or protecting land raises connectivity most for a budget.",
    help=(
        "Ranks candidate cells by what the gradient of connectivity says that acting there would gain, spends the budget "
        "in rounds, and recomputes the gradient after each. The gain that is reported is the true one: C of the changed "
        "landscape minus C before. It stands beside the gain that the gradient predicted, beside that of a random "
        "selection and of the candidates of the highest quality, at the same budget.",
        "Locked-in cells are taken first, whatever they cost, as far as the budget goes; a budget that they exceed is an "
        "error. RANK is 1 for the first cell selected; candidates that are not selected follow in the order of their "
        "last score.",
        *DEFINITIONS,
    ),
    tags=("prioritisation", "restoration", "protection", "budget", "connectivity", "planning"),
    parameters=(*LANDSCAPE[:5], *_ACTION, *LANDSCAPE[5:]),
    outputs=(
        RasterOutput(
            "SELECTION",
            "Selection",
            "1 = selected, 0 = candidate that is not selected; nodata elsewhere.",
            style=Style(
                "viridis", "classes", ((0, "Not selected", "#d9d9d9"), (1, "Selected", "#c2255c"))
            ),
        ),
        RasterOutput(
            "RANK",
            "Rank",
            "1 = the first cell to act in.",
            optional=True,
            style=Style("magma", "linear"),
        ),
        TableOutput(
            "CURVE",
            "Gain against budget",
            "CSV: one row per round with cells, cost, predicted and true gain, random and top-quality baselines.",
            optional=True,
        ),
        ReportOutput("REPORT", "Report", "Maps, gain curve and parameters as one HTML file.", optional=True),
        NumberOutput("C_BEFORE", "Connectivity before", "C of the landscape without action.", unit="quality x quality"),
        NumberOutput("GAIN", "True gain", "C with the selection minus C before.", unit="quality x quality"),
        NumberOutput("GAIN_PREDICTED", "Predicted gain", "What the gradients promised.", unit="quality x quality"),
        NumberOutput(
            "GAIN_RANDOM", "Gain of a random selection", "At the same budget.", unit="quality x quality"
        ),
        NumberOutput(
            "GAIN_TOP_QUALITY",
            "Gain of the top-quality selection",
            "The candidates of the highest quality at the same budget.",
            unit="quality x quality",
        ),
        NumberOutput("SELECTED", "Selected cells", "Number of selected cells.", unit="cells"),
        NumberOutput("SPENT", "Spent budget", "In the unit of the budget."),
    ),
    references=REFERENCES,
)
