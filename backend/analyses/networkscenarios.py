"""`driftway:networkscenarios`: the indices of a network under changes, one row per scenario."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np

from ..declarations import Declaration, NumberOutput, ReportOutput, TableOutput, Vector
from ..errors import InputError
from ..html_report import HtmlReport
from ..job import Job, Report
from ..memory import available_memory
from ..network_input import NetworkHeaders, PatchNetwork, check_dispersal, check_network_headers, read_patch_network
from ..network_parameters import DEFINITIONS, DISPERSAL, IDENTIFIER, NETWORK, REFERENCES
from ..network_scenarios import ACTIONS, Scenarios, read_scenarios
from ..outputs import Outputs
from ..vector_io import VectorLayer

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
        "Features that are selected in QGIS can be one more scenario: give the layer of nodes or links as REMOVED_NODES or "
        "REMOVED_LINKS with 'selected features only'.",
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
        Vector(
            "REMOVED_NODES",
            "Nodes to remove",
            "Features of NODES that the scenario 'selection' removes.",
            optional=True,
        ),
        Vector(
            "REMOVED_LINKS",
            "Links to remove",
            "Features of EDGES that the scenario 'selection' removes.",
            optional=True,
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
    if not any(given[name] for name in ("SCENARIOS", "REMOVED_NODES", "REMOVED_LINKS")):
        raise InputError("SCENARIOS", "There is no scenario.", "Give a table, or features to remove.")
    if given["SCENARIOS"]:
        table = VectorLayer(given["SCENARIOS"], "SCENARIOS")
        for name in ("scenario", "action"):
            table.field(name, "SCENARIOS")
    return headers


def check_headers(job: Job) -> None:
    """Check layers, fields, numbers and outputs without reading features; raises `InputError`."""
    _headers(job)


def check(job: Job, report: Report) -> tuple[PatchNetwork, Scenarios]:
    """Check everything; raises `InputError`."""
    network = read_patch_network(job, _headers(job), report)
    given = job.parameters
    table = VectorLayer(given["SCENARIOS"], "SCENARIOS").read() if given["SCENARIOS"] else None
    return network, read_scenarios(network, table, _removed_nodes(job, network), _removed_links(job, network))


def _removed_nodes(job: Job, network: PatchNetwork) -> list[int]:
    source = job.parameters["REMOVED_NODES"]
    if not source:
        return []
    layer = VectorLayer(source, "REMOVED_NODES")
    table = layer.read()
    if network.named_by:
        values = table.columns[layer.field(network.named_by, "REMOVED_NODES")].tolist()
    else:
        values = table.fid.tolist()
    place = {name: row for row, name in enumerate(network.names)}
    names = [str(int(v)) if isinstance(v, float) and v == int(v) else str(v).strip() for v in values]
    unknown = next((name for name in names if name not in place), None)
    if unknown is not None:
        raise InputError("REMOVED_NODES", f"It holds '{unknown}', which is not in NODES.", "Select features of NODES.")
    return [place[name] for name in names]


def _removed_links(job: Job, network: PatchNetwork) -> list[int]:
    source = job.parameters["REMOVED_LINKS"]
    if not source:
        return []
    place = {fid: row for row, fid in enumerate(network.edge_table.fid.tolist())}
    ids = VectorLayer(source, "REMOVED_LINKS").read([]).fid.tolist()
    unknown = next((fid for fid in ids if fid not in place), None)
    if unknown is not None:
        raise InputError(
            "REMOVED_LINKS", f"It holds feature {unknown}, which is not in EDGES.", "Select features of EDGES."
        )
    return [place[fid] for fid in ids]


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the indices of all scenarios."""
    from ..network_centrality import components
    from ..network_indices import decay_rate, integral_numerator
    from ..network_scenarios import scenario_sums
    from ..network_search import adjacency

    _, scenarios = check(job, report)
    values = job.parameters
    memory = (job.memory_limit or int(0.8 * available_memory())) // 2
    rate = decay_rate(values["DISPERSAL_DISTANCE"], values["PROBABILITY"])
    numerators = scenario_sums(scenarios, rate, memory, report)
    eca = np.sqrt(np.maximum(numerators, 0))
    rows: list[list[Any]] = []
    for number, name in enumerate(scenarios.names):
        report.raise_if_cancelled()
        a, there = scenarios.capacity[number], scenarios.there[number]
        links = adjacency(len(a), scenarios.start, scenarios.end, scenarios.length[number])
        parts = components(links, a)[0][there]
        change = 100 * (eca[number] / eca[0] - 1) if eca[0] > 0 else math.nan
        row = [name, numerators[number], eca[number], change, integral_numerator(links, a), len(np.unique(parts))]
        rows.append([*row, int(there.sum()), math.fsum(a)])
    rows = [[value.item() if isinstance(value, np.generic) else value for value in row] for row in rows]
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
