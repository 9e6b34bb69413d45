"""Commute time as a distance."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..solvers.effective_resistance import EffectiveResistances
from .abstract_circuit import AbstractCircuitDistance

#: The window is part of the definition: it reaches a declared radius beyond the block of sources.
HALO_FOLLOWS = "radius"
#: Of the distance, and so of the dispersal distance.
UNIT = "steps"
#: Of the plan: blocks of memory, nanoseconds per height x width^3, and bytes of the compiler; see `EliminationCost`.
COST = (4, 1.0, 130_000_000)
GRADIENT_COST = (8, 2.0, 170_000_000)


class CommuteDistance(AbstractCircuitDistance):
    r"""Steps that a random walker takes on average from one cell to another and back, within a window.

    .. math:: T_{ij} = \mathrm{vol} \, R_{ij}, \quad \mathrm{vol} = \sum_i \sum_j g_{ij}

    with the effective resistance :math:`R_{ij}` of ``ResistanceDistance``, the conductances :math:`g_{ij}` = 1 / (cost of the step)
    and their sum over all cells of the component in the window, each edge counted from both ends. The walker leaves a cell along
    each edge with a probability in proportion to its conductance. In steps: the same when all resistances are multiplied by a
    number, and in proportion to the number of cells in the window. Cells of other components are infinitely far away.

    References
    ----------
    Chandra, A. K. et al. (1996) The electrical resistance of a graph captures its commute and cover times. Computational
    Complexity 6, 312-340. doi:10.1007/BF01270385.
    """

    unit: ClassVar[str] = UNIT

    def of_circuit(self, circuit: EffectiveResistances) -> Float[Array, "blocks height width lanes"]:
        """Return the commute times of each window."""
        volume = jnp.where(circuit.joined, circuit.degree[..., None], 0).sum(axis=(1, 2), keepdims=True)
        return circuit.resistance * volume
