"""The plugin as QGIS loads and unloads it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from conftest import ROOT, load_plugin
from qgis.core import QgsApplication
from qgis.PyQt.QtWidgets import QAction, QWidget

LOAD = f"""
import importlib.util, json, sys, time
from qgis.core import QgsApplication
application = QgsApplication([], False)
application.initQgis()
asked = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        asked.append(name.partition(".")[0])
sys.meta_path.insert(0, Watch())
started, cpu = time.perf_counter(), time.process_time()
spec = importlib.util.spec_from_file_location(
    "some_plugin_folder", {str(ROOT / "__init__.py")!r}, submodule_search_locations=[{str(ROOT)!r}]
)
module = importlib.util.module_from_spec(spec)
sys.modules["some_plugin_folder"] = module
spec.loader.exec_module(module)
plugin = module.classFactory(None)
plugin.initProcessing()
took = time.process_time() - cpu
names = sorted(a.name() for a in QgsApplication.processingRegistry().providerById("driftway").algorithms())
plugin.unload()
print("answer " + json.dumps({{"took": took, "asked": sorted(set(asked)), "names": names}}))
"""


def load_in_a_process(tmp_path: Path) -> dict[str, Any]:
    import json
    import os

    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QGIS_CUSTOM_CONFIG_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, env=environment, check=True, cwd=tmp_path
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("answer ")]
    return json.loads(line.removeprefix("answer "))


def test_it_loads_fast_under_any_folder_name_and_without_heavy_imports(tmp_path: Path) -> None:
    answers = [load_in_a_process(tmp_path) for _ in range(2)]
    heavy = {"numpy", "jax", "jaxlib", "equinox", "numba", "scipy", "osgeo", "processing", "backend"}
    assert not heavy & set(answers[0]["asked"])
    assert "connectivity" in answers[0]["names"]
    assert "landscapeconnectivity" in answers[0]["names"]
    assert min(answer["took"] for answer in answers) < 0.1  # seconds of this process, whatever else runs


def test_unload_leaves_no_provider_behind() -> None:
    registry = QgsApplication.processingRegistry()
    before = {provider.id() for provider in registry.providers()}
    plugin = load_plugin().classFactory(None)
    plugin.initProcessing()
    plugin.initProcessing()
    assert {provider.id() for provider in registry.providers()} == before | {"driftway"}
    plugin.unload()
    assert {provider.id() for provider in registry.providers()} == before
    plugin.unload()


def test_it_can_be_loaded_again_after_unloading() -> None:
    for _ in range(2):
        plugin = load_plugin().classFactory(None)
        plugin.initProcessing()
        assert QgsApplication.processingRegistry().algorithmById("driftway:connectivity") is not None
        plugin.unload()
        assert QgsApplication.processingRegistry().algorithmById("driftway:connectivity") is None


def test_unload_takes_menu_and_options_page_away() -> None:
    window = QWidget()
    iface = MagicMock()
    iface.mainWindow.return_value = window
    plugin = load_plugin().classFactory(iface)
    plugin.initGui()
    (factory,) = [call.args[0] for call in iface.registerOptionsWidgetFactory.call_args_list]
    added = [call.args for call in iface.addPluginToMenu.call_args_list]
    assert len(added) == 4
    assert all(isinstance(action, QAction) and action.text() for _, action in added)
    plugin.unload()
    iface.unregisterOptionsWidgetFactory.assert_called_once_with(factory)
    assert [call.args for call in iface.removePluginMenu.call_args_list] == added
    QgsApplication.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
    assert window.findChildren(QAction) == []


def test_refreshing_the_provider_keeps_the_models(provider: Any) -> None:
    before = sorted(algorithm.id() for algorithm in provider.algorithms())
    provider.refreshAlgorithms()
    assert sorted(algorithm.id() for algorithm in provider.algorithms()) == before
    assert "driftway:landscapeconnectivity" in before
