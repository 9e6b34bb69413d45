"""A QGIS without windows that has Driftway's provider."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

TOP = Path(__file__).resolve().parents[2]
_kept = []


def load_plugin() -> ModuleType:
    """Import this checkout as the package `driftway`, as QGIS does."""
    if "driftway" not in sys.modules:
        spec = spec_from_file_location("driftway", TOP / "__init__.py", submodule_search_locations=[str(TOP)])
        module = module_from_spec(spec)
        sys.modules["driftway"] = module
        spec.loader.exec_module(module)
    return sys.modules["driftway"]


def add_provider() -> None:
    """Add Driftway to a QGIS that runs, with Processing."""
    from qgis.core import QgsApplication

    if QgsApplication.processingRegistry().providerById("driftway") is None:
        plugin = load_plugin().classFactory(None)
        plugin.initProcessing()
        _kept.append(plugin)


def start() -> ModuleType:
    """Start a QGIS and return its module `processing`."""
    from qgis.core import QgsApplication

    application = QgsApplication([], False)
    application.initQgis()
    _kept.append(application)
    sys.path.append(str(Path(QgsApplication.pkgDataPath()) / "python" / "plugins"))
    import processing
    from processing.core.Processing import Processing

    Processing.initialize()
    add_provider()
    return processing
