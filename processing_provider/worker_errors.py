"""How a run of the worker can end badly."""

from __future__ import annotations


class WorkerError(Exception):
    """A run that failed, in words that say what to do.

    Parameters
    ----------
    message : str
        What went wrong.
    remedy : str
        What the user can do.
    parameter : str or None
        The parameter that it concerns.
    code : str
        ``bad_input``, ``memory``, ``engine``, ``output`` or ``internal``.
    """

    def __init__(self, message: str, remedy: str = "", parameter: str | None = None, code: str = "internal") -> None:
        self.message, self.remedy, self.parameter, self.code = message, remedy, parameter, code
        place = f"{parameter}: " if parameter else ""
        super().__init__(f"{place}{message} {remedy}".strip())


class WorkerCancelledError(Exception):
    """The user stopped the run, and the worker is gone."""
