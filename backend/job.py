"""The one seam between the toolbox and the backend: what to run, on what, with which outcome."""

from __future__ import annotations

import json
import math
import uuid
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

from . import registry
from .declarations import Declaration
from .errors import InputError

JOB_VERSION = 1


class Report(Protocol):
    """Where an analysis says what it does, and hears that it should stop."""

    def message(self, text: str) -> None:
        """Say something that the user may want to know."""

    def warning(self, text: str) -> None:
        """Say something that the user should know."""

    def progress(self, fraction: float, step: str) -> None:
        """Say how far the run is, in [0, 1], and what is being done."""

    def raise_if_cancelled(self) -> None:
        """Raise `errors.Cancelled` when the user asked to stop."""


@dataclass(frozen=True)
class Job:
    """What `job.json` holds.

    Parameters
    ----------
    analysis : str
        Id of the analysis.
    parameters : dict
        Value of every declared parameter by name; None where it is empty.
    outputs : dict
        Path of every output that is asked for, by name.
    device : str
        ``"auto"``, ``"cpu"`` or ``"gpu"``.
    threads : int
        Number of threads, 0 = all cores.
    memory_limit : int
        Bytes, 0 = 80 % of what is free.
    seed : int
        Seed of everything random that has no parameter of its own.
    id : str
        Names the unfinished outputs of this run.
    """

    analysis: str
    parameters: dict[str, Any]
    outputs: dict[str, str] = field(default_factory=dict)
    device: str = "auto"
    threads: int = 0
    memory_limit: int = 0
    seed: int = 0
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    @property
    def declaration(self) -> Declaration:
        """The declaration of the job's analysis."""
        return registry.load("analyses", self.analysis).DECLARATION

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Job:
        """Return the job that JSON values describe, its choices checked and its gaps filled with the defaults.

        Raises
        ------
        InputError
            When the job is of another version, the analysis or a parameter is unknown, or a required one is missing.
        """
        plain = dict(plain)
        version = plain.pop("job", JOB_VERSION)
        if version != JOB_VERSION:
            raise InputError(None, f"The job has version {version}, this backend reads {JOB_VERSION}.")
        analysis = plain.get("analysis")
        if analysis not in registry.names("analyses"):
            raise InputError(None, f"There is no analysis '{analysis}'.", f"Known: {registry.names('analyses')}.")
        for name in plain:
            if name not in {f.name for f in fields(cls)}:
                raise InputError(None, f"The job has an entry '{name}' that this backend does not know.")
        if not isinstance(plain.get("parameters"), dict):
            raise InputError(None, "The job has no parameters.", "Give them by name, under 'parameters'.")
        job = cls(**plain)
        return cls(**{**plain, "parameters": _complete(job.declaration, job.parameters)})

    @classmethod
    def read(cls, path: str | Path) -> Job:
        """Return the job of a `job.json`.

        Raises
        ------
        InputError
            When it cannot be read or is no job.
        """
        try:
            plain = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(None, f"'{path}' cannot be read as a job: {error}.") from error
        if not isinstance(plain, dict):
            raise InputError(None, f"'{path}' holds no job, but a {type(plain).__name__}.")
        return cls.from_dict(plain)

    def as_json(self) -> dict[str, Any]:
        """Return the job as plain JSON values."""
        return {"job": JOB_VERSION, **asdict(self)}

    def provenance(self) -> dict[str, str]:
        """Return what is stored in the metadata of every output."""
        from . import __version__

        return {"DRIFTWAY_VERSION": __version__, "DRIFTWAY_JOB": json.dumps(self.as_json(), ensure_ascii=False)}


def _complete(declaration: Declaration, given: dict[str, Any]) -> dict[str, Any]:
    known = {p.name for p in declaration.parameters}
    for name in given:
        if name not in known:
            raise InputError(name, f"'{declaration.id}' has no such parameter.", f"Known: {', '.join(sorted(known))}.")
    complete = {}
    for parameter in declaration.parameters:
        plain = parameter.as_json()
        value = given.get(parameter.name)
        if value is None:
            value = plain["default"]
        if value is None and not plain["optional"]:
            raise InputError(parameter.name, f"'{parameter.label}' is missing.", "Give it a value.")
        if value is not None:
            _check_value(plain, value)
        complete[parameter.name] = value
    return complete


def _check_value(parameter: dict[str, Any], value: Any) -> None:
    name, kind = parameter["name"], parameter["kind"]
    if kind in ("vector", "field", "file", "text") and not isinstance(value, str):
        raise InputError(name, f"'{value}' is no text.", "Give a text.")
    if kind in ("number", "distance"):
        _check_number(parameter, value)
    elif kind == "extent":
        if not _is_extent(value):
            raise InputError(name, f"'{value}' is no extent.", "Give four numbers: xmin, xmax, ymin, ymax.")
    elif kind == "choice":
        allowed = [option for option, _ in parameter["options"]]
        chosen = value if parameter["several"] else [value]
        for one in chosen:
            if one not in allowed:
                raise InputError(name, f"'{one}' is not a choice.", f"Choose from: {', '.join(allowed)}.")
        if not chosen:
            raise InputError(name, "Nothing is chosen.", f"Choose from: {', '.join(allowed)}.")


def _check_number(parameter: dict[str, Any], value: Any) -> None:
    name, low, high = parameter["name"], parameter["minimum"], parameter["maximum"]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(name, f"'{value}' is no finite number.", "Give a number.")
    if parameter.get("integer") and value != int(value):
        raise InputError(name, f"{value} is no whole number.", "Give a whole number.")
    if (low is not None and value < low) or (high is not None and value > high):
        allowed = f">= {low}" if high is None else f"between {low} and {high}"
        raise InputError(name, f"{value} is out of range.", f"It must be {allowed}.")


def _is_extent(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) != 4:
        return False
    return all(isinstance(v, (int, float)) and math.isfinite(v) for v in value)
