"""`driftway:prioritisation`: where acting raises connectivity most for a budget."""

from __future__ import annotations

from .. import planning_checks
from ..declarations import (
    Choice,
    Declaration,
    Flag,
    Number,
    NumberOutput,
    OutputLayer,
    RasterOutput,
    ReportOutput,
    Style,
    TableOutput,
    VectorOutput,
    VectorStyle,
)
from ..errors import InputError
from ..job import Job, Report
from ..landscape_parameters import DEFINITIONS, LANDSCAPE, REFERENCES
from ..landscape_plan import LandscapePlan
from ..outputs import Outputs
from ..planning_parameters import ACTION, BUDGET, TARGET

_METHOD = (
    Choice(
        "METHOD",
        "Method",
        "Ranking: the gradient says what each candidate promises; fast on large rasters. Greedy: one candidate after another, each by its "
        "true gain; slower, for up to some thousand candidates. Flow: a continuous allocation follows the gradient under the budget "
        "and is rounded; often the best for hundreds of candidates or more that help each other. Integer: the best selection by what the "
        "gradient promises, proven, with COMPACTNESS. Every subset: the truly best one, for tiny problems.",
        options=(
            ("ranking", "Ranking by the gradient, in rounds"),
            ("greedy", "Greedy, by true gains"),
            ("flow", "Gradient flow, rounded"),
            ("integer", "Integer programme of the linearised problem"),
            ("exact", "Every affordable subset"),
        ),
        default="ranking",
    ),
    Choice(
        "RANK_BY",
        "Rank by",
        "For the ranking. Gain: sensitivity x the change that the action makes. Sensitivity, elasticity: as they are. All are divided "
        "by the cost.",
        options=(("gain", "Predicted gain"), ("sensitivity", "Sensitivity"), ("elasticity", "Elasticity")),
        default="gain",
    ),
    Number(
        "ROUNDS",
        "Rounds",
        "The ranking spends the budget in this many equal parts; before each the sensitivity is computed anew on the landscape as "
        "it then is. The integer programme linearises at most so often. For every method the curve has so many points.",
        default=5,
        minimum=1,
        maximum=1000,
        integer=True,
    ),
    Flag(
        "EXHAUSTIVE",
        "Greedy: compute every outdated gain",
        "Off: lazily, only the gains of candidates that come first by their last gain, or by what the gradient now promises. On: all "
        "whose surroundings have changed, in each step.",
        advanced=True,
    ),
    Number(
        "STARTS",
        "Flow: starts",
        "Nothing allocated, the budget spread evenly, then random ones; the best result counts.",
        default=3,
        minimum=1,
        maximum=100,
        integer=True,
        advanced=True,
    ),
    Number(
        "STEPS",
        "Flow: most steps per start",
        "Each needs a gradient; a start ends earlier when it gains no more.",
        default=60,
        minimum=1,
        maximum=10000,
        integer=True,
        advanced=True,
    ),
    Number(
        "EXCHANGES",
        "Greedy and flow: most exchanges",
        "At the end, a selected candidate is exchanged for another one while that truly gains, at most so often.",
        default=50,
        minimum=0,
        maximum=100000,
        integer=True,
        advanced=True,
    ),
    Number(
        "RANDOM_DRAWS",
        "Random selections",
        "How many random selections the plan is compared with; their mean and spread are drawn.",
        default=5,
        minimum=1,
        maximum=100,
        integer=True,
        advanced=True,
    ),
    Flag(
        "BOUND",
        "Say how far from the best possible",
        "Computes what no affordable selection can exceed, where such a bound is known: least cost, Euclidean or resistance distances, "
        "and for least cost rasters of up to about a thousand cells. It takes longer.",
        default=True,
        advanced=True,
    ),
    Flag(
        "KEEP",
        "Keep the best plan so far when cancelled",
        "Writes the selection after each round beside SELECTION, its name ending in '-so-far'; it is removed when the run ends well.",
        advanced=True,
    ),
    Number(
        "SEED",
        "Seed of everything random",
        "The same seed draws the same random selections and starts.",
        default=0,
        minimum=0,
        maximum=2147483647,
        integer=True,
        advanced=True,
    ),
)

_UNIT = "quality x quality"

