"""A job through the worker, from files to files, in a process of its own as the toolbox starts it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contest import Arrays, Work
from .landscapes import read_raster, write_raster


def worker(
    analysis: str,
    parameters: Mapping[str, object],
    output: str,
    inputs: Arrays,
    threads: int,
    result: Callable[[NDArray[np.float64]], Arrays],
) -> Work:
    """Return the work of an analysis of `inputs`.

    Parameters
    ----------
    analysis : str
    parameters : mapping
        What the job has beside quality, movement and the graph that the peers have.
    output : str
        The raster that is written.
    inputs : arrays
        With resistance, quality and cell.
    threads : int
    result : callable
        From the raster that was written to what is compared.
    """
    folder = tempfile.TemporaryDirectory(prefix="worker-")
    at, cell = Path(folder.name), float(inputs["cell"])
    write_raster(at / "quality.tif", inputs["quality"], cell)
    write_raster(at / "permeability.tif", 1 / inputs["resistance"], cell)
    rasters = {"QUALITY": str(at / "quality.tif"), "MOVEMENT": str(at / "permeability.tif")}
    job = {
        "job": 1,
        "analysis": analysis,
        "parameters": {**rasters, "CORNERS": "open", **parameters},
        "outputs": {output: str(at / "output.tif")},
        "device": "cpu",
        "threads": threads,
    }
    (at / "job.json").write_text(json.dumps(job), encoding="utf-8")
    peaks: list[int] = []

    def run() -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "backend", "run", str(at / "job.json")],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        last = json.loads((done.stdout.strip().splitlines() or ["{}"])[-1])
        if done.returncode != 0 or "usage" not in last:
            raise RuntimeError(last.get("message") or done.stderr[-2000:])
        peaks.append(last["usage"]["peak_memory"])
        return folder  # which lives as long as someone holds it

    return Work(run, lambda _: result(read_raster(at / "output.tif")), 1.0, peak=lambda: peaks[-1])
