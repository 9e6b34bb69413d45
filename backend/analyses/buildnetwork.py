"""`driftway:buildnetwork`: patches and the links between them, from polygons or from a raster."""

from __future__ import annotations

import math

import numpy as np

from ..declarations import (
    Band,
    Choice,
    Declaration,
    Field,
    Number,
    NumberOutput,
    Raster,
    ReportOutput,
    Text,
    Vector,
    VectorStyle,
)
from ..geopackage import LayerToWrite, write_geopackage
from ..html_report import HtmlReport
from ..job import Job, Report
from ..network_output import line, with_results
from ..network_parameters import network_output
from ..network_picture import network_picture
from ..outputs import Outputs
from ..patch_checks import PatchPlan, check_patch_headers, check_patches
from ..wording import counted

DECLARATION = Declaration(
    id="buildnetwork",
    label="Build a habitat network",
    group="Habitat networks",
    group_id="networks",
    summary="Finds habitat patches and the links between them, ready for the network indices.",
    help=(
        "Patches are polygons, or groups of habitat cells of a raster that touch. Links lead from edge to edge or from "
        "centroid to centroid in a straight line, or along the least-cost path over a permeability or resistance raster; "
        "then the layer of links shows these paths, and distance is the cost, summed from cell centre to cell centre as "
        "length x (r<sub>i</sub> + r<sub>j</sub>) / 2.",
        "Planar: only neighbours are linked. For least cost this is the minimum planar graph: every cell belongs to the "
        "patch that it is cheapest to reach from, and patches whose regions touch are linked by the cheapest path across "
        "the border. For straight lines, neighbours are found by a Delaunay triangulation of centroids or of points along "
        "the outlines. Tree: of these, only the minimum spanning tree.",
    ),
    tags=(
        "network",
        "graph",
        "patches",
        "links",
        "least cost",
        "minimum planar graph",
        "Graphab",
        "Conefor",
        "corridor",
    ),
    parameters=(
        Vector("PATCHES", "Patches", "Polygons of habitat; or give HABITAT.", geometry="polygon", optional=True),
        Raster(
            "HABITAT",
            "Habitat raster",
            "Land cover or quality in which patches are found; or give PATCHES.",
            optional=True,
        ),
        Band(
            "HABITAT_BAND",
            "Habitat band",
            "Band of the habitat raster.",
            raster="HABITAT",
            optional=True,
            advanced=True,
        ),
        Text(
            "HABITAT_VALUES",
            "Values that are habitat",
            "Classes of the habitat raster, apart by blanks or semicolons, for example 41; 42; 43.",
            optional=True,
        ),
        Number("HABITAT_THRESHOLD", "Habitat from this value on", "In place of values: cells >= this.", optional=True),
        Choice(
            "PATCH_NEIGHBOURS",
            "Cells that make one patch",
            "Cells that touch at their sides, or at their corners too.",
            options=(("4", "At the sides"), ("8", "At the corners too")),
            default="8",
            advanced=True,
        ),
        Number(
            "MINIMUM_AREA",
            "Smallest patch",
            "Smaller ones are left out.",
            default=0.0,
            minimum=0.0,
            unit="square map units",
        ),
        Choice(
            "CAPACITY",
            "Capacity of a patch",
            "Its area, its area x the mean of the quality raster on it, or a field.",
            options=(("area", "Area"), ("area_quality", "Area x quality"), ("field", "Field")),
            default="area",
        ),
        Field(
            "CAPACITY_FIELD",
            "Capacity field",
            "Field of the patches, >= 0.",
            vector="PATCHES",
            numeric=True,
            optional=True,
        ),
        Raster("QUALITY", "Habitat quality", "For capacity by area x quality, >= 0.", optional=True),
        Band(
            "QUALITY_BAND",
            "Quality band",
            "Band of the quality raster.",
            raster="QUALITY",
            optional=True,
            advanced=True,
        ),
        Choice(
            "DISTANCE",
            "Distance",
            "Straight from edge to edge, straight from centroid to centroid (a point on the patch where the centroid lies "
            "outside), or least cost over MOVEMENT.",
            options=(("edge", "Edge to edge"), ("centroid", "Centroids"), ("least_cost", "Least cost")),
            default="edge",
        ),
        Raster(
            "MOVEMENT",
            "Movement (permeability or resistance)",
            "For least-cost links. Nodata, permeability 0 and infinite resistance are barriers. In the CRS of the patches.",
            optional=True,
        ),
        Band(
            "MOVEMENT_BAND",
            "Movement band",
            "Band of the movement raster.",
            raster="MOVEMENT",
            optional=True,
            advanced=True,
        ),
        Choice(
            "MOVEMENT_KIND",
            "Movement raster holds",
            "Permeability: its resistance is 1 / permeability. Resistance: cost of moving one map unit, > 0.",
            options=(("permeability", "Permeability"), ("resistance", "Resistance")),
            default="permeability",
        ),
        Choice(
            "NEIGHBOURS",
            "Steps",
            "To the four sides only, or diagonally too, but never between two barrier cells.",
            options=(("8", "8 neighbours"), ("4", "4 neighbours")),
            default="8",
            advanced=True,
        ),
        Choice(
            "LINKS",
            "Links",
            "Between neighbours, between all patches, or as few as keep all joined.",
            options=(("planar", "Planar graph"), ("all", "All"), ("tree", "Minimum spanning tree")),
            default="planar",
        ),
        Number(
            "MAXIMUM_DISTANCE",
            "Longest link",
            "Longer links are left out: map units, or cost for least-cost links. Empty: none is.",
            minimum=0.0,
            optional=True,
        ),
        Choice(
            "MULTIPART",
            "Polygons of several parts",
            "One patch each, or a patch per part.",
            options=(("keep", "One patch"), ("split", "A patch per part")),
            default="keep",
            advanced=True,
        ),
        Choice(
            "REPAIR",
            "Invalid or overlapping polygons",
            "Stop and say which, or make them valid and merge those that overlap.",
            options=(("stop", "Stop"), ("repair", "Repair")),
            default="stop",
            advanced=True,
        ),
    ),
    outputs=(
        network_output(
            "Nodes: the patches with index, capacity, area and their own fields. Edges: from, to, distance and length of the "
            "line in map units.",
            VectorStyle("capacity", "viridis", "quantile", size_by="capacity"),
            VectorStyle("distance", "mako", "quantile"),
        ),
        ReportOutput("REPORT", "Report", "Map and numbers as one HTML file.", optional=True),
        NumberOutput("PATCH_COUNT", "Patches", "Number of patches."),
        NumberOutput("LINK_COUNT", "Links", "Number of links."),
        NumberOutput("COMPONENTS", "Components", "Number of parts that no link joins."),
        NumberOutput("TOTAL_CAPACITY", "Total capacity", "Sum over the patches.", unit="capacity"),
        NumberOutput("MEAN_DISTANCE", "Mean distance", "Mean over the links.", unit="unit of the distance"),
    ),
    references=(
        "Fall, A. et al. (2007) Spatial graphs: principles and applications for habitat connectivity. Ecosystems 10, 448-461. "
        "https://doi.org/10.1007/s10021-007-9038-7",
        "Urban, D. & Keitt, T. (2001) Landscape connectivity: a graph-theoretic perspective. Ecology 82, 1205-1218. "
        "https://doi.org/10.1890/0012-9658(2001)082[1205:LCAGTP]2.0.CO;2",
        "Galpern, P. et al. (2011) Patch-based graphs of landscape connectivity: a guide to construction, analysis and "
        "application for conservation. Biological Conservation 144, 44-55. https://doi.org/10.1016/j.biocon.2010.09.002",
    ),
)


