"""From a dispersal distance, as ecologists state it, to the scale and the reach of a proximity kernel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from . import registry
from .errors import InputError
from .proximities.abstract import AbstractKernel


@dataclass(frozen=True)
class Dispersal:
    """A proximity kernel with its scale.

    Parameters
    ----------
    kernel : str
        Name of the kernel (a file of `proximities`).
    scale : float
        d0 of the kernel's formula, map units.
    reach : float
        Largest distance that counts, map units: where the kernel falls to the cut-off.
    scale_per_distance : float
        d (scale) / d (dispersal distance as stated): 1 when the scale was stated.
    """

    kernel: str
    scale: float
    reach: float
    scale_per_distance: float


@cache
def load_kernel(name: str) -> AbstractKernel:
    """Return the proximity kernel of that name, always the same object: another one would be compiled for anew."""
    return registry.load("proximities", name).Kernel()


def dispersal(kernel: str, distance: float, meaning: str, cutoff: float) -> Dispersal:
    """Turn a stated dispersal distance into a scale and a reach.

    Parameters
    ----------
    kernel : str
        Name of the proximity kernel.
    distance : float
        Dispersal distance, map units, > 0.
    meaning : str
        ``"scale"``, ``"mean"``, ``"median"`` or ``"maximum"`` (the distance at which the proximity is `cutoff`).
    cutoff : float
        Smallest proximity that counts, in (0, 1).

    Returns
    -------
    Dispersal

    Raises
    ------
    InputError
        When the kernel has no finite mean and the mean is stated.
    """
    f = load_kernel(kernel)
    if meaning == "mean":
        if f.mean is None:
            raise InputError(
                "DISPERSAL_MEANING",
                f"The {kernel} proximity has no finite mean distance.",
                "State the scale, the median or the maximum, or choose the exponential proximity.",
            )
        per_scale = f.mean
    else:
        per_scale = {"scale": 1.0, "median": f.inverse(0.5), "maximum": f.inverse(cutoff)}[meaning]
    scale = distance / per_scale
    return Dispersal(kernel, scale, scale * f.inverse(cutoff), 1 / per_scale)
