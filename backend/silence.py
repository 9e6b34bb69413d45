"""A report to which nobody listens."""

from __future__ import annotations


class Silence:
    """Hears of everything and passes nothing on; never asks to stop."""

    def message(self, text: str) -> None:
        """Say nothing."""

    def warning(self, text: str) -> None:
        """Say nothing."""

    def progress(self, fraction: float, step: str) -> None:
        """Say nothing."""

    def raise_if_cancelled(self) -> None:
        """Go on."""
