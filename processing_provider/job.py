"""The job file that tells the worker what to do."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

JOB_VERSION = 1


def build_job(
    analysis: str,
    parameters: dict[str, Any],
    outputs: dict[str, str],
    device: str = "auto",
    threads: int = 0,
    memory_limit: int = 0,
) -> dict[str, Any]:
    """Return a job as JSON values.

    Parameters
    ----------
    analysis : str
        Id of the catalogue entry.
    parameters : dict
        Value of every declared parameter, None where it is empty.
    outputs : dict
        Path of every output that is asked for.
    device : str
        ``"auto"``, ``"cpu"`` or ``"gpu"``.
    threads : int
        0 = all cores.
    memory_limit : int
        Bytes; 0 = 80 % of what is free.
    """
    return {
        "job": JOB_VERSION,
        "analysis": analysis,
        "id": uuid.uuid4().hex[:12],
        "parameters": parameters,
        # The worker starts in another folder.
        "outputs": {name: os.path.abspath(path) for name, path in outputs.items()},
        "device": device,
        "threads": threads,
        "memory_limit": memory_limit,
        "seed": parameters.get("SEED") or 0,
    }


def write_job(job: dict[str, Any], folder: Path) -> Path:
    """Write `job.json` and return its path."""
    path = folder / "job.json"
    path.write_text(json.dumps(job, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def overwritten_input(parameters: dict[str, Any], outputs: dict[str, str]) -> tuple[str, str] | None:
    """Return the output and the input that are the same file, or None."""
    written = {os.path.realpath(path): name for name, path in outputs.items()}
    for name, value in parameters.items():
        path = value.partition("|")[0] if isinstance(value, str) else ""
        if os.path.isabs(path) and os.path.realpath(path) in written:
            return written[os.path.realpath(path)], name
    return None
