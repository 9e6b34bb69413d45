"""Gradients of circuits against differences and a law."""

from __future__ import annotations

import numpy as np
import pytest
from raster_circuits import rough

from backend.circuit import circuit_of_conductance, circuit_of_resistance
from backend.circuit_gradient import adjoint_potentials, conductance_gradient, edge_gradient, resistance_gradient
from backend.circuit_nodes import component_labels
from backend.circuit_solver import CircuitSolver, PointCurrents
from backend.neighbourhood import Neighbourhood


@pytest.mark.parametrize("rule", ["average_resistance", "average_conductance"])
@pytest.mark.parametrize("input_kind", ["resistance", "conductance"])
@pytest.mark.parametrize("grounded", [True, False])
def test_gradients_are_those_of_central_differences(rule, input_kind, grounded):
    neighbourhood = Neighbourhood(1.0, 2.0, 8, rule)
    raster = rough(6, 7, decades=1)
    raster[:, 3] = 1.0  # one piece
    if input_kind == "conductance":
        raster = np.where(np.isfinite(raster), 1 / raster, 0.0)
    make = circuit_of_resistance if input_kind == "resistance" else circuit_of_conductance
    chain = resistance_gradient if input_kind == "resistance" else conductance_gradient
    merged = np.zeros((6, 7), np.int32)
    merged[1, 2:5] = 1
    labels = component_labels(make(raster, neighbourhood, merged=merged))
    cells = np.flatnonzero((labels == labels[0, 3]).ravel())
    grounds = np.zeros((6, 7))
    grounds.ravel()[cells[4]] = 0.4 if grounded else 0.0
    pair = PointCurrents(cells[[0, -1]], np.array([[1.0, -1.0 if not grounded else -0.3]]))
    weights = np.random.default_rng(2).normal(size=(6, 7))

    def solve(values):
        circuit = make(values, neighbourhood, merged=merged)
        solver = CircuitSolver(circuit, grounds=grounds if grounded else None)
        return circuit, solver, solver.potentials(pair)[0]

    def value(values):
        v = solve(values)[2]
        return float(np.nansum(weights * np.where(labels == labels[0, 3], np.nan_to_num(v) ** 2, 0)))

    circuit, solver, v = solve(raster)
    cotangent = np.where(labels == labels[0, 3], 2 * weights * np.nan_to_num(v), 0)
    adjoint = adjoint_potentials(solver, cotangent[None])[0]
    gradient = chain(circuit, edge_gradient(circuit, v, adjoint), raster, neighbourhood)
    for cell in cells[::3]:
        up, down = raster.copy(), raster.copy()
        step = 1e-5 * raster.ravel()[cell]
        up.ravel()[cell] += step
        down.ravel()[cell] -= step
        assert gradient.ravel()[cell] == pytest.approx((value(up) - value(down)) / (2 * step), rel=1e-6, abs=1e-8)


def test_gradient_of_an_effective_resistance_scales():
    """R is homogeneous of degree 1 in the resistances: the sum of r dR/dr is R."""
    resistance = rough(8, 8, holes=0)
    circuit = circuit_of_resistance(resistance, Neighbourhood(1, 1))
    v = CircuitSolver(circuit).potentials(PointCurrents(np.array([0, 63]), np.array([[1.0, -1.0]])))[0]
    gradient = resistance_gradient(circuit, edge_gradient(circuit, v, v), resistance, Neighbourhood(1, 1))
    assert float((resistance * gradient).sum()) == pytest.approx(v[0, 0] - v[7, 7])
    assert (gradient > 0).all()
