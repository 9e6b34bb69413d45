"""Driftway's mathematics: landscape connectivity as windowed JAX kernels, without QGIS."""

__version__ = "0.1.0"
