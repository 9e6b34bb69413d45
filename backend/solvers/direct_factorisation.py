"""Direct solution of a circuit's equations: SuperLU's factors of a symmetric positive definite matrix."""

import numpy as np
from jaxtyping import Float
from scipy.sparse import csc_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu

_REFINEMENTS = 2
_ROUNDING = 8 * float(np.finfo(np.float64).eps)


class DirectFactorisation:
    """The factors of a circuit's matrix, for any number of right-hand sides.

    Parameters
    ----------
    conductances : csr_matrix, shape (nodes, nodes)
        Symmetric, without diagonal.
    grounds : array, shape (nodes,)
        Conductance of each node to ground, >= 0.
    held : bool array, shape (nodes,)
        Nodes at potential 0; every component needs one, or a ground.
    """

    def __init__(self, conductances: csr_matrix, grounds: Float[np.ndarray, " nodes"], held: np.ndarray) -> None:
        self._free = np.flatnonzero(~held)
        degree = np.asarray(conductances.sum(axis=1)).ravel() + grounds
        inner = conductances[self._free][:, self._free]
        self._matrix = csr_matrix(diags(degree[self._free]) - inner)
        # Symmetric positive definite: no pivots are exchanged, and the order is that for a symmetric matrix.
        options = {"SymmetricMode": True}
        self._factors = splu(
            csc_matrix(self._matrix), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options
        )

    def solve(self, currents: Float[np.ndarray, " nodes"]) -> tuple[Float[np.ndarray, " nodes"], float, float]:
        """Return the potentials, the residual's Euclidean norm and the part of it that rounding alone explains.

        Both relative to the norm of the currents.
        """
        right = currents[self._free]
        found = self._factors.solve(right)
        left = right - self._matrix @ found
        for _ in range(_REFINEMENTS):
            found += self._factors.solve(left)
            left = right - self._matrix @ found
        potentials = np.zeros(len(currents))
        potentials[self._free] = found
        size = float(np.linalg.norm(right))
        if size == 0:
            return potentials, 0.0, 0.0
        rounding = _ROUNDING * float(np.linalg.norm(self._matrix.diagonal() * found))
        return potentials, float(np.linalg.norm(left)) / size, rounding / size
