"""`driftway:networkscenarios`: the indices of a network under changes, one row per scenario."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np

from ..declarations import Choice, Declaration, Number, NumberOutput, ReportOutput, TableOutput, Vector
from ..errors import InputError
from ..html_report import HtmlReport
from ..job import Job, Report
from ..memory import available_memory, human_bytes
from ..network_input import NetworkHeaders, check_dispersal, check_network_headers, length_of, read_patch_network
from ..network_parameters import DEFINITIONS, DISPERSAL, IDENTIFIER, NETWORK, REFERENCES
from ..network_scenarios import ACTIONS, Scenarios, read_scenarios
from ..network_selections import SELECTIONS, selected_changes
from ..outputs import Outputs
from ..vector_io import VectorLayer
from ..wording import counted

_BYTES_OF_ALL = 3e8

_COLUMNS = (
    "scenario",
    "pc_numerator",
    "eca",
    "eca_change_percent",
    "iic_numerator",
    "components",
    "nodes",
    "total_capacity",
)

DECLARATION = Declaration(
    id="networkscenarios",
    label="Network scenarios",
    group="Habitat networks",
    group_id="networks",
    summary="Computes the indices of a habitat network when patches and links are added, removed or changed.",
    help=(
        "A table holds one change a row: the field scenario says to which scenario it belongs, action what is done, node or "
        "from and to on what, and value the new capacity or distance. Actions: remove_node, set_capacity and add_node "
        "(node, value), remove_link, set_distance and add_link (from, to, value). Rows of one scenario work together.",
        "Features that are selected in QGIS are one more scenario, or one each: choose 'selected features only' for a layer of "
        "nodes or links to remove or to change, or for a layer of candidates to add. What changes gets NEW_CAPACITY or "
        "NEW_DISTANCE, or where these are empty what the fields of the given layer hold, for example of an edited copy. What "
        "is added has the fields of NODES and EDGES; a node that is added alone comes with the added links that join it to "
        "the network.",
        *DEFINITIONS,
    ),
    tags=("network", "graph", "scenario", "restoration", "removal", "PC", "ECA", "IIC", "patches", "links"),
    parameters=(
        *NETWORK,
        *DISPERSAL,
        Vector(
            "SCENARIOS",
            "Scenarios",
            f"Table with scenario, action ({', '.join(ACTIONS)}), node, from, to, value.",
            optional=True,
        ),
        Vector("REMOVED_NODES", "Nodes to remove", "Features of NODES.", optional=True),
        Vector("REMOVED_LINKS", "Links to remove", "Features of EDGES.", optional=True),
        Vector(
            "CHANGED_NODES", "Nodes to change", "Features of NODES, or of a copy with new capacities.", optional=True
        ),
        Number(
            "NEW_CAPACITY",
            "New capacity",
            "Of the nodes to change. Empty: what the capacity field of that layer holds.",
            minimum=0.0,
            unit="capacity",
            optional=True,
        ),
        Vector(
            "CHANGED_LINKS", "Links to change", "Features of EDGES, or of a copy with new distances.", optional=True
        ),
        Number(
            "NEW_DISTANCE",
            "New distance",
            "Of the links to change. Empty: what the distance field of that layer holds.",
            minimum=0.0,
            unit="unit of the distance field",
            optional=True,
        ),
        Vector("ADDED_NODES", "Nodes to add", "Candidates with the fields of NODES.", optional=True),
        Vector("ADDED_LINKS", "Links to add", "Candidates with the fields of EDGES.", optional=True),
        Choice(
            "SELECTED",
            "Features to remove, change or add",
            "Make one scenario together, or a scenario each.",
            options=(("together", "One scenario"), ("each", "A scenario each")),
            default="together",
        ),
        IDENTIFIER,
    ),
    outputs=(
        TableOutput("INDICES", "Indices by scenario", "CSV: one row per scenario, the network as it is first."),
        ReportOutput("REPORT", "Report", "The table with the parameters as one HTML file.", optional=True),
        NumberOutput("SCENARIO_COUNT", "Scenarios", "Without the network as it is."),
        NumberOutput("PC_NUMERATOR", "Numerator of PC", "Of the network as it is.", unit="capacity x capacity"),
        NumberOutput("ECA", "Equivalent connected area", "Of the network as it is.", unit="capacity"),
        NumberOutput("BEST_ECA", "Largest ECA", "Of all scenarios.", unit="capacity"),
    ),
    references=REFERENCES,
)


def _headers(job: Job) -> NetworkHeaders:
    headers = check_network_headers(job)
    check_dispersal(job)
    given = job.parameters
    if not any(given[name] for name in ("SCENARIOS", *SELECTIONS)):
        raise InputError("SCENARIOS", "There is no scenario.", "Give a table, or features to remove, change or add.")
    for name in SELECTIONS:
        if given[name]:
            VectorLayer(given[name], name)
    if given["SCENARIOS"]:
        table = VectorLayer(given["SCENARIOS"], "SCENARIOS")
        for name in ("scenario", "action"):
            table.field(name, "SCENARIOS")
    return headers


def check_headers(job: Job) -> None:
    """Check layers, fields, numbers and outputs without reading features; raises `InputError`."""
    _headers(job)


def check(job: Job, report: Report) -> Scenarios:
    """Check everything; raises `InputError` or `MemoryPlanError`."""
    network = read_patch_network(job, _headers(job), report)
    given = job.parameters
    table = VectorLayer(given["SCENARIOS"], "SCENARIOS").read() if given["SCENARIOS"] else None
    found = read_scenarios(network, table, selected_changes(job, network), length_of(job), _memory(job))
    used = 16 * found.capacity.size + 16 * found.length.size
    report.message(
        f"{counted(len(found.names) - 1, 'scenario')}, peak memory about {human_bytes(used + _BYTES_OF_ALL)}."
    )
    return found


def _memory(job: Job) -> int:
    return (job.memory_limit or int(0.8 * available_memory())) // 2


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the indices of all scenarios."""
    from ..network_indices import decay_rate
    from ..network_scenarios import scenario_totals

    scenarios = check(job, report)
    values = job.parameters
    rate = decay_rate(values["DISPERSAL_DISTANCE"], values["PROBABILITY"])
    totals = scenario_totals(scenarios, rate, _memory(job), report)
    eca = np.sqrt(np.maximum(totals["pc_numerator"], 0))
    rows: list[list[Any]] = []
    for number, name in enumerate(scenarios.names):
        a, there = scenarios.capacity[number], scenarios.there[number]
        change = 100 * (eca[number] / eca[0] - 1) if eca[0] > 0 else math.nan
        row = [name, float(totals["pc_numerator"][number]), float(eca[number]), float(change)]
        row += [float(totals["iic_numerator"][number]), int(totals["components"][number])]
        rows.append([*row, int(there.sum()), math.fsum(a)])
    numbers = {
        "SCENARIO_COUNT": len(rows) - 1,
        "PC_NUMERATOR": rows[0][1],
        "ECA": rows[0][2],
        "BEST_ECA": float(eca.max()),
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(rows)
    outputs.write_text("INDICES", text.getvalue())
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        page.add_table("Indices by scenario", [name.replace("_", " ") for name in _COLUMNS], rows)
        outputs.write_text("REPORT", page.render())
    return numbers
