"""Direct solution of a circuit's equations: SuperLU's factors of a symmetric positive definite matrix."""

import numpy as np
from jaxtyping import Float
from scipy.sparse import csc_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu

_REFINEMENTS = 2


class DirectFactorisation:
    """The factors of a circuit's matrix, for any number of right-hand sides.

    Parameters
    ----------
    conductances : csr_matrix, shape (nodes, nodes)
        Symmetric, without diagonal.
    grounds : array, shape (nodes,)
        Conductance of each node to ground, >= 0; every component needs one > 0.
    """

    def __init__(self, conductances: csr_matrix, grounds: Float[np.ndarray, " nodes"]) -> None:
        degree = np.asarray(conductances.sum(axis=1)).ravel()
        self._matrix = csr_matrix(diags(degree + grounds) - conductances)
        # Symmetric positive definite: no pivots are exchanged, and the order is that for a symmetric matrix.
        self._factors = splu(
            csc_matrix(self._matrix),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )

    def solve(self, currents: Float[np.ndarray, " nodes"]) -> Float[np.ndarray, " nodes"]:
        """Return the potentials, after two steps of refinement."""
        found = self._factors.solve(currents)
        for _ in range(_REFINEMENTS):
            found += self._factors.solve(currents - self._matrix @ found)
        return found
