"""`python -m demo [--synthetic] [--pictures FOLDER]`: called by `./run demo`, which sets the environment."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from . import page, pictures
from .landscape import PERMEABILITY, QUALITY, calculate
from .synthetic import write_landscape
from .toolbox import Run, Toolbox, ToolboxError

TOP = Path(__file__).resolve().parent.parent
DISPERSAL = 100
BUDGET, AMOUNT, ROUNDS = 5000, 1, 3
CELL_HECTARES = 25 * 25 / 10_000
REAL = (
    "Connectivity of the Djelk landscape",
    "Djelk, Arnhem Land, Australia: 1175 x 758 cells of 25 m. Quality comes from the NDVI of 2005, permeability from the "
    f"slope; animals disperse over {DISPERSAL} m (the scale of a negative exponential). The formulas are an example, not a "
    "model of a species. Data: deepssf 0.3.1 (MIT licence).",
)
SYNTHETIC = (
    "Connectivity of a made-up landscape",
    "This landscape is made up by a random number generator; it is no real place. Rivers are barriers "
    f"but for their fords; roads are bare, between steep banks. Animals disperse over {DISPERSAL} m (the scale of a negative "
    "exponential).",
)


def main() -> int:
    """Run the demo and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="./run demo", description="The main job on a landscape, from rasters to maps."
    )
    parser.add_argument("--synthetic", action="store_true", help="a made-up landscape instead of the real one")
    parser.add_argument("--pictures", type=Path, help="folder for small copies of the maps")
    options = parser.parse_args()
    program = os.environ.get("QGIS_PROCESS")
    if not program:
        sys.stderr.write("Start the demo with ./run demo.\n")
        return 2
    try:
        _demo(Toolbox(program), options)
    except ToolboxError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _demo(toolbox: Toolbox, options: argparse.Namespace) -> None:
    start = time.monotonic()
    data = os.environ.get("DRIFTWAY_LANDSCAPE")
    synthetic = options.synthetic or not data
    folder = TOP / ".driftway" / ("demo-synthetic" if synthetic else "demo")
    folder.mkdir(parents=True, exist_ok=True)
    title, about = SYNTHETIC if synthetic else REAL
    print(f"{title}\n{about}\n")
    ndvi, slope = (
        write_landscape(folder) if synthetic else (Path(data) / "ndvi_2005.tif", Path(data) / "slope_2005.tif")
    )
    for formula, source, name in ((QUALITY, ndvi, "quality"), (PERMEABILITY, slope, "permeability")):
        by = calculate(toolbox, formula, source, folder / f"{name}.tif")
        print(f"{name}.tif by {by}: {formula.shown}", flush=True)
    runs, headlines = {}, {}
    for name, parameters in _jobs(folder).items():
        print(f"\ndriftway:{name} ...", flush=True)
        runs[name] = run = toolbox.run(f"driftway:{name}", parameters)
        headlines[name] = [*_HEADLINES[name](run.results), ("Worker", _usage(run))]
        for label, value in headlines[name]:
            print(f"  {label:<46} {value}", flush=True)
    print("\nDrawing the maps ...", flush=True)
    found = pictures.draw(folder, title, options.pictures)
    index = folder / "index.html"
    index.write_text(page.render(title, about, runs, headlines, found), encoding="utf-8")
    print(
        f"Done in {time.monotonic() - start:.0f} s. GeoTIFFs, maps (PNG), reports and a QGIS project lie in\n  {folder}"
    )
    print(f"Open in a browser:\n  {index}\nOpen in QGIS:\n  {folder / 'driftway-demo.qgz'}")


def _jobs(folder: Path) -> dict[str, dict[str, Any]]:
    landscape = {
        "QUALITY": folder / "quality.tif",
        "MOVEMENT": folder / "permeability.tif",
        "MOVEMENT_KIND": "permeability",
        "DISPERSAL_DISTANCE": DISPERSAL,
        "NEIGHBOURS": 8,
    }
    action = {"ACTION": "raise_permeability_to", "AMOUNT": AMOUNT, "BUDGET": BUDGET, "ROUNDS": ROUNDS}
    outputs = {
        "connectivity": ("functional_habitat.tif", "accessible_habitat.tif", "connectivity.html"),
        "sensitivity": ("sensitivity.tif", "elasticity.tif", "sensitivity.html"),
        "prioritisation": ("selection.tif", "rank.tif", "curve.csv", "prioritisation.html"),
    }
    return {
        name: {
            **landscape,
            **(action if name == "prioritisation" else {}),
            **{_output(file): folder / file for file in files},
        }
        for name, files in outputs.items()
    }


def _output(file: str) -> str:
    return "REPORT" if file.endswith(".html") else Path(file).stem.upper()


def _connectivity(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Connectivity C", f"{found['C']:,.0f} quality x quality"),
        ("Equivalent connected area ECA", f"{found['ECA']:,.0f} cells = {found['ECA'] * CELL_HECTARES:,.0f} ha"),
        ("Habitat area (quality > 0)", f"{found['HABITAT_AREA'] / 10_000:,.0f} ha"),
        ("Probability of connectivity PC", f"{found['PC']:.3g}"),
        ("Quality-weighted mean distance of pairs", f"{found['MEAN_DISTANCE']:,.0f} m"),
    ]


def _sensitivity(found: dict[str, Any]) -> list[tuple[str, str]]:
    percent = found["DISPERSAL_ELASTICITY"] / found["C"]
    return [
        ("Connectivity C", f"{found['C']:,.0f}"),
        ("C for 1 % more dispersal distance", f"+{percent:.2f} %"),
    ]


def _prioritisation(found: dict[str, Any]) -> list[tuple[str, str]]:
    gain, before = found["GAIN"], found["C_BEFORE"]
    return [
        ("Selected cells", f"{found['SELECTED']:,.0f} = {found['SELECTED'] * CELL_HECTARES:,.0f} ha"),
        ("True gain in C", f"{gain:,.0f} = {100 * gain / before:.2f} %"),
        ("Predicted by the gradient", f"{found['GAIN_PREDICTED']:,.0f}"),
        (
            "Gain of as many cells at random",
            f"{found['GAIN_RANDOM']:,.0f}"
            + (f": the selection gains {gain / found['GAIN_RANDOM']:.1f} x" if found["GAIN_RANDOM"] else ""),
        ),
        ("Gain of the cells of the highest quality", f"{found['GAIN_TOP_QUALITY']:,.0f}"),
    ]


def _usage(run: Run) -> str:
    if run.worker is None:
        return f"{run.seconds:.0f} s with the start of QGIS"
    seconds, megabytes = run.worker
    return f"{seconds:.0f} s, {megabytes:,.0f} MB at most"


_HEADLINES = {"connectivity": _connectivity, "sensitivity": _sensitivity, "prioritisation": _prioritisation}


if __name__ == "__main__":
    sys.exit(main())
