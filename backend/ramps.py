"""Colour ramps of the maps, in reports and in QGIS, as stops at equal steps from the lowest to the highest value.

Perceptually uniform and safe for colour-blind readers. viridis and magma: van der Walt and Smith (2015); mako: Waskom
(seaborn); vik: Crameri (2018), https://doi.org/10.5281/zenodo.1243862.
"""

from __future__ import annotations

RAMPS: dict[str, tuple[str, ...]] = {
    "viridis": (
        "#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725",
    ),
    "magma": (
        "#000004", "#180f3d", "#440f76", "#721f81", "#9e2f7f", "#cd4071", "#f1605d", "#fd9668", "#feca8d", "#fcfdbf",
    ),
    "mako": ("#0b0405", "#2e1e3c", "#413d7b", "#37659e", "#348fa7", "#40b7ad", "#8bdab2", "#def5e5"),
    "vik": (
        "#001261", "#033e7d", "#1e6f9d", "#71a8c4", "#c9dde7", "#f0eeec", "#eacebd", "#d39774", "#be6533", "#8b2706",
        "#590008",
    ),
}  # fmt: skip
