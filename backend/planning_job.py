"""From a checked job to the problem that the methods solve."""

from __future__ import annotations

import numpy as np

from .circuit_target import CircuitTarget
from .incremental import IncrementalConnectivity
from .job import Job, Report
from .landscape import Landscape, read_landscape
from .landscape_blocks import Blocks
from .landscape_checks import distance_constant
from .landscape_plan import LandscapePlan
from .planning import Member, Problem
from .planning_checks import CheckedProblem
from .targets import ConnectivityTarget, Target

#: Baselines on landscapes of more blocks are estimated from a sample of this many.
SAMPLE = 2500


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


def problem_of(job: Job, checked: CheckedProblem, report: Report) -> Problem:
    """Read the landscapes of a job and put the problem together.

    Parameters
    ----------
    job : Job
        With the parameters of planning.
    checked : CheckedProblem
    report : Report
        May cancel.
    """
    values = job.parameters
    scenarios = list(dict.fromkeys(member.row.scenario for member in checked.members))
    members = []
    for each in checked.members:
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
    return Problem(
        members, checked.candidates, values["SCENARIO_RULE"], values["SOFTNESS"], report, values["COMPACTNESS"]
    )
