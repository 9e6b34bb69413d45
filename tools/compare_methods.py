"""Compare the methods of prioritisation on random landscapes with 30 interventions, as the table in `docs/prioritisation.md`.

Run it with the Python of the engine, from the checkout; landscapes FIRST to LAST - 1 (0 to 19 make the table)::

    python3 tools/compare_methods.py OUTPUT.csv [FIRST LAST]

Rows are added to the file, so that the work can be done in parts; without FIRST and LAST the table of what is there is printed.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

INTERVENTIONS = 30
METHODS: dict[str, dict[str, Any]] = {
    "elasticity threshold": {"METHOD": "ranking", "RANK_BY": "elasticity", "ROUNDS": 1},
    "sensitivity threshold": {"METHOD": "ranking", "RANK_BY": "sensitivity", "ROUNDS": 1},
    "ranking, 10 rounds": {"METHOD": "ranking", "ROUNDS": 10},
    "integer programme, 10 linearisations": {"METHOD": "integer", "ROUNDS": 10},
    "greedy": {"METHOD": "greedy", "ROUNDS": 1, "EXCHANGES": 0},
    "greedy, exchanges": {"METHOD": "greedy", "ROUNDS": 1},
    "flow, rounded": {"METHOD": "flow", "ROUNDS": 1},
}


class Silence:
    """A report that nobody reads."""

    def message(self, text: str) -> None:
        """Hear nothing."""

    def warning(self, text: str) -> None:
        """Hear nothing."""

    def progress(self, fraction: float, step: str) -> None:
        """Hear nothing."""

    def raise_if_cancelled(self) -> None:
        """Never stop."""


def landscape(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return quality and permeability of 20 + seed cells a side: a quarter is habitat in clumps; permeability 0.05 to 0.65."""
    from scipy import ndimage

    random, side = np.random.default_rng(seed), 20 + seed
    field = ndimage.gaussian_filter(random.normal(size=(side, side)), 2)
    quality = (field > np.quantile(field, 0.75)) * random.uniform(0.3, 1, (side, side))
    field = ndimage.gaussian_filter(random.normal(size=(side, side)), 1.5)
    return quality, 0.05 + 0.6 * (field - field.min()) / (field.max() - field.min())


def gains(seed: int, folder: Path) -> dict[str, float]:
    """Return the true gain of each method and of chance, per cent of C before."""
    from backend.analyses import prioritisation
    from backend.job import Job
    from backend.outputs import Outputs

    rasters = [
        str(_written(folder / f"{name}.tif", values)) for name, values in zip("qm", landscape(seed), strict=True)
    ]
    found = {}
    for name, options in METHODS.items():
        parameters = {"QUALITY": rasters[0], "MOVEMENT": rasters[1], "BUDGET": INTERVENTIONS, "AMOUNT": 0.4}
        parameters |= {"DISPERSAL_DISTANCE": 60.0, "BOUND": False, **options}
        job = Job.from_dict({"analysis": "prioritisation", "parameters": parameters})
        started = time.process_time()
        with Outputs(job) as outputs:
            numbers = prioritisation.run(job, Silence(), outputs)
        found[name] = 100 * numbers["GAIN"] / numbers["C_BEFORE"]
        found["random"] = 100 * numbers["GAIN_RANDOM"] / numbers["C_BEFORE"]
        sys.stderr.write(f"{seed}: {name}: {found[name]:.1f} % in {time.process_time() - started:.0f} s\n")
    return found


def _written(path: Path, values: NDArray[np.float64]) -> Path:
    from backend.raster_grid import Grid
    from backend.raster_io import write_raster

    grid = Grid(values.shape[0], values.shape[1], 0.0, 10.0 * len(values), 10.0, 10.0, False, "")
    rows: list[Any] = [values.astype(np.float32)]
    write_raster(path, rows, grid, nodata=-9999.0, descriptions=[""], unit="", metadata={}, parameter="")
    return path


def main(arguments: list[str]) -> int:
    """Add rows to the file, or print the table of what is there."""
    path = Path(arguments[0])
    names = ["landscape", "side", "random", *METHODS]
    if len(arguments) > 1:
        from backend.runtime import start

        start("cpu", 1)
        for seed in range(int(arguments[1]), int(arguments[2])):
            with tempfile.TemporaryDirectory() as folder:
                found = gains(seed, Path(folder))
            new = not path.exists()
            with open(path, "a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, names)
                if new:
                    writer.writeheader()
                writer.writerow({"landscape": seed, "side": 20 + seed, **found})
        return 0
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    best = dict.fromkeys(names[2:], 0)
    for row in rows:
        best[max(names[2:], key=lambda name, row=row: float(row[name]))] += 1
    sys.stdout.write(
        f"| method ({len(rows)} landscapes) | gain, % of C | least | most | best of all |\n|---|---|---|---|---|\n"
    )
    for name in names[2:]:
        values = [float(row[name]) for row in rows]
        sys.stdout.write(f"| {name} | {np.mean(values):.1f} | {min(values):.1f} | {max(values):.1f} | {best[name]} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
