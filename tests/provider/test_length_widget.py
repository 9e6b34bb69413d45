"""Lengths in QGIS's dialogs: metres on layers of longitudes and latitudes, where QGIS itself would say degrees."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from conftest import write_raster


@pytest.fixture
def labels(provider, qgis_app):
    """Return what stands beside the dispersal distance, by layer, as the dialog of connectivity makes its widgets."""
    from qgis.core import QgsProcessingContext, QgsRasterLayer
    from qgis.gui import QgsGui, QgsProcessingGui
    from qgis.PyQt.QtWidgets import QComboBox, QDialog, QLabel

    algorithm = provider.algorithm("connectivity")
    parameter = algorithm.parameterDefinition("DISPERSAL_DISTANCE")
    *module, name = parameter.metadata()["widget_wrapper"]["class"].split(".")
    dialog, context = QDialog(), QgsProcessingContext()
    wrapper = getattr(sys.modules.get(".".join(module)) or __import__(".".join(module), fromlist=[name]), name)(
        parameter, dialog
    )
    registry = QgsGui.processingGuiRegistry()
    raster = registry.createParameterWidgetWrapper(algorithm.parameterDefinition("QUALITY"), QgsProcessingGui.Standard)
    widgets = [each.createWrappedWidget(context) for each in (raster, wrapper)]
    for each in widgets:
        each.setParent(dialog)
    for each in (raster, wrapper):
        each.postInitialize([raster, wrapper])
    dialog.show()

    def wait() -> None:
        """Let what is due happen, timers too."""
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            qgis_app.processEvents()
            time.sleep(0.01)

    wait()

    def shown(path: Path) -> list[str]:
        layer = QgsRasterLayer(str(path), path.stem)
        assert layer.isValid()
        raster.setParameterValue(str(path), context)
        wait()
        texts = [each.text() or "a picture" for each in widgets[1].findChildren(QLabel) if each.isVisible()]
        return texts + [each.currentText() for each in widgets[1].findChildren(QComboBox) if each.isVisible()]

    yield shown, wrapper, context
    dialog.close()


def test_metres_beside_longitudes_and_latitudes(labels, tmp_path):
    world = write_raster(tmp_path / "world.tif", [[1.0, 1.0]], epsg=4326, corner=(10.0, 50.0))
    projected = write_raster(tmp_path / "projected.tif", [[1.0, 1.0]])
    shown, wrapper, context = labels
    for path, expected in ((world, ["metres"]), (projected, ["meters"]), (world, ["metres"])):
        assert shown(path) == expected
    wrapper.setParameterValue(250_000.0, context)
    assert wrapper.parameterValue() == 250_000.0
    wrapper.setParameterValue(None, context)
    assert wrapper.parameterValue() is None
