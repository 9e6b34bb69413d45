"""What can go wrong in a way that a user can mend."""

from __future__ import annotations


class DriftwayError(Exception):
    """A failure that is reported to the user in words.

    Parameters
    ----------
    message : str
        What is wrong, with the value and the place.
    remedy : str
        What the user can do about it.
    parameter : str or None
        The declared parameter that it concerns.
    """

    code = "internal"

    def __init__(self, message: str, remedy: str = "", parameter: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.parameter = parameter

    def __str__(self) -> str:
        place = f"{self.parameter}: " if self.parameter else ""
        return f"{place}{self.message} {self.remedy}".strip()


class InputError(DriftwayError):
    """An input that the analysis cannot work with."""

    code = "bad_input"

    def __init__(self, parameter: str | None, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy, parameter)


class MemoryPlanError(DriftwayError):
    """A plan that needs more memory than the limit allows."""

    code = "memory"


class OutputError(DriftwayError):
    """An output that cannot be written."""

    code = "output"


class Cancelled(Exception):
    """The user asked the run to stop."""
