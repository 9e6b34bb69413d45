"""Small networks on disk, jobs on them, and what came of these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from osgeo import ogr
from small_landscapes import Listener

from backend import registry
from backend.job import Job
from backend.network_columns import NetworkColumns
from backend.network_geopackage import write_network
from backend.outputs import Outputs
from backend.vector_io import VectorLayer, VectorTable

ENDINGS = {"raster": ".tif", "vector": ".gpkg", "table": ".csv", "report": ".html"}


@dataclass
class NetworkOutcome:
    numbers: dict[str, float]
    paths: dict[str, Path]
    heard: Listener

    def layer(self, name: str, output: str = "NETWORK") -> VectorTable:
        return VectorLayer(f"{self.paths[output]}|layername={name}", output).read(geometry=True)

    def text(self, name: str) -> str:
        return self.paths[name].read_text(encoding="utf-8")


def write(folder: Path, capacity: Any, pairs: Any, distance: Any, **more: Any) -> Path:
    """Write a network whose nodes lie on a circle."""
    count = len(capacity)
    angle = 2 * np.pi * np.arange(count) / max(1, count)
    nodes = {
        "index": np.arange(1, count + 1),
        "capacity": np.asarray(capacity, float),
        "x": 1000 * np.cos(angle),
        "y": 1000 * np.sin(angle),
    }
    ends = np.asarray(pairs, np.int64).reshape(-1, 2)
    edges = {
        "index": np.arange(len(ends)),
        "from": ends[:, 0],
        "to": ends[:, 1],
        "distance": np.asarray(distance, float),
    }
    nodes.update(more.pop("nodes", {}))
    edges.update(more.pop("edges", {}))
    path = folder / "input.gpkg"
    points = [
        ogr.CreateGeometryFromWkt(f"POINT({x} {y})").ExportToWkb() for x, y in zip(nodes["x"], nodes["y"], strict=True)
    ]
    write_network(path, NetworkColumns(nodes, edges, node_geometry=[bytes(point) for point in points]))
    return path


def run(analysis: str, folder: Path, **parameters: Any) -> NetworkOutcome:
    """Run an analysis with all its outputs in a folder."""
    module = registry.load("analyses", analysis)
    ending = {o.name: ENDINGS.get(o.kind) or f".{getattr(o, 'ending', '')}" for o in module.DECLARATION.outputs}
    paths = {o.name: folder / f"{o.name}{ending[o.name]}" for o in module.DECLARATION.outputs if o.kind != "number"}
    wanted = {name: str(path) for name, path in paths.items()}
    job = Job.from_dict({"analysis": analysis, "parameters": parameters, "outputs": wanted})
    heard = Listener()
    with Outputs(job) as outputs:
        numbers = module.run(job, heard, outputs)
        outputs.publish()
    return NetworkOutcome(numbers, {name: path for name, path in paths.items() if path.exists()}, heard)