DECLARATION = Declaration(
    id="prioritisation",
    label="Prioritisation",
    group="Landscape",
    group_id="landscape",
    summary="Selects the cells or parcels where restoring or protecting land raises connectivity most for a budget.",
    help=(
        "Chooses candidates - cells, blocks of cells, or the parcels of a vector layer - for an action and a budget, so that "
        "connectivity rises most. The gain that is reported is the true one: the target in the changed landscape minus the target "
        "before. It stands beside the gain that the gradient predicted, and beside those of random selections, of the candidates of "
        "the highest quality, and of a threshold on the map of elasticity, at the same budget. On large rasters these baselines "
        "are estimated from a sample of the sources, and their standard error is said.",
        "Locked-in candidates are taken first, whatever they cost, as far as the budget goes; a budget that they exceed is an "
        "error. RANK is 1 for the first candidate selected; those that are not selected follow in the order of their "
        "last score.",
        "With several landscapes (LANDSCAPES) gains are in per cent of each landscape's target before the action.",
        *DEFINITIONS,
    ),
    tags=(
        "prioritisation",
        "restoration",
        "protection",
        "budget",
        "parcels",
        "optimisation",
        "connectivity",
        "planning",
    ),
    parameters=(*LANDSCAPE[:5], *ACTION, *BUDGET, *_METHOD, *TARGET, *LANDSCAPE[5:]),
    outputs=(
        RasterOutput(
            "SELECTION",
            "Selection",
            "1 = selected, 0 = candidate that is not selected; nodata elsewhere.",
            optional=True,
            style=Style("viridis", "classes", ((0, "Not selected", "#d9d9d9"), (1, "Selected", "#c2255c"))),
        ),
        RasterOutput(
            "RANK",
            "Rank",
            "1 = the first candidate to act in.",
            optional=True,
            style=Style("magma", "linear"),
        ),
        RasterOutput(
            "ALLOCATION",
            "Continuous allocation",
            "Share of the action in each candidate before rounding (flow); 0 or 1 for other methods.",
            optional=True,
            create_by_default=False,
            style=Style("viridis", "linear"),
        ),
        VectorOutput(
            "PLAN",
            "Parcels with the plan",
            "With PARCELS: those that are candidates, with selected (0 or 1), rank, cost and promised_gain (of acting there first).",
            optional=True,
            create_by_default=False,
            layers=(
                OutputLayer("plan", "PLAN_LAYER", "Parcels with the plan", VectorStyle(field="rank", ramp="magma")),
            ),
        ),
        TableOutput(
            "CURVE",
            "Gain against budget",
            "CSV: one row per round with cells, cost, predicted and true gain, and the gains of the baselines.",
            optional=True,
        ),
        ReportOutput(
            "REPORT",
            "Report",
            "Maps, gain curve, how far from the best, and parameters as one HTML file.",
            optional=True,
        ),
        NumberOutput(
            "C_BEFORE",
            "Connectivity before",
            "The target without action: C, ECA (quality), minus the mean resistance (map units), current (A x quality); 0 with several "
            "landscapes.",
            unit=_UNIT,
        ),
        NumberOutput("GAIN", "True gain", "The target with the selection minus the target before.", unit=_UNIT),
        NumberOutput("GAIN_PERCENT", "True gain in per cent", "Of the target before.", unit="%"),
        NumberOutput("GAIN_PREDICTED", "Predicted gain", "What the gradients promised.", unit=_UNIT),
        NumberOutput("GAIN_RANDOM", "Gain of a random selection", "At the same budget, mean of the draws.", unit=_UNIT),
        NumberOutput(
            "GAIN_TOP_QUALITY",
            "Gain of the top-quality selection",
            "The candidates of the highest quality at the same budget.",
            unit=_UNIT,
        ),
        NumberOutput(
            "GAIN_ELASTICITY",
            "Gain of an elasticity threshold",
            "The candidates of the highest elasticity before the action, at the same budget.",
            unit=_UNIT,
        ),
        NumberOutput(
            "BEST_POSSIBLE",
            "Upper bound of the gain",
            "No affordable selection gains more; empty: no bound.",
            unit=_UNIT,
        ),
        NumberOutput("SELECTED", "Selected cells", "Number of selected cells.", unit="cells"),
        NumberOutput("SPENT", "Spent budget", "In the unit of the budget."),
    ),
    references=(
        *REFERENCES,
        "Moilanen, A. et al. (2005) Prioritizing multiple-use landscapes for conservation: methods for large multi-species planning "
        "problems. Proceedings of the Royal Society B 272, 1885-1891. https://doi.org/10.1098/rspb.2005.3164",
        "Minoux, M. (1978) Accelerated greedy algorithms for maximizing submodular set functions. Optimization Techniques, 234-243. "
        "https://doi.org/10.1007/BFb0006528",
    ),
)


def check_headers(job: Job) -> None:
    """Check what can be checked without reading values; raises `InputError`."""
    planning_checks.check_problem_headers(job)
    if job.outputs.get("PLAN") and not job.parameters["PARCELS"]:
        raise InputError("PLAN", "It holds parcels, and there are none.", "Give PARCELS, or leave the output out.")
    if job.parameters["KEEP"] and not job.outputs.get("SELECTION"):
        raise InputError(
            "KEEP", "The plan so far is written beside SELECTION, which is not asked for.", "Give SELECTION a file."
        )


def check(job: Job, report: Report) -> LandscapePlan:
    """Check everything and plan the windows; raises `InputError` or `MemoryPlanError`."""
    check_headers(job)
    return planning_checks.check_problem(job, report).plan


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the selection, its rank, its gain and the baselines of a job."""
    from ..planning_job import journal_of, problem_of
    from ..prioritisation import Settings, prioritise
    from ..prioritisation_flow import Flow
    from ..prioritisation_output import PlanSoFar, numbers_of, write_plan

    check_headers(job)
    checked = planning_checks.check_problem(job, report)
    values = job.parameters
    report.progress(0, "Round 1: gradient")
    # A gradient for each part of the budget, or each step of the flow; what is tried comes on top.
    answers = 3 * (int(values["ROUNDS"]) + int(values["STEPS"]) * int(values["STARTS"]) * (values["METHOD"] == "flow"))
    problem = problem_of(job, checked, report, journal_of(job, checked, outputs, answers))
    settings = Settings(
        method=values["METHOD"],
        rounds=int(values["ROUNDS"]),
        rank_by=values["RANK_BY"],
        seed=int(values["SEED"]),
        exhaustive=values["EXHAUSTIVE"],
        flow=Flow(int(values["STEPS"]), int(values["STARTS"]), int(values["EXCHANGES"])),
        smallest_patch=planning_checks.smallest_patch(job, checked.plan),
        draws=int(values["RANDOM_DRAWS"]),
    )
    so_far = PlanSoFar(job, checked)
    found = prioritise(problem, settings, problem.members[0].landscape.quality, so_far.keep)
    numbers, verdict = numbers_of(job, problem, found, report)
    report.progress(1, "Writing the results")
    write_plan(job, checked, problem, found, numbers, verdict, outputs)
    so_far.remove()
    return numbers
