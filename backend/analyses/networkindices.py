"""`driftway:networkindices`: how well a habitat network is connected, and what each patch and link contributes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..declarations import (
    Choice,
    Declaration,
    Number,
    NumberOutput,
    ReportOutput,
    TableOutput,
    Text,
    VectorStyle,
)
from ..errors import InputError, MemoryPlanError
from ..html_report import HtmlReport
from ..job import Job, Report
from ..memory import available_memory, human_bytes
from ..network_curve import CURVE, add_curves, index_curve, table_text
from ..network_input import PatchNetwork, check_dispersal, check_network_headers, read_patch_network
from ..network_output import write_network_results
from ..network_parameters import DEFINITIONS, DISPERSAL, IDENTIFIER, NETWORK, REFERENCES, network_output
from ..network_picture import network_picture
from ..outputs import Outputs

DECLARATION = Declaration(
    id="networkindices",
    label="Network indices",
    group="Habitat networks",
    group_id="networks",
    summary="Computes PC, ECA and IIC of a habitat network and what each patch and each link contributes to them.",
    help=(
        *DEFINITIONS,
        "dPC of a patch is the loss of PC without it in per cent, exactly split in three: intra "
        "(a<sub>k</sub>&sup2;, its own capacity), flux (what flows from and to it) and connector (what all others lose, "
        "because their best paths led through it). A patch whose connector is larger than intra and flux together is "
        "called a stepping stone. Of each link, dec is the loss of ECA without it and dec_improved the gain when it alone "
        "gets better, both in per cent.",
        "IIC takes 1 / (1 + number of links) on the shortest path in place of p*; pairs that are not connected count 0. "
        "PC is split into the patches themselves (intra), direct dispersal along links (direct), and what only stepping "
        "stones make possible (step). Betweenness is the sum of a<sub>i</sub> a<sub>j</sub> p*<sub>ij</sub> over the pairs "
        "of other patches whose shortest path leads through the patch; several shortest paths share equally.",
    ),
    tags=("network", "graph", "patches", "links", "PC", "ECA", "IIC", "dPC", "Conefor", "betweenness", "connectivity"),
    parameters=(
        *NETWORK,
        *DISPERSAL,
        Text(
            "MORE_DISTANCES",
            "Further dispersal distances",
            "Indices of the whole network are computed for these as well, for the plots of index against distance: "
            "numbers apart by blanks or semicolons, for example 500; 1000; 2000.",
            optional=True,
        ),
        Choice(
            "COMPUTE",
            "Compute for each patch and link",
            "What takes longest for large networks is removing links; improving links holds a table of all pairs of nodes.",
            options=(
                ("node_removal", "dPC of patches: intra, flux, connector"),
                ("link_removal", "Loss of ECA without each link"),
                ("link_improvement", "Gain of ECA when a link gets better"),
                ("centrality", "Betweenness, closeness, clustering"),
            ),
            default=("node_removal", "link_removal", "link_improvement", "centrality"),
            several=True,
            optional=True,
        ),
        Number(
            "IMPROVEMENT",
            "Length of an improved link",
            "Share of its length that is left when a link gets better: 0 = as if its ends touched, 0.5 = half.",
            default=0.0,
            minimum=0.0,
            maximum=1.0,
            advanced=True,
        ),
        Choice(
            "IIC_LINKS",
            "Links that count for IIC",
            "All links of the layer, or those that are no longer than the dispersal distance (as Conefor does).",
            options=(("all", "All"), ("within", "Up to the dispersal distance")),
            default="all",
            advanced=True,
        ),
        Number(
            "LANDSCAPE_CAPACITY",
            "Capacity of the whole landscape",
            "A<sub>L</sub>, for example its area: PC = numerator / A<sub>L</sub>&sup2;. Empty: PC is not computed.",
            minimum=0.0,
            optional=True,
            advanced=True,
        ),
        IDENTIFIER,
    ),
    outputs=(
        network_output(
            "Nodes with dpc, intra, flux, connector (per cent of PC), dec (per cent of ECA), stepping_stone, betweenness, "
            "closeness, degree, clustering and component; links with probability, dec and dec_improved (per cent of ECA).",
            VectorStyle("dpc", "viridis", "quantile", size_by="dpc"),
            VectorStyle("dec", "magma", "quantile", size_by="dec", inverted=True),
            optional=True,
        ),
        TableOutput("INDICES", "Indices by distance", "CSV: one row per dispersal distance.", optional=True),
        TableOutput(
            "IMPORTANCE",
            "dPC of the patches by distance",
            "CSV: one row per dispersal distance and patch with dpc, intra, flux and connector.",
            optional=True,
            create_by_default=False,
        ),
        ReportOutput("REPORT", "Report", "Map, numbers and plots of each index against distance.", optional=True),
        NumberOutput("PC_NUMERATOR", "Numerator of PC", "Sum of a_i a_j p*_ij.", unit="capacity x capacity"),
        NumberOutput("ECA", "Equivalent connected area", "Square root of the numerator of PC.", unit="capacity"),
        NumberOutput("IIC_NUMERATOR", "Numerator of IIC", "Sum of a_i a_j / (1 + links).", unit="capacity x capacity"),
        NumberOutput("PC", "Probability of connectivity", "Numerator / LANDSCAPE_CAPACITY^2, where that is given."),
        NumberOutput("PC_INTRA", "Share of the patches themselves", "Sum of a_i^2.", unit="% of PC"),
        NumberOutput("PC_DIRECT", "Share of direct dispersal", "Sum of a_i a_j p_ij over the links.", unit="% of PC"),
        NumberOutput("PC_STEP", "Share that needs stepping stones", "The rest.", unit="% of PC"),
        NumberOutput("TOTAL_CAPACITY", "Total capacity", "Sum of a_i.", unit="capacity"),
        NumberOutput("COMPONENTS", "Components", "Number of parts that no link joins."),
        NumberOutput("STEPPING_STONES", "Stepping stones", "Patches whose connector exceeds intra + flux."),
    ),
    references=REFERENCES,
)


def check_headers(job: Job) -> None:
    """Check layers, fields, numbers and outputs without reading features; raises `InputError`."""
    check_network_headers(job)
    _distances(job)


def check(job: Job, report: Report) -> PatchNetwork:
    """Check everything; raises `InputError` or `MemoryPlanError`."""
    headers = check_network_headers(job)
    _distances(job)
    network = read_patch_network(job, headers, report)
    _say_what_counts_for_iic(job, network, report)
    nodes = len(network.names)
    needed = 2 * 8 * nodes**2 if "link_improvement" in _computed(job) else 0
    limit = job.memory_limit or int(0.8 * available_memory())
    if needed > limit:
        raise MemoryPlanError(
            f"Improving links among {nodes} nodes needs {human_bytes(needed)}, {human_bytes(limit)} may be used.",
            "Leave 'link_improvement' out of COMPUTE, or raise the memory limit.",
            "COMPUTE",
        )
    if needed:
        report.message(f"Peak memory about {human_bytes(needed + 3e8)}.")
    if nodes > 5000 and "link_removal" in _computed(job):
        report.warning(f"Removing each link among {nodes} nodes may take long; COMPUTE can do without.")
    return network


def _say_what_counts_for_iic(job: Job, network: PatchNetwork, report: Report) -> None:
    limit = float(job.parameters["DISPERSAL_DISTANCE"])
    longer = int((np.isfinite(network.length) & (network.length > limit)).sum())
    if longer and job.parameters["IIC_LINKS"] == "all":
        report.message(
            f"Links longer than the dispersal distance: {longer}. They count for IIC (IIC_LINKS = within: as in Conefor)."
        )


def _computed(job: Job) -> tuple[str, ...]:
    return tuple(job.parameters["COMPUTE"] or ())


def _distances(job: Job) -> list[float]:
    check_dispersal(job)
    found = [float(job.parameters["DISPERSAL_DISTANCE"])]
    for word in (job.parameters["MORE_DISTANCES"] or "").replace(";", " ").split():
        try:
            distance = float(word)
        except ValueError:
            distance = math.nan
        if not (math.isfinite(distance) and distance > 0):
            raise InputError(
                "MORE_DISTANCES", f"'{word}' is no distance > 0.", "Write numbers apart by blanks or semicolons."
            )
        found.append(distance)
    return found


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the indices of a job."""
    from ..network_importance import PARTS, importance, importance_by_distance
    from ..network_indices import decay_rate

    network = check(job, report)
    values, distances = job.parameters, _distances(job)
    probability, within = values["PROBABILITY"], values["IIC_LINKS"] == "within"
    rows = index_curve(network, distances, probability, within=within, report=report)
    nodes, edges, numbers = importance(
        network, decay_rate(distances[0], probability), _computed(job), values["IMPROVEMENT"], report
    )
    found, whole = dict(zip(CURVE, rows[0])), values["LANDSCAPE_CAPACITY"]
    numbers = {
        "PC_NUMERATOR": found["pc_numerator"],
        "ECA": found["eca"],
        "IIC_NUMERATOR": found["iic_numerator"],
        "PC": found["pc_numerator"] / whole**2 if whole else math.nan,
        "PC_INTRA": found["intra_percent"],
        "PC_DIRECT": found["direct_percent"],
        "PC_STEP": found["step_percent"],
        "TOTAL_CAPACITY": math.fsum(network.capacity),
        **numbers,
    }
    if outputs.wants("IMPORTANCE"):
        parts = importance_by_distance(network, distances, probability, nodes, report)
        outputs.write_text("IMPORTANCE", table_text(("distance", "node", *PARTS), parts))
    report.progress(1, "Writing the results")
    write_network_results(outputs, "NETWORK", job, network, nodes, edges)
    outputs.write_text("INDICES", table_text(CURVE, sorted(rows)))
    if outputs.wants("REPORT"):
        outputs.write_text("REPORT", _page(job, network, numbers, nodes, rows, outputs.warnings))
    return numbers


def _page(
    job: Job,
    network: PatchNetwork,
    numbers: dict[str, float],
    nodes: dict[str, NDArray[Any]],
    rows: list[list[float]],
    warnings: list[str],
) -> str:
    page = HtmlReport(job, warnings)
    page.add_numbers(numbers)
    if "dpc" in nodes:
        shapes = network.node_table.geometry
        page.sections.append(
            network_picture(shapes, network.start, network.end, nodes["dpc"], "dPC of the patches (%)")
        )
        worth = np.argsort(-nodes["dpc"])[:10]
        table = [
            [network.names[row], *(float(nodes[n][row]) for n in ("dpc", "intra", "flux", "connector"))]
            for row in worth
        ]
        page.add_table("The ten most important patches", ["patch", "dPC %", "intra %", "flux %", "connector %"], table)
    add_curves(page, rows)
    return page.render()
