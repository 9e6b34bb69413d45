"""What a task of the benchmark is made of. Standard library and NumPy only: every contestant's interpreter loads it."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .targets import Target

Arrays = dict[str, NDArray[Any]]

#: What the names of our own contestants begin with.
OURS = "Driftway"


@dataclass(frozen=True)
class Case:
    """One question that all contestants of a task answer.

    Parameters
    ----------
    name : str
        What people read: landscape, size, variant.
    size : str
        Window and raster.
    options : dict
        For the task itself; plain JSON values.
    """

    name: str
    size: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """What a contestant has made ready; nothing of it is timed but `run`.

    Parameters
    ----------
    run : callable
        Does the work once, all of it, and returns anything.
    result : callable
        Turns what `run` returned into named arrays that the task's `error` compares.
    items : float
        How much of the case's unit one run does: pairs, rasters (less than 1 for a sample); 0 for what is not timed.
    peak : callable, optional
        The largest resident size in bytes where a process of its own does the work; else this process's counts.
    """

    run: Callable[[], Any]
    result: Callable[[Any], Arrays]
    items: float
    peak: Callable[[], int] | None = None


@dataclass(frozen=True)
class Contestant:
    """A tool that takes part.

    Parameters
    ----------
    name : str
    precision : str
        "float32" or "float64".
    home : {"engine", "peers"}
        Whose packages it imports.
    prepare : callable
        From the case's inputs to `Work`; imports what it needs inside.
    ours : bool
        The first of ours that answers a case is what the others are compared with.
    reference : bool
        The first of these that answers a case gives the result that the others are checked against.
    caches : bool
        Whether it keeps compiled code on disk.
    compiles : bool
        Whether its first call compiles without keeping it.
    shares : str
        Label of a contestant before it that runs the same compiled code, which is then not compiled twice.
    cores : int
        Cores that it is pinned to.
    compared : bool
        Whether its answer is checked against the reference.
    answers : callable
        Which cases it takes part in.
    note : str
        What a reader has to know about it.
    cited : tuple of (float, float), optional
        CPU time in the task's unit and peak memory in bytes of a tool that is not run here, as others measured them.
    """

    name: str
    precision: str
    home: Literal["engine", "peers"]
    prepare: Callable[[Arrays], Work]
    ours: bool = False
    reference: bool = False
    caches: bool = False
    compiles: bool = False
    shares: str = ""
    cores: int = 1
    compared: bool = True
    answers: Callable[[Case], bool] = lambda case: True
    note: str = ""
    cited: tuple[float, float] | None = None

    @property
    def label(self) -> str:
        """Name and precision, which tell contestants of a task apart."""
        return f"{self.name}, {self.precision}"


@dataclass(frozen=True)
class Task:
    """A table of the benchmark.

    Parameters
    ----------
    name : str
        What the command line calls it.
    title, introduction : str
        For people.
    unit : str
        What `scale` times the seconds per item is given in.
    scale : float
    contestants : sequence of Contestant
    cases : callable
        From `quick` to the cases.
    inputs : callable
        From a case to the arrays that every contestant gets.
    error : callable
        From (result, reference, inputs) to the largest relative error.
    tolerance : dict
        Largest error that counts as the same answer, by precision.
    remarks : callable
        From the finished rows to sentences below the table.
    targets : sequence of Target
        What is to be reached, judged from the rows.
    clock : {"cpu", "wall"}
        Which time counts in ratios and in the picture.
    checks_itself : bool
        Whether `error` tells something of a result without a reference, which is then empty.
    headline : str
        Words of the case that stands for the task at the top of the page; the last that a peer answers by default.
    """

    name: str
    title: str
    introduction: str
    unit: str
    scale: float
    contestants: Sequence[Contestant]
    cases: Callable[[bool], Sequence[Case]]
    inputs: Callable[[Case], Arrays]
    error: Callable[[Arrays, Arrays, Arrays], float]
    tolerance: dict[str, float] = field(default_factory=lambda: {"float32": 1e-4, "float64": 1e-9})
    remarks: Callable[[Sequence[Row]], Sequence[str]] = lambda rows: ()
    targets: Sequence[Target] = ()
    clock: Literal["cpu", "wall"] = "cpu"
    checks_itself: bool = False
    headline: str = ""

    def contestant(self, label: str) -> Contestant:
        """Return the contestant of that label."""
        return next(each for each in self.contestants if each.label == label)


@dataclass(frozen=True)
class Row:
    """What was measured of one contestant in one case; None where it was not.

    Parameters
    ----------
    task, case, size, tool, precision : str
    ours : bool
    cpu, wall : float or None
        Warm, best of several, per item in the task's unit.
    ratio : float or None
        Time relative to ours, by the task's clock: how many times slower it is.
    error : float or None
        Largest relative error; None for the reference itself and where there is none.
    peak : float or None
        Largest resident size in bytes.
    cold : float or None
        Seconds of the first call, with empty caches.
    cached : float or None
        Seconds of the first call in a new process that finds its compiled code on disk.
    runs : int
        Number of warm runs.
    load : float
        Cores that other processes kept busy meanwhile.
    preempted : float
        Wall time over CPU time per core, 1 when nothing interfered.
    wrong : bool
        Whether the error exceeds the tolerance.
    failure : str
        Why there is no measurement.
    """

    task: str
    case: str
    size: str
    tool: str
    precision: str
    ours: bool
    cpu: float | None = None
    wall: float | None = None
    ratio: float | None = None
    error: float | None = None
    peak: float | None = None
    cold: float | None = None
    cached: float | None = None
    runs: int = 0
    load: float = 0.0
    preempted: float = 1.0
    wrong: bool = False
    failure: str = ""


def task_modules(folder: Path | None = None) -> list[str]:
    """Return the modules beside this one that declare `TASKS`, found without importing them."""
    found = []
    for path in sorted((folder or Path(__file__).parent).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
        targets += [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
        if any(isinstance(target, ast.Name) and target.id == "TASKS" for target in targets):
            found.append(path.stem)
    return found


def load_tasks(modules: Sequence[str]) -> dict[str, tuple[ModuleType, Task]]:
    """Return all tasks of these modules by name."""
    found: dict[str, tuple[ModuleType, Task]] = {}
    for name in modules:
        module = importlib.import_module(name if "." in name else f"bench.{name}")
        for task in module.TASKS:
            found[task.name] = (module, task)
    return found


def largest_error(result: Arrays, reference: Arrays) -> float:
    """Return the largest difference of any array that both have, relative to the reference's largest value.

    NaN in the result means that this entry was not computed.
    """
    worst = 0.0
    for name in result.keys() & reference.keys():
        got, true = np.asarray(result[name], float), np.asarray(reference[name], float)
        there = ~np.isnan(got) & ~np.isnan(true)
        if there.any():
            largest = np.abs(true[~np.isnan(true)]).max()
            worst = max(worst, float(np.abs(got - true)[there].max() / (largest or 1.0)))
    return worst
