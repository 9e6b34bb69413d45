"""`driftway:networkindices` on tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from small_landscapes import Listener

from backend.analyses import networkindices
from backend.job import Job
from backend.outputs import Outputs
from backend.vector_io import VectorLayer


def run_on_tables(folder: Path, nodes: Path, edges: Path, distance: float) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the numbers and the fields of the nodes."""
    network = folder / "indices.gpkg"
    given = {"NODES": str(nodes), "EDGES": str(edges), "DISPERSAL_DISTANCE": distance, "COMPUTE": ["node_removal"]}
    job = Job.from_dict({"analysis": "networkindices", "parameters": given, "outputs": {"NETWORK": str(network)}})
    with Outputs(job) as outputs:
        numbers = networkindices.run(job, Listener(), outputs)
        outputs.publish()
    return numbers, VectorLayer(f"{network}|layername=nodes", "NETWORK").read().columns
