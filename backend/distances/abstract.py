"""What every distance is."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Self

import equinox as eqx
from jaxtyping import Array, Float

from ..grid import Neighbourhood
from ..window_shape import WindowShape

if TYPE_CHECKING:
    # Equinox's says the same to type checkers, but pyright knows a ClassVar only where it comes from typing itself.
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar


class AbstractDistance(eqx.Module):
    """Distance from every source of a block of windows to every cell of its window."""

    unit: AbstractClassVar[str]

    @classmethod
    def from_parameters(cls, values: dict[str, Any]) -> Self:
        """Return the distance that a job's parameters describe."""
        return cls()

    @abstractmethod
    def __call__(
        self,
        resistance: Float[Array, "blocks height width"],
        neighbourhood: Neighbourhood,
        window: WindowShape,
        limit: float | Float[Array, ""],
        movement_cost: Float[Array, "blocks height width"] | None = None,
        latitude: Float[Array, "blocks height"] | None = None,
    ) -> Float[Array, "blocks height width lanes"]:
        """Return the distances of each window.

        Parameters
        ----------
        resistance : (blocks, height, width)
            Resistance of each cell, > 0; ``inf`` or ``nan`` where the cell is no node.
        neighbourhood : Neighbourhood
            How cells are joined; static.
        window : WindowShape
            Where the sources lie; static.
        limit : float
            Greatest distance that counts, inclusive up to rounding; held fixed by derivatives.
        movement_cost : (blocks, height, width), optional
            For distances that take one; the others ignore it.
        latitude : (blocks, height), optional
            Of the centres of the rows, radians, where the neighbourhood has a sphere.

        Returns
        -------
        (blocks, height, width, lanes)
            ``inf`` where the cell or the source is no node, where the source does not reach the cell, and beyond the
            limit; 0 from a source to itself. Derivatives are exact, forwards and backwards; cotangents at infinite entries are
            ignored.
        """
