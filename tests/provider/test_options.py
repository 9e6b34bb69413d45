"""Settings and the page that shows them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from driftway.plugin.engine_work import EngineWork
from driftway.plugin.options_page import PAGE_NAME, OptionsFactory, OptionsPage
from driftway.processing_provider import engine
from driftway.processing_provider.engine_setup import qgis_proxy
from driftway.processing_provider.settings import MEGABYTE, Settings, overridden, read_settings, write_settings
from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QCoreApplication


def wait_until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "took too long"
        QCoreApplication.processEvents()
        time.sleep(0.01)


@pytest.fixture
def work() -> Iterator[EngineWork]:
    made = EngineWork()
    yield made
    wait_until(lambda: not made.is_busy)


@pytest.fixture
def page(work: EngineWork) -> Iterator[OptionsPage]:
    shown = OptionsFactory(work).createWidget(None)
    wait_until(lambda: not work.is_busy)
    yield shown
    shown.deleteLater()


def test_nothing_is_set_at_first() -> None:
    assert read_settings() == Settings()
    assert overridden() == {}
    assert Settings().cache_folder == engine.home() / "cache"


def test_settings_are_kept_and_defaults_leave_no_trace() -> None:
    write_settings({"device": "cpu", "threads": 4, "memory_limit": 2048, "interpreter": "/py", "cache": "/c"})
    kept = read_settings()
    assert kept == Settings("/py", "cpu", 4, 2048, "/c")
    assert kept.memory_limit_bytes == 2048 * MEGABYTE
    assert kept.cache_folder == Path("/c")
    write_settings(vars(Settings()))
    assert QgsSettings().allKeys() == [key for key in QgsSettings().allKeys() if not key.startswith("driftway/")]


def test_environment_variables_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings({"device": "gpu", "threads": 4})
    monkeypatch.setenv("DRIFTWAY_DEVICE", "cpu")
    monkeypatch.setenv("DRIFTWAY_THREADS", "2")
    assert (read_settings().device, read_settings().threads) == ("cpu", 2)
    assert overridden() == {"device": "DRIFTWAY_DEVICE", "threads": "DRIFTWAY_THREADS"}


def test_values_that_make_no_sense_count_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    QgsSettings().setValue("driftway/threads", "many")
    QgsSettings().setValue("driftway/device", "abacus")
    monkeypatch.setenv("DRIFTWAY_MEMORY_LIMIT", "-5")
    assert read_settings() == Settings()


def test_the_proxy_of_qgis_is_used_for_installing() -> None:
    settings = QgsSettings()
    assert qgis_proxy() is None
    for name, value in (("Enabled", True), ("Type", "HttpProxy"), ("Host", "proxy.org"), ("Port", "3128")):
        settings.setValue(f"proxy/proxy{name}", value)
    try:
        assert qgis_proxy() == "proxy.org:3128"
        settings.setValue("proxy/proxyUser", "eve")
        settings.setValue("proxy/proxyPassword", "x")
        assert qgis_proxy() == "eve:x@proxy.org:3128"
    finally:
        settings.remove("proxy")


def test_the_page_shows_and_keeps_the_settings(page: OptionsPage) -> None:
    assert page.objectName() == PAGE_NAME
    assert page.settings() == Settings()
    wanted = Settings("/usr/bin/python3", "cpu", 3, 1024, "/tmp/cache")
    page.show_settings(wanted)
    assert page.settings() == wanted
    assert read_settings() == Settings()
    page.apply()
    assert read_settings() == wanted


def test_a_setting_that_the_environment_decides_cannot_be_changed(
    monkeypatch: pytest.MonkeyPatch, work: EngineWork
) -> None:
    write_settings({"threads": 5})
    monkeypatch.setenv("DRIFTWAY_THREADS", "2")
    page = OptionsPage(work)
    assert page.threads.value() == 2
    assert not page.threads.isEnabled()
    assert "DRIFTWAY_THREADS" in page.threads.toolTip()
    page.apply()
    monkeypatch.delenv("DRIFTWAY_THREADS")
    assert read_settings().threads == 5
    wait_until(lambda: not work.is_busy)


def test_the_panel_says_that_the_engine_is_missing(page: OptionsPage) -> None:
    panel = page.engine_panel
    assert "Not installed" in panel._state.text()
    assert panel.install.isEnabled()
    assert not panel.check.isEnabled()
    assert not panel.remove.isEnabled()


def test_buttons_follow_the_state(page: OptionsPage) -> None:
    panel = page.engine_panel
    enabled = {}
    for state in ("ready", "missing", "damaged"):
        panel.show_state(state)
        enabled[state] = (panel.install.isEnabled(), panel.check.isEnabled(), panel.remove.isEnabled())
    assert enabled == {"ready": (False, True, True), "missing": (True, False, False), "damaged": (True, False, True)}


def test_installing_shows_its_log_and_can_be_cancelled(page: OptionsPage, monkeypatch: pytest.MonkeyPatch) -> None:
    from driftway.plugin import engine_panel

    threads = []

    def install(
        interpreter: str, wheelhouse: str, report: Callable[[str], None], cancelled: Callable[[], bool]
    ) -> None:
        threads.append(threading.current_thread())
        report("downloading")
        while not cancelled():
            time.sleep(0.01)
        raise engine.EngineCancelled

    monkeypatch.setattr(engine_panel, "install_engine", install)
    panel = page.engine_panel
    panel.install.click()
    wait_until(lambda: "downloading" in panel._log.toPlainText())
    assert not panel.install.isEnabled()
    assert threads[0] is not threading.main_thread()
    panel.cancel.click()
    wait_until(lambda: not panel._work.is_busy)
    assert "cancelled" in panel._log.toPlainText().lower()


def test_a_page_that_opens_later_shows_what_was_said(work: EngineWork) -> None:
    done = threading.Event()

    def install(say: Callable[[str], None], stop: Callable[[], bool]) -> None:
        say("first line")
        done.wait(10)

    work.start("Installing", install)
    wait_until(lambda: work.lines == ["first line"])
    page = OptionsPage(work)
    assert "first line" in page.engine_panel._log.toPlainText()
    assert not page.engine_panel.install.isEnabled()
    assert not work.start("Another", lambda say, stop: None)
    done.set()
    wait_until(lambda: not work.is_busy)
    page.deleteLater()


def test_what_fails_is_said(work: EngineWork) -> None:
    heard = []
    work.ended.connect(lambda well, problem, outcome: heard.append((well, problem)))

    def fails(say: Callable[[str], None], stop: Callable[[], bool]) -> None:
        raise engine.EngineError("No network.", "Connect.")

    work.start("Failing", fails)
    wait_until(lambda: bool(heard))
    assert heard == [(False, "No network. Connect.")]
    assert work.lines == ["No network. Connect."]
