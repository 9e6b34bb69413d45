"""Least-cost distance."""

from typing import ClassVar

from jaxtyping import Array, Float

from ..grid import Neighbourhood, edge_costs, is_node
from ..solvers.shortest_paths import shortest_paths
from ..window_shape import WindowShape
from .abstract import AbstractDistance

#: What a step costs at least: its "length", or its length times the smallest "resistance".
HALO_FOLLOWS = "resistance"


class LeastCostDistance(AbstractDistance):
    r"""Least accumulated cost over all paths between two cells, in map units: with resistance 1 the length of the path.

    .. math:: d_{ij} = \min_{\text{paths } i \to j} \sum_{(u, v)} R_{uv}

    with the edge costs :math:`R_{uv}` of ``edge_costs``. The derivative follows the shortest paths; where several tie, the edges
    into a cell share equally.

    References
    ----------
    Adriaensen, F. et al. (2003) The application of 'least-cost' modelling as a functional landscape model. Landscape and
    Urban Planning 64, 233-247. doi:10.1016/S0169-2046(02)00242-6.
    Dijkstra, E. W. (1959) A note on two problems in connexion with graphs. Numerische Mathematik 1, 269-271.
    doi:10.1007/BF01386390.
    """

    unit: ClassVar[str] = "map units"

    def __call__(
        self,
        resistance: Float[Array, "blocks height width"],
        neighbourhood: Neighbourhood,
        window: WindowShape,
        limit: float | Float[Array, ""],
        movement_cost: Float[Array, "blocks height width"] | None = None,
        latitude: Float[Array, "blocks height"] | None = None,
    ) -> Float[Array, "blocks height width lanes"]:
        """Return the least-cost distances of each window."""
        sources = is_node(window.block(resistance)).reshape(resistance.shape[0], window.lanes)
        return shortest_paths(edge_costs(resistance, neighbourhood, latitude), window, limit, sources)
