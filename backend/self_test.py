"""A self-test with a known answer: an even landscape, whose least-cost distances are known without a search."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import __version__
from .errors import DriftwayError
from .worker import EXIT_ERROR, EXIT_RESULT, PROTOCOL, Channel

_SIDE = 9
_SCALE = 2.0
_TOLERANCE = 1e-10


class _Silent:
    """A report that nobody reads."""

    def message(self, text: str) -> None:
        """Say nothing."""

    def warning(self, text: str) -> None:
        """Say nothing."""

    def progress(self, fraction: float, step: str) -> None:
        """Say nothing."""

    def raise_if_cancelled(self) -> None:
        """Never stop."""


def expected_connectivity() -> float:
    """Return C of an even square landscape of quality and resistance 1, summed pair by pair over octile distances."""
    total = 0.0
    cells = [(row, column) for row in range(_SIDE) for column in range(_SIDE)]
    for a, b in cells:
        for c, d in cells:
            long, short = max(abs(a - c), abs(b - d)), min(abs(a - c), abs(b - d))
            if long:
                total += math.exp(-(long + (math.sqrt(2) - 1) * short) / _SCALE)
    return total


def computed_connectivity() -> tuple[float, float]:
    """Return C of the same landscape by the kernels, and the sum of its elasticities to quality (2 C by Euler)."""
    import jax.numpy as jnp

    from .connectivity import LandscapeModel, connectivity, connectivity_gradient
    from .dispersal import load_kernel
    from .distances import LeastCostDistance
    from .grid import Neighbourhood
    from .proximity import Proximity
    from .window_plan import window_plan

    ones = np.ones((_SIDE, _SIDE))
    model = LandscapeModel(
        LeastCostDistance(), Proximity(load_kernel("exponential"), jnp.asarray(_SCALE)), Neighbourhood(1.0, 1.0), 1e6
    )
    plan = window_plan(
        _SIDE,
        _SIDE,
        _SIDE - 1,
        _SIDE - 1,
        own_windows=False,
        gradient=True,
        item_bytes=8,
        threads=1,
        memory_limit=2**40,
        largest="",
    )
    found = connectivity(model, plan, ones, ones, _Silent())
    gradient = connectivity_gradient(model, plan, ones, ones, _Silent())
    return found.total, float(gradient.quality.sum())


def run() -> int:
    """Run the self-test, send its events and return the exit status."""
    from .runtime import start

    channel = Channel(follow_stdin=False)
    try:
        about = start("auto", 0)
        channel.send("hello", protocol=PROTOCOL, backend=__version__, **about)
        expected = expected_connectivity()
        found, elasticity = computed_connectivity()
        error = float(np.max(np.abs([found / expected - 1, elasticity / (2 * expected) - 1])))  # NaN stays NaN
        numbers: dict[str, Any] = {"EXPECTED": expected, "FOUND": found, "RELATIVE_ERROR": error}
        if not error <= _TOLERANCE:
            raise DriftwayError(
                f"The self-test gives {found!r} where {expected!r} is right.", "Install the engine anew."
            )
        channel.send("result", numbers=numbers, outputs={}, usage={})
        return EXIT_RESULT
    except DriftwayError as error:
        channel.send("error", code=error.code, parameter=None, message=error.message, remedy=error.remedy)
        return EXIT_ERROR
    finally:
        channel.end()
