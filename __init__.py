"""Driftway: landscape and habitat connectivity for QGIS."""


def classFactory(iface):
    """Return the plugin; QGIS calls this with its interface, or with None in qgis_process."""
    from .plugin.driftway_plugin import DriftwayPlugin

    return DriftwayPlugin(iface)
