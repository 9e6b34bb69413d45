"""`./run bench [task ...]`: our kernels beside their peers, in one run on the same inputs, as tables and a plot."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from . import machine
from .contest import Row, Task, load_tasks, task_modules
from .headline import summary
from .plot import picture
from .runner import TOP, Contest, Homes, is_wanted
from .tables import comma_separated, is_noisy, markdown

_HEAD = """# Benchmarks

{noise}Measured by `{command}` in one run of {minutes:.1f} minutes{quiet}, ours and peers on the same inputs.
{machine}. Peers: {peers}.

{summary}
![Times of all tools](benchmarks.svg)

All numbers as a table for programs: [benchmarks.csv](benchmarks.csv).

## How to read the tables

Times are warm, the best of several (what takes long is run once, its compiled code read from disk): CPU time first, since it
does not depend on what else runs; wall time next to it. *x ours* is CPU time (where a table says so, wall time) relative to the
first line in bold type of the same case. The error is the largest against the reference, in float64; **differs** marks an answer
that is not the same within its precision. Peak memory is that of the whole process, interpreter and packages included. *Cold* is
the first call with empty caches, compilation included; *from cache* the first call of a new process that finds its compiled code
on disk. What is said about targets is computed from the rows.

"""
_NOISE = "> **Noisy.** Other processes kept up to {load:.1f} cores busy while this was measured.\n\n"
_QUIET = " on a quiet machine (other processes took {load:.2f} cores at most)"


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    for folder in given.tasks_from:
        sys.path.append(str(Path(folder).parent))
    modules = [*task_modules(), *(n for folder in given.tasks_from for n in _modules_of(folder))]
    tasks = load_tasks(modules)
    if given.list:
        for name, (_, task) in tasks.items():
            print(f"{name:16} {task.title}: {'; '.join(each.label for each in task.contestants)}")
        return 0
    unknown = [name for name in given.tasks if name not in tasks]
    if unknown:
        print(f"There is no task {', '.join(unknown)}. Known: {', '.join(tasks)}.", file=sys.stderr)
        return 2
    chosen = [each for name in given.tasks or tasks for each in tasks[name][1].contestants]
    if not any(is_wanted(each, given.only) for each in chosen):
        print(f"No contestant has {' or '.join(given.only)} in its name; `--list` names them.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what was started ends, too
    try:
        page, parts = _run(tasks, given)
    except KeyboardInterrupt:
        print(f"Broken off. What was finished is in {os.path.relpath(given.output)}.", file=sys.stderr)
        return 128 + signal.SIGINT
    print(page)
    print(f"Written to {os.path.relpath(given.output)}: benchmarks.md, .csv and .svg", file=sys.stderr)
    if given.write_docs:
        documents = TOP / "docs"
        _write(documents, documents / "images", page.replace("(benchmarks.svg)", "(images/benchmarks.svg)"), parts)
    return _complaints([row for _, rows in parts for row in rows])


def _run(
    tasks: dict[str, tuple[ModuleType, Task]], given: argparse.Namespace
) -> tuple[str, list[tuple[Task, list[Row]]]]:
    """Return the page and the rows of the tasks that are asked for."""
    started, page = time.monotonic(), ""
    parts: list[tuple[Task, list[Row]]] = []
    for name in dict.fromkeys(given.tasks or tasks):
        parts.append(_contest(*tasks[name], given))
        # After every task, so that a run that is broken off leaves something.
        page = _page(parts, (time.monotonic() - started) / 60, _command(given))
        _write(given.output, given.output, page, parts)
    return page, parts


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("tasks", nargs="*", help="tasks to run; all by default")
    parser.add_argument("--list", action="store_true", help="name the tasks and their contestants")
    parser.add_argument("--quick", action="store_true", help="small cases and few repetitions: whether it works")
    parser.add_argument(
        "--only", action="append", default=[], metavar="WORD", help="contestants with this word (repeatable)"
    )
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md and its picture")
    parser.add_argument("--output", type=Path, default=TOP / ".driftway" / "bench", help="folder of the results")
    parser.add_argument("--patience", type=float, default=240.0, help="seconds after which a contestant is given up")
    parser.add_argument("--tasks-from", action="append", default=[], metavar="FOLDER", help="package of further tasks")
    return parser


def _modules_of(folder: str) -> list[str]:
    return [f"{Path(folder).name}.{name}" for name in task_modules(Path(folder))]


def _contest(module: ModuleType, task: Task, given: argparse.Namespace) -> tuple[Task, list[Row]]:
    engine, peers = os.environ.get("ENGINE", ""), os.environ.get("PEERS", sys.executable)
    with tempfile.TemporaryDirectory(prefix="driftway-bench-") as folder:
        contest = Contest(
            module=module,
            task=task,
            homes=Homes(engine, peers, [str(Path(each).parent) for each in given.tasks_from]),
            folder=Path(folder),
            seconds=0.3 if given.quick else 0.5,
            patience=given.patience,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
        return task, contest.run(given.quick, given.only)


def _command(given: argparse.Namespace) -> str:
    """Return what repeats the run."""
    words = [f"--only '{word}'" for word in given.only]
    return " ".join(["./run bench", *given.tasks, *(["--quick"] if given.quick else []), *words])


def _page(parts: Sequence[tuple[Task, list[Row]]], minutes: float, command: str) -> str:
    rows = [row for _, of_task in parts for row in of_task]
    load = max((row.load for row in rows), default=0.0)
    noisy = is_noisy(rows)
    head = _HEAD.format(
        noise=_NOISE.format(load=load) if noisy else "",
        quiet="" if noisy else _QUIET.format(load=load),
        command=command,
        minutes=minutes,
        machine=machine.describe(),
        peers=machine.peers(TOP / "bench"),
        summary=summary(parts),
    )
    return head + "\n".join(markdown(*part) for part in parts)


def _write(folder: Path, images: Path, page: str, parts: Sequence[tuple[Task, list[Row]]]) -> None:
    images.mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks.md").write_text(page, encoding="utf-8")
    table = comma_separated([row for _, rows in parts for row in rows])
    (folder / "benchmarks.csv").write_text(table, encoding="utf-8")
    (images / "benchmarks.svg").write_text(picture(parts), encoding="utf-8")


def _complaints(rows: Sequence[Row]) -> int:
    """Name what of ours is wrong; return the exit status."""
    wrong = [row for row in rows if row.ours and (row.wrong or row.failure)]
    for row in wrong:
        said = row.failure or f"error {row.error:.1e}"
        print(f"Ours fails: {row.case}: {row.tool}, {row.precision}: {said}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
