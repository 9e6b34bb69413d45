"""Measures one contestant in one case, in a process of its own, and writes a JSON file beside the result."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

LEAST_RUNS, MOST_RUNS = 3, 200
#: A first call that takes so many times the seconds of warm runs stands for itself: its compiled code comes from disk.
LONG = 20


def pin(cores: int) -> None:
    """Keep to so many cores: the last of those allowed, since interrupts often go to the first."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def processor_seconds() -> float:
    """Return the CPU time of this process, all its threads, and the processes that it waited for."""
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def peak_memory(in_children: bool) -> int:
    """Return the largest resident size in bytes, of this process or of the largest that it waited for."""
    try:
        import resource
    except ImportError:
        return 0
    who = resource.RUSAGE_CHILDREN if in_children else resource.RUSAGE_SELF
    size = resource.getrusage(who).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


def timed(run: Any) -> tuple[Any, float, float]:
    """Return what `run` returns, its wall time and its CPU time in seconds."""
    wall, cpu = time.perf_counter(), processor_seconds()
    found = run()
    return found, time.perf_counter() - wall, processor_seconds() - cpu


def measure(work: Any, seconds: float) -> tuple[Any, dict[str, Any]]:
    """Run once cold, then warm until the time is up; return the last outcome and the best times."""
    found, first_wall, first_cpu = timed(work.run)
    outcome: dict[str, Any] = {"first_wall": first_wall, "first_cpu": first_cpu, "runs": 0, "items": work.items}
    if first_wall < LONG * seconds:
        walls, cpus = [], []
        started = time.perf_counter()
        # What takes long needs fewer repetitions: noise is short.
        while len(walls) < MOST_RUNS and (
            time.perf_counter() - started < seconds or (len(walls) < LEAST_RUNS and first_cpu < 2 * seconds)
        ):
            found, wall, cpu = timed(work.run)
            walls.append(wall)
            cpus.append(cpu)
        outcome |= {"wall": min(walls), "cpu": min(cpus), "runs": len(walls)}
    outcome["peak"] = peak_memory(work.in_children)
    return found, outcome


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("module", "task", "contestant", "inputs", "outcome"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seconds", type=float, required=True, help="of warm runs; 0: only the first call")
    given = parser.parse_args()

    from .contest import load_tasks

    task = load_tasks([given.module])[given.task][1]
    contestant = task.contestant(given.contestant)
    pin(contestant.cores)  # before anything starts threads
    import numpy as np

    with np.load(given.inputs) as file:
        inputs = dict(file)
    work = contestant.prepare(inputs)
    found, outcome = measure(work, given.seconds)
    if given.seconds > 0:
        np.savez(given.outcome + ".npz", **work.result(found))
    Path(given.outcome).write_text(json.dumps(outcome), encoding="utf-8")


if __name__ == "__main__":
    main()
