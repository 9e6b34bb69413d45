"""Expected cost of randomised shortest paths."""

from typing import ClassVar

from jaxtyping import Array, Bool, Float

from .abstract_walk import AbstractWalkDistance, Walk

#: The window is part of the definition: it reaches a declared radius beyond the block of sources.
HALO_FOLLOWS = "radius"
#: Of the distance, and so of the dispersal distance.
UNIT = "units of cost"
#: Whether the cost of a step is asked for.
HAS_STEP_COST = True
#: Of the plan: blocks of memory, nanoseconds per height x width^3, and bytes of the compiler; see `EliminationCost`.
COST = (8, 4.0, 480_000_000)
GRADIENT_COST = (38, 12.0, 850_000_000)


class ExpectedCostDistance(AbstractWalkDistance):
    r"""Mean cost of the randomised shortest paths between two cells.

    .. math:: c_{ij} = \frac{[Z (C \circ W) Z]_{ij}}{Z_{ij}} - \frac{[Z (C \circ W) Z]_{jj}}{Z_{jj}}, \quad
        W = P \circ e^{-\theta C}, \quad Z = (I - W)^{-1}

    It is computed as the derivative of :math:`-\log (Z_{ij} / Z_{jj})` with respect to theta. In the unit of the cost.

    Walks take steps in proportion to their affinity, as if every step of cost C were survived with the probability
    :math:`e^{-\theta C}` only. Cells of other components are infinitely far away; only the window's cells are walked on. Not
    symmetric: from the source to the cell.


    Parameters
    ----------
    theta : float or scalar array
        How strongly costs are shunned, > 0, in 1 / unit of the cost. Towards 0 the walk becomes random, towards infinity it
        takes the path of least cost.
    step_cost : {"minus_log", "inverse", "raster"}
        See ``walk_steps``; with ``raster`` the distance takes the costs as a further argument.

    References
    ----------
    Saerens, M. et al. (2009) Randomized shortest-path problems: two related models. Neural Computation 21, 2363-2404.
    doi:10.1162/neco.2009.11-07-643.
    Kivimaki, I. et al. (2014) Developments in the theory of randomized shortest paths with a comparison of graph node distances.
    Physica A 393, 600-616. doi:10.1016/j.physa.2013.09.016.
    Van Moorter, B. et al. (2023) Accelerating advances in landscape connectivity modelling with the ConScape library. Methods
    in Ecology and Evolution 14, 133-145. doi:10.1111/2041-210X.13850.
    """

    unit: ClassVar[str] = UNIT

    def in_whole_windows(
        self, walk: Walk, theta: Float[Array, ""], *, forward_mode: bool
    ) -> tuple[Float[Array, "blocks height width lanes"], Bool[Array, "blocks height width lanes"]]:
        """Return the expected costs of each window."""
        found, joined = walk.log_survival(theta, by_theta=True, forward_mode=forward_mode)
        return -found, joined
