"""Sources and grounds of a circuit, and what happens where they meet. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Policy = Literal["keepall", "rmvsrc", "rmvgnd", "rmvall"]


@dataclass(frozen=True)
class Settled:
    """Sources and grounds of each node after conflicts are settled, (nodes,) each.

    Parameters
    ----------
    source : array of float64
        Amperes that enter, < 0: leave.
    finite : array of float64
        Finite conductance to ground.
    tied : array of bool
        Held at potential 0.
    counted : array of float64
        Conductance to ground (inf where tied) by which it is decided whether a component has a ground.
    """

    source: NDArray[np.float64]
    finite: NDArray[np.float64]
    tied: NDArray[np.bool_]
    counted: NDArray[np.float64]


def settle(
    source: NDArray[np.float64], ground: NDArray[np.float64], policy: Policy, *, compatible: bool = False
) -> Settled:
    """Decide what counts at nodes that have both a source and a ground.

    ``keepall`` keeps both, ``rmvsrc`` the ground alone, ``rmvgnd`` the source alone, ``rmvall`` neither. After that a ground of
    infinite conductance where current enters is dropped: it would swallow the current on the spot.

    Parameters
    ----------
    source, ground : array of float64, shape (nodes,)
        Amperes; conductance to ground, inf where tied.
    policy : {"keepall", "rmvsrc", "rmvgnd", "rmvall"}
    compatible : bool
        As Circuitscape 5 does it: ``rmvall`` drops the source alone, and finite grounds stay in the system whatever the policy
        is.
    """
    source, ground = source.copy(), ground.copy()
    whole = np.where(np.isfinite(ground), ground, 0.0)
    meet = (source != 0) & (ground != 0)
    if policy in ("rmvsrc", "rmvall"):
        source[meet] = 0
    if policy == "rmvgnd" or (policy == "rmvall" and not compatible):
        ground[meet] = 0
    ground[np.isposinf(ground) & (source > 0)] = 0
    tied = np.isposinf(ground)
    finite = whole if compatible else np.where(tied, 0.0, ground)
    return Settled(source, finite, tied, ground)
