"""Where pip comes from, how it is called, and what its errors are turned into."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_engine import lock_of, make_wheel, recipe_of, this_python

from processing_provider import engine_pip
from processing_provider.engine import EngineError, install
from processing_provider.engine_pip import Pip, explain, find_pip, install_arguments
from processing_provider.engine_process import Finished

SYSTEM_PYTHON = Path("/usr/bin/python3")


def never() -> bool:
    return False


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    for name in [name for name in os.environ if name.upper().startswith("PIP_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    lock = lock_of(tmp_path / "lock.txt", [make_wheel(tmp_path / "wheels")])
    return {"home": tmp_path / "home", "recipe": recipe_of(lock)}


def test_network_that_does_not_answer(locked: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    # The user's own index and number of retries reach pip: nothing listens at port 9.
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(EngineError, match="package index could not be reached.*offline folder"):
        install(this_python(), **locked)


def test_proxy_that_does_not_answer(locked: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.invalid/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(EngineError, match="proxy refused the connection.*HTTPS_PROXY"):
        install(this_python(), **locked, proxy="http://127.0.0.1:9")


def test_users_own_configuration_finds_the_wheels(
    locked: dict, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nno-index = true\nfind-links = {tmp_path / 'wheels'}\nuser = true\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    folder = install(this_python(), **locked)
    assert folder is not None
    assert (folder / "tiny" / "__init__.py").is_file()
    assert not (tmp_path / "elsewhere").exists()


def test_python_without_pip_takes_the_bundled_wheel(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    python = this_python(tmp_path / "bare" / ("Scripts" if os.name == "nt" else "bin") / "python")
    try:
        pip = find_pip(python, tmp_path, never)
    except EngineError:
        pytest.skip("this system ships no pip wheel")
    if not pip.wheel:
        pytest.skip("this user's own pip is found first")
    assert Path(pip.wheel).name.startswith("pip-")
    wheel = make_wheel(tmp_path / "wheels")
    arguments = install_arguments(lock_of(tmp_path / "lock.txt", [wheel]), tmp_path / "into", wheel.parent)
    assert pip.run(arguments, tmp_path, lambda text: None, never).status == 0
    assert (tmp_path / "into" / "tiny" / "__init__.py").is_file()


def test_no_pip_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_pip, "_works", lambda *arguments: False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(EngineError, match="has no pip.*sudo apt install python3-pip"):
        find_pip(this_python(), tmp_path, never)


def test_proxy_is_not_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict = {}

    def remember(command, environment, *others):
        seen.update(command=command, environment=environment)
        return Finished(0, ())

    monkeypatch.setattr(engine_pip, "run_lines", remember)
    Pip(this_python(), "", False).run(["install"], tmp_path, lambda text: None, never, proxy="me:word@proxy:80")
    assert not any("proxy:80" in part for part in seen["command"])
    assert seen["environment"]["PIP_PROXY"] == "me:word@proxy:80"


def test_only_locked_wheels_are_taken(tmp_path: Path) -> None:
    arguments = install_arguments(tmp_path / "lock.txt", tmp_path / "into", None)
    assert {"--require-hashes", "--only-binary", ":all:", "--no-deps"} <= set(arguments)
    assert "--no-index" not in arguments


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one that this version"),
        ("OSError: [Errno 28] No space left on device", "disk became full"),
        ("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407'))", "proxy refused"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))", "secure connection"),
        ("NameResolutionError: Failed to resolve: Temporary failure in name resolution", "index could not be reached"),
        (
            "NewConnectionError('<...>: [Errno 111] Connection refused')\nNo matching distribution found for jax",
            "be reached",
        ),
        ("PermissionError: [Errno 13] Permission denied: '/x'", "could not be written"),
        ("(from versions: none)\nNo matching distribution found for jax==1", "index offered no jax==1 for Python"),
        ("ERROR: No matching distribution found for jaxlib==0.10.2", "There is no jaxlib==0.10.2 for Python"),
        ("Traceback: something else", "pip failed with status 1: .*something else"),
    ],
)
def test_what_pip_says_is_explained(printed: str, message: str) -> None:
    error = explain(Finished(1, tuple(printed.splitlines())), this_python(), None)
    with pytest.raises(EngineError, match=message):
        raise error
    assert error.remedy
