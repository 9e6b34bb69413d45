"""`driftway:networkgradient`: where a change of a link or a patch moves connectivity most."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..declarations import Choice, Declaration, Field, NumberOutput, ReportOutput, TableOutput, VectorStyle
from ..html_report import HtmlReport
from ..job import Job, Report
from ..network_columns import present
from ..network_input import PatchNetwork, check_dispersal, check_network_headers, read_patch_network
from ..network_output import write_network_results
from ..network_parameters import DEFINITIONS, DISPERSAL, IDENTIFIER, NETWORK, REFERENCES, network_output
from ..network_picture import network_picture
from ..outputs import Outputs
from ..vector_io import VectorLayer, VectorTable

DECLARATION = Declaration(
    id="networkgradient",
    label="Network gradient",
    group="Habitat networks",
    group_id="networks",
    summary="Computes the exact derivative of PC or ECA with respect to every link's distance and every patch's capacity.",
    help=(
        *DEFINITIONS,
        "The gradient of a link is how much the index changes per unit of its distance, that of a patch per unit of its "
        "capacity; all of them come from one pass: what a change of each distance between patches would do is sent back "
        "along the shortest paths. Where several paths are equally short, the links into a patch share equally. Elasticity "
        "is the change in per cent for one per cent more: gradient x value / index x 100 %.",
        "With a class field, the gradients of all links (or patches) of a class are summed: the derivative with respect to a "
        "value that they share, such as the resistance of a land cover.",
    ),
    tags=("network", "graph", "gradient", "sensitivity", "elasticity", "derivative", "PC", "ECA", "links", "patches"),
    parameters=(
        *NETWORK,
        *DISPERSAL,
        Choice(
            "INDEX",
            "Index",
            "What is differentiated.",
            options=(("eca", "ECA"), ("pc_numerator", "Numerator of PC")),
            default="eca",
        ),
        Field("LINK_CLASS", "Class of the links", "Links of one class share a value.", vector="EDGES", optional=True),
        Field("NODE_CLASS", "Class of the nodes", "Patches of one class share a value.", vector="NODES", optional=True),
        IDENTIFIER,
    ),
    outputs=(
        network_output(
            "Nodes and links with gradient and elasticity (per cent per per cent).",
            VectorStyle("elasticity", "viridis", "quantile", size_by="elasticity"),
            VectorStyle("elasticity", "magma", "quantile"),
        ),
        TableOutput("CLASSES", "Gradient by class", "CSV: one row per class of links and of nodes.", optional=True),
        ReportOutput("REPORT", "Report", "Map, numbers and classes as one HTML file.", optional=True),
        NumberOutput("PC_NUMERATOR", "Numerator of PC", "Sum of a_i a_j p*_ij.", unit="capacity x capacity"),
        NumberOutput("ECA", "Equivalent connected area", "Square root of the numerator of PC.", unit="capacity"),
        NumberOutput(
            "BY_DISPERSAL_DISTANCE",
            "Gradient by dispersal distance",
            "d index / d DISPERSAL_DISTANCE; 0 where links hold probabilities.",
        ),
    ),
    references=REFERENCES,
)


def _headers(job: Job) -> Any:
    headers = check_network_headers(job)
    check_dispersal(job)
    for name, layer in (("LINK_CLASS", headers.edges), ("NODE_CLASS", headers.nodes)):
        if job.parameters[name]:
            layer.field(job.parameters[name], name)
    return headers


def check_headers(job: Job) -> None:
    """Check layers, fields, numbers and outputs without reading features; raises `InputError`."""
    _headers(job)


def check(job: Job, report: Report) -> PatchNetwork:
    """Check everything; raises `InputError`."""
    return read_patch_network(job, _headers(job), report)


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the gradient and write it."""
    from ..network_indices import decay_rate, gradient
    from ..network_search import adjacency

    network = check(job, report)
    values = job.parameters
    a, length = network.capacity, network.length
    links = adjacency(len(a), network.start, network.end, length)
    rate = decay_rate(values["DISPERSAL_DISTANCE"], values["PROBABILITY"])
    found = gradient(links, a, rate, report)
    eca = math.sqrt(found.numerator)
    index = eca if values["INDEX"] == "eca" else found.numerator
    outer = 1.0 if values["INDEX"] == "pc_numerator" else (0.5 / eca if eca > 0 else 0.0)
    finite = np.where(np.isfinite(length), length, 0.0)
    by_length = outer * found.by_length
    if values["LINK_VALUES"] == "probability":
        chance = np.exp(-rate * length)
        by_value = np.divide(-by_length, rate * chance, out=np.zeros_like(chance), where=chance > 0)
        edges = _fields(by_value, chance, index)
    else:
        edges = _fields(by_length, finite, index)
    nodes = _fields(outer * found.by_capacity, a, index)
    # what the field holds stays: lengths scale p, probabilities are p themselves
    by_distance = -math.fsum(by_length * finite) / values["DISPERSAL_DISTANCE"]
    scaled = 0.0 if values["LINK_VALUES"] == "probability" else by_distance
    numbers = {"PC_NUMERATOR": found.numerator, "ECA": eca, "BY_DISPERSAL_DISTANCE": scaled}
    rows = [
        *_classes("links", network.headers.edges, network.edge_table, values["LINK_CLASS"], edges),
        *_classes("nodes", network.headers.nodes, network.node_table, values["NODE_CLASS"], nodes),
    ]
    report.progress(1, "Writing the results")
    write_network_results(outputs, "NETWORK", job, network, nodes, edges)
    header = ["of", "class", "count", "gradient", "elasticity"]
    outputs.write_text("CLASSES", _table(header, rows))
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        shapes, ends = network.node_table.geometry, (network.start, network.end)
        page.sections.append(network_picture(shapes, *ends, np.abs(nodes["elasticity"]), "Elasticity of the patches"))
        if rows:
            page.add_table("Gradient by class", header, rows)
        outputs.write_text("REPORT", page.render())
    return numbers


def _fields(slope: NDArray[np.float64], value: NDArray[np.float64], index: float) -> dict[str, NDArray[Any]]:
    return {"gradient": slope, "elasticity": slope * value / index if index > 0 else np.zeros_like(slope)}


def _classes(
    of: str, layer: VectorLayer, table: VectorTable, field: str | None, found: dict[str, NDArray[Any]]
) -> list[list[Any]]:
    if not field:
        return []
    name = layer.field(field, field)
    there = present(table.columns, name)
    words = np.array([str(value) if has else "" for value, has in zip(table.columns[name], there)], object)
    rows = []
    for word in sorted(set(words.tolist())):
        own = words == word
        rows.append([of, word, int(own.sum()), *(math.fsum(found[n][own]) for n in ("gradient", "elasticity"))])
    return rows


def _table(header: list[str], rows: list[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
