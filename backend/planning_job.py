"""From a checked job to the problem that the methods solve."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from .circuit_target import CircuitTarget
from .distance_constants import distance_constant
from .incremental import IncrementalConnectivity
from .job import Job, Report
from .journal import Journal, digest_of
from .landscape import Landscape, read_landscape
from .landscape_blocks import Blocks
from .landscape_plan import LandscapePlan
from .outputs import Outputs
from .planning import Member, Problem
from .planning_checks import CheckedMember, CheckedProblem
from .targets import ConnectivityTarget, Target
from .window_plan import settled

#: Baselines on landscapes of more blocks are estimated from a sample of this many.
SAMPLE = 2500
#: Bytes of a cell in the state of a landscape: it and the last gradient, then and now, and what is under way.
STATE_BYTES = 72


def blocks_of(job: Job, plan: LandscapePlan, landscape: Landscape) -> Blocks:
    """Return the blocks of a landscape, in adaptive windows where nothing beyond the reach has an influence."""
    local = (
        distance_constant(job.parameters["DISTANCE"], "HALO_FOLLOWS") == "resistance"
        and not plan.windows.window.own_windows
    )
    return Blocks(landscape.model, plan.windows, local)


def connectivity_target(
    job: Job,
    plan: LandscapePlan,
    landscape: Landscape,
    report: Report,
    *,
    index: str,
    by_quality: bool = True,
    by_paths: bool = True,
) -> ConnectivityTarget:
    """Return C or ECA of a landscape as a target."""
    connectivity = IncrementalConnectivity(
        blocks_of(job, plan, landscape),
        landscape.resistance,
        np.nan_to_num(landscape.quality).astype(landscape.dtype),
        report,
        cost=landscape.movement_cost,
        by_quality=by_quality,
        by_paths=by_paths,
    )
    count_self = bool(job.parameters["SELF"])
    seed = int(job.parameters.get("SEED") or 0)
    return ConnectivityTarget(connectivity, index, count_self, sample=SAMPLE, seed=seed)


def journal_of(job: Job, checked: CheckedProblem, outputs: Outputs, answers: float) -> Journal:
    """Return the journal of a search, which is tied to all that was read for it.

    Parameters
    ----------
    job : Job
    checked : CheckedProblem
    outputs : Outputs
        Of the run.
    answers : float
        How many numbers per candidate the search is answered, roughly.
    """
    candidates = checked.candidates
    plain: list[object] = [candidates.budget, candidates.unit]
    arrays = [candidates.number, candidates.cost, candidates.locked_in]
    for member in checked.members:
        row, targets = member.row, dict(sorted(member.action.targets.items()))
        plain.append([row.job.parameters["DISPERSAL_DISTANCE"], row.name, row.weight, row.scenario])
        plain.append([member.plan.survey.content, *targets])
        arrays += targets.values()
    arrays += [] if checked.sites is None else checked.sites.cells
    cells = checked.plan.headers.grid.cells
    needed = 2 * len(checked.members) * cells * STATE_BYTES + 8 * answers * len(candidates)
    return outputs.journal({"problem": json.dumps(plain), "arrays": digest_of(*arrays)}, int(needed))


def _settled(job: Job, checked: CheckedProblem, journal: Journal) -> list[CheckedMember]:
    """Return the landscapes with the blocks and batches that an earlier run took."""
    members = checked.members
    for _ in range(2):  # what no longer fits empties the journal of what was entered before it
        members = [
            replace(
                each,
                plan=replace(each.plan, windows=settled(each.plan.windows, journal, job.memory_limit, f"plan {n}")),
            )
            for n, each in enumerate(checked.members)
        ]
    return members


def problem_of(job: Job, checked: CheckedProblem, report: Report, journal: Journal | None = None) -> Problem:
    """Read the landscapes of a job and put the problem together.

    Parameters
    ----------
    job : Job
        With the parameters of planning.
    checked : CheckedProblem
    report : Report
        May cancel.
    journal : Journal, optional
        Keeps what is found, and knows what an earlier run has found.
    """
    values = job.parameters
    scenarios = list(dict.fromkeys(member.row.scenario for member in checked.members))
    members = []
    for each in checked.members if journal is None else _settled(job, checked, journal):
        landscape = read_landscape(each.row.job, each.plan, report)
        target: Target
        if values["TARGET"] in ("resistance", "current") and checked.sites is not None:
            target = CircuitTarget(values["TARGET"], checked.sites, landscape.model.neighbourhood)
        else:
            target = connectivity_target(
                each.row.job,
                each.plan,
                landscape,
                report,
                index="ECA" if values["TARGET"] == "eca" else "C",
                by_quality="quality" in each.action.rasters,
                by_paths="movement" in each.action.rasters,
            )
        members.append(
            Member(each.row.name, landscape, each.action, target, each.row.weight, scenarios.index(each.row.scenario))
        )
    problem = Problem(
        members, checked.candidates, values["SCENARIO_RULE"], values["SOFTNESS"], report, values["COMPACTNESS"]
    )
    if journal is not None:
        problem.keep(journal)
    return problem