def check_headers(job: Job) -> None:
    """Check layers, fields, reference systems, numbers and outputs; raises `InputError`."""
    check_patch_headers(job)


def check(job: Job, report: Report) -> PatchPlan:
    """Check everything; raises `InputError` or `MemoryPlanError`."""
    return check_patches(job, report)


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Find patches and links and write them."""
    from ..network_centrality import components
    from ..network_search import adjacency
    from ..patch_network import capacities, find_links, find_patches, link_columns

    plan = check(job, report)
    patches = find_patches(job, plan, report)
    capacity = capacities(job, plan.headers, patches, report)
    links = find_links(job, plan.headers, patches, report)
    index = np.arange(1, len(patches) + 1)
    nodes = {"index": index, "capacity": capacity, "area": patches.area}
    edges = link_columns(links, index)
    own = {name: values for name, values in patches.columns.items() if name.lower() not in ("fid", "index")}
    layers = [
        LayerToWrite("nodes", {**nodes, **with_results(own, nodes)}, list(patches.shapes), plan.headers.crs, index),
        LayerToWrite("edges", edges, [line(places) for places in links.lines], plan.headers.crs, edges["index"]),
    ]
    parts, _ = components(adjacency(len(patches), links.start, links.end, links.distance), capacity)
    numbers = {
        "PATCH_COUNT": len(patches),
        "LINK_COUNT": len(links),
        "COMPONENTS": int(parts.max()),
        "TOTAL_CAPACITY": math.fsum(capacity),
        "MEAN_DISTANCE": float(links.distance.mean()) if len(links) else math.nan,
    }
    report.message(
        f"{counted(len(patches), 'patch')}, {counted(len(links), 'link')}, {counted(numbers['COMPONENTS'], 'component')}."
    )
    report.progress(1, "Writing the results")
    outputs.write("NETWORK", lambda path: write_geopackage(path, layers, job.provenance(), "NETWORK"))
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        page.sections.append(network_picture(patches.shapes, links.start, links.end, capacity, "Patches by capacity"))
        outputs.write_text("REPORT", page.render())
    return numbers
