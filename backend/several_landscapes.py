"""The table of species and scenarios: several landscapes that one plan is for; light."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .errors import InputError
from .job import Job
from .wording import counted

PARAMETER = "LANDSCAPES"
COLUMNS = ("name", "quality", "movement", "weight", "scenario", "dispersal_distance")


@dataclass(frozen=True)
class Row:
    """One landscape.

    Parameters
    ----------
    name : str
    job : Job
        The job with this landscape's rasters and dispersal distance.
    weight : float
        > 0.
    scenario : str
        Name.
    """

    name: str
    job: Job
    weight: float = 1.0
    scenario: str = ""

    def named(self, error: InputError) -> InputError:
        """Return an error of this landscape that names it."""
        if not self.name:
            return error
        return InputError(
            PARAMETER,
            f"Landscape '{self.name}': {error.parameter or ''}: {error.message}".replace(": :", ":"),
            error.remedy,
        )


def landscapes_of(job: Job) -> list[Row]:
    """Return the landscapes of a job: those of its table, or the one that QUALITY and MOVEMENT are.

    Raises
    ------
    InputError
        See `Table.rows`.
    """
    return Table(PARAMETER, "landscape", COLUMNS).rows(job) if job.parameters.get(PARAMETER) else [Row("", job)]


@dataclass(frozen=True)
class Table:
    """A CSV file with a row for each landscape.

    Parameters
    ----------
    parameter : str
        Of the job, that names the file.
    noun : str
        What a row is, for messages.
    columns : tuple of str
        Those that mean something here, of `COLUMNS`.
    """

    parameter: str
    noun: str
    columns: tuple[str, ...]

    def rows(self, job: Job) -> list[Row]:
        """Return the landscapes of the table that the job names.

        Paths are taken from the table's folder where they are not absolute; an empty quality or movement is that of the job.

        Raises
        ------
        InputError
            When the table cannot be read, has no rows or other columns, or a number is none or not above 0.
        """
        path = Path(job.parameters[self.parameter])
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(self.parameter, f"'{path}' cannot be read: {error}.", "Give a CSV file.") from error
        lines = text.splitlines()
        separator = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
        found = list(csv.DictReader(lines, delimiter=separator))
        given = [name.strip().lower() for name in (lines[0].split(separator) if lines else [])]
        unknown = [name for name in given if name not in self.columns]
        if not found or unknown or not {"quality", "movement"} & set(given):
            raise InputError(
                self.parameter,
                f"It has {counted(len(found), 'row')}"
                + (f", and columns that mean nothing here: {', '.join(unknown)}." if unknown else "."),
                f"Give a CSV file with a row for each {self.noun}, and a column quality or movement or both; all that it may have are "
                f"{', '.join(self.columns)}.",
            )
        rows = [
            self._row(job, number, {(k or "").strip().lower(): (v or "").strip() for k, v in row.items()}, path.parent)
            for number, row in enumerate(found, 1)
        ]
        names = [row.name for row in rows]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise InputError(self.parameter, f"Two {self.noun}s are named '{double}'.", "Give each its own name.")
        return rows

    def _row(self, job: Job, number: int, row: dict[str, str], folder: Path) -> Row:
        name = row.get("name") or f"row {number}"
        values: dict[str, Any] = dict(job.parameters)
        for parameter, column in (("QUALITY", "quality"), ("MOVEMENT", "movement")):
            if row.get(column):
                given = Path(row[column])
                kept = given.is_absolute() or row[column].startswith("/vsi")
                values[parameter] = str(given if kept else folder / given)
                values[f"{parameter}_BAND"] = 1
        weight = self._number(row.get("weight") or "1", name, "weight")
        if row.get("dispersal_distance"):
            values["DISPERSAL_DISTANCE"] = self._number(row["dispersal_distance"], name, "dispersal_distance")
        return Row(name, replace(job, parameters=values), weight, row.get("scenario") or "")

    def _number(self, text: str, name: str, column: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < float("inf"):
            raise InputError(
                self.parameter,
                f"{self.noun.capitalize()} '{name}': its {column} is '{text}'.",
                "Give a number > 0.",
            )
        return value
