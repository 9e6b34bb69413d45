"""Installs and removes the engine as the settings of this QGIS want it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qgis.core import QgsSettings

from . import engine
from .launch import forget_engine
from .translation import tr


def install_engine(
    interpreter: str, wheelhouse: str, report: Callable[[str], None], cancelled: Callable[[], bool]
) -> Path | None:
    """Install the engine, or do nothing when it is whole, and return the package folder.

    Parameters
    ----------
    interpreter : str
        Path of a Python; empty for QGIS's own.
    wheelhouse : str
        Folder of wheels to take instead of the network; empty for the network, through QGIS's proxy.
    report : callable
        Called with each line of text.
    cancelled : callable
        Asked every 100 ms.

    Raises
    ------
    EngineError
        With a remedy.
    """
    try:
        found = engine.find_interpreter(interpreter or None)
        folder = engine.install(
            found, engine.home(), wheelhouse or None, report, cancelled, proxy=None if wheelhouse else qgis_proxy()
        )
    finally:
        forget_engine()
    report(tr("The compute engine is ready: {}").format(folder or found.path))
    return folder


def remove_engine(report: Callable[[str], None]) -> None:
    """Remove all package folders of this user.

    Raises
    ------
    EngineError
        When a folder is in use or may not be deleted.
    """
    try:
        freed = engine.remove(engine.home(), report=report)
    finally:
        forget_engine()
    report(tr("{} MB freed.").format(round(freed / 1e6)))


def qgis_proxy() -> str | None:
    """Return the proxy that QGIS uses, as ``[user:password@]host:port``; None when it has none of its own."""
    settings = QgsSettings()
    host = settings.value("proxy/proxyHost", "")
    kind = settings.value("proxy/proxyType", "")
    if not settings.value("proxy/proxyEnabled", False, type=bool) or not host or not kind.startswith("Http"):
        return None
    port, user = settings.value("proxy/proxyPort", ""), settings.value("proxy/proxyUser", "")
    who = f"{user}:{settings.value('proxy/proxyPassword', '')}@" if user else ""
    return f"{who}{host}:{port}" if port else f"{who}{host}"
