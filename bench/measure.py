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
#: A first call that takes so many times the seconds of warm runs stands for itself, of what compiles so many times.
LONG, LONG_COMPILED = 20, 100


def pin(cores: int) -> None:
    """Keep to so many cores: the last of those allowed, since interrupts often go to the first."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def keep_to_memory() -> None:
    """Let what asks for more memory than the machine has fail by itself, before the system ends other processes."""
    try:
        import resource
    except ImportError:
        return
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))


def processor_seconds() -> float:
    """Return the CPU time of this process, all its threads, and the processes that it waited for."""
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def peak_memory() -> int:
    """Return the largest resident size of this process in bytes.

    Linux counts what the starting process held into `ru_maxrss`; not into this process's own line of the kernel's table.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return 0
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


def timed(run: Any) -> tuple[Any, float, float]:
    """Return what `run` returns, its wall time and its CPU time in seconds."""
    wall, cpu = time.perf_counter(), processor_seconds()
    found = run()
    return found, time.perf_counter() - wall, processor_seconds() - cpu


def measure(work: Any, seconds: float, compiles: bool) -> tuple[Any, dict[str, Any]]:
    """Run once cold, then warm until the time is up; return the last outcome and the best times."""
    found, first_wall, first_cpu = timed(work.run)
    outcome: dict[str, Any] = {"first_wall": first_wall, "first_cpu": first_cpu, "runs": 0, "items": work.items}
    # What works in a process of its own is not warmer the second time.
    long = LONG_COMPILED if compiles and not work.peak else LONG
    if work.items and first_wall < long * seconds:
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
    outcome["peak"] = work.peak() if work.peak else peak_memory()
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
    keep_to_memory()
    pin(contestant.cores)  # before anything starts threads
    import numpy as np

    with np.load(given.inputs) as file:
        inputs = dict(file)
    work = contestant.prepare(inputs)
    found, outcome = measure(work, given.seconds, contestant.caches or contestant.compiles)
    if given.seconds > 0:
        np.savez(given.outcome + ".npz", **work.result(found))
    Path(given.outcome).write_text(json.dumps(outcome), encoding="utf-8")


if __name__ == "__main__":
    main()
