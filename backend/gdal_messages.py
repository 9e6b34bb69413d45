"""What GDAL says while it works, as text, whether or not the process lets GDAL raise; light."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from osgeo import gdal


@contextmanager
def gdal_errors_as_text(least: int = gdal.CE_Warning) -> Iterator[list[str]]:
    """Collect GDAL's messages of this severity or more; works whether or not the process lets GDAL raise."""
    messages: list[str] = []

    def collect(severity: int, number: int, text: str) -> None:
        if severity >= least:
            messages.append(text)

    gdal.PushErrorHandler(collect)
    try:
        yield messages
    finally:
        gdal.PopErrorHandler()


def quietly(call: Any, *arguments: Any, **named: Any) -> tuple[Any, str]:
    """Call one of GDAL's functions; return its value, None when it raised, and all that GDAL said."""
    with gdal_errors_as_text() as messages:
        try:
            value = call(*arguments, **named)
        except RuntimeError as error:
            value, messages = None, [*messages, str(error)]
    return value, " ".join(dict.fromkeys(messages))
