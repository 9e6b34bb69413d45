"""Effective resistance as a distance."""

from typing import ClassVar

from jaxtyping import Array, Float

from ..solvers.effective_resistance import EffectiveResistances
from .abstract_circuit import AbstractCircuitDistance

#: The window is part of the definition: it reaches a declared radius beyond the block of sources.
HALO_FOLLOWS = "radius"
#: Of the distance, and so of the dispersal distance.
UNIT = "map units"
#: Of the plan: blocks of memory, nanoseconds per height x width^3, and bytes of the compiler; see `EliminationCost`.
COST = (4, 1.0, 130_000_000)
GRADIENT_COST = (8, 2.0, 170_000_000)


class ResistanceDistance(AbstractCircuitDistance):
    r"""Effective resistance between two cells of a window, as of a circuit: many ways are shorter than one.

    .. math:: R_{ij} = (e_i - e_j)^T L^+ (e_i - e_j)

    with the Laplacian :math:`L` of the window's graph, whose edges have the conductance 1 / (cost of the step), see
    ``edge_costs``. In map units: along a single path of resistance 1 it is the path's length; every further way shortens it. Cells of
    other components are infinitely far away. Only the window's cells carry current.

    References
    ----------
    McRae, B. H. (2006) Isolation by resistance. Evolution 60, 1551-1561. doi:10.1111/j.0014-3820.2006.tb00500.x.
    Klein, D. J. & Randic, M. (1993) Resistance distance. Journal of Mathematical Chemistry 12, 81-95.
    doi:10.1007/BF01164627.
    """

    unit: ClassVar[str] = UNIT

    def of_circuit(self, circuit: EffectiveResistances) -> Float[Array, "blocks height width lanes"]:
        """Return the effective resistances of each window."""
        return circuit.resistance
