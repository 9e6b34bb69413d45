"""Why the compute engine could not be found, installed or checked."""

from __future__ import annotations


class EngineError(Exception):
    """Say what is wrong with the compute engine and what to do about it.

    Parameters
    ----------
    message : str
        What is wrong, with the value and the place.
    remedy : str
        What the person can do; may be empty.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} {remedy}".strip())


class EngineCancelled(EngineError):
    """Say that the person stopped the installation."""

    def __init__(self) -> None:
        super().__init__("The installation was cancelled; nothing was changed.")
