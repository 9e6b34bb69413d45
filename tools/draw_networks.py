"""Draw the networks of the documentation as QGIS shows them, from the data to the pictures.

Run it with the Python that imports `qgis`; OHIO is the folder of the patches of ConScapeRtools, NDVI a raster of the Djelk
landscape as `./run demo` fetches it::

    python3 tools/draw_networks.py OHIO NDVI [FOLDER]
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication, QgsMapRendererParallelJob, QgsMapSettings, QgsVectorLayer
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor, QImage

sys.path.insert(0, str(Path(__file__).resolve().parent))
from model_making import ROOT, load_plugin

_SIZE = (900, 620)


def recipes(ohio: Path, ndvi: Path) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return the parameters of buildnetwork and networkindices for each picture."""
    paths = {"DISTANCE": "least_cost", "MOVEMENT": ohio / "affinity.asc", "PATCHES": ohio / "patches.shp"}
    straight = {"HABITAT": ndvi, "HABITAT_THRESHOLD": 0.45, "MINIMUM_AREA": 100_000}
    return {
        "network_ohio.png": (paths, {"DISPERSAL_DISTANCE": 10_000}),
        "network_djelk.png": (straight, {"DISPERSAL_DISTANCE": 1000}),
    }


def _run(algorithm: str, **parameters: Any) -> None:
    given = [f"--{name}={value}" for name, value in parameters.items()]
    subprocess.run([str(ROOT / "run"), "algorithm", algorithm, *given], check=True, stdout=subprocess.DEVNULL)


def compute(work: Path, build: dict[str, Any], indices: dict[str, Any]) -> Path:
    """Build a network and compute its indices; return the GeoPackage."""
    network, found = work / "network.gpkg", work / "indices.gpkg"
    _run("buildnetwork", **build, NETWORK=network)
    layers = {name.upper(): f"{network}|layername={name}" for name in ("nodes", "edges")}
    _run("networkindices", **layers, **indices, NETWORK=found)
    return found


@contextmanager
def qgis() -> Iterator[None]:
    """Hold QGIS and our plugin while maps are drawn."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QgsApplication([], False)
    application.initQgis()
    load_plugin()
    try:
        yield
    finally:
        application.exitQgis()


def draw(network: Path, picture: Path) -> None:
    """Draw both layers of a network in the styles that networkindices gives them."""
    catalogue = importlib.import_module("driftway.processing_provider.catalogue")
    styles = importlib.import_module("driftway.processing_provider.vector_styles")
    outputs = catalogue.algorithm("networkindices")["outputs"]
    layers = []
    for declared in next(output for output in outputs if output["kind"] == "vector")["layers"]:
        layer = QgsVectorLayer(f"{network}|layername={declared['layer']}", declared["label"], "ogr")
        if not styles.apply_vector_style(layer, declared["style"]):
            raise ValueError(f"{network} has no layer {declared['layer']} that can be drawn.")
        layers.insert(0, layer)
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setOutputSize(QSize(*_SIZE))
    settings.setBackgroundColor(QColor("white"))
    settings.setDestinationCrs(layers[0].crs())
    extent = layers[0].extent()
    extent.combineExtentWith(layers[1].extent())
    extent.scale(1.05)
    settings.setExtent(extent)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage().convertToFormat(QImage.Format.Format_Indexed8)
    if not image.save(str(picture), "PNG", 0):
        raise OSError(f"{picture} cannot be written.")


def main(arguments: list[str]) -> int:
    """Draw the pictures and return the exit status."""
    ohio, ndvi = Path(arguments[0]).resolve(), Path(arguments[1]).resolve()
    folder = Path(arguments[2]) if len(arguments) > 2 else ROOT / "docs" / "images"
    with tempfile.TemporaryDirectory() as work, qgis():
        for name, (build, indices) in recipes(ohio, ndvi).items():
            draw(compute(Path(work), build, indices), folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
