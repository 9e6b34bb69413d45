"""The zip has what QGIS needs, nothing else, and the same bytes every time."""

from __future__ import annotations

import configparser
import importlib.util
import re
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).resolve().parents[1]
REQUIRED_METADATA = (
    *("name", "description", "about", "version", "qgisMinimumVersion", "qgisMaximumVersion", "author", "email"),
    *("homepage", "repository", "tracker", "icon", "category", "tags", "hasProcessingProvider", "license"),
)


def load_builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_zip", TOP / "tools" / "build_zip.py")
    if spec is None or spec.loader is None:
        raise ImportError("tools/build_zip.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return load_builder().build(TOP, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def metadata() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(TOP / "metadata.txt", encoding="utf-8")
    return parser["general"]


def test_zip_has_one_top_folder_and_what_qgis_needs(archive: Path) -> None:
    names = set(zipfile.ZipFile(archive).namelist())
    assert {name.split("/")[0] for name in names} == {"driftway"}
    needed = ["metadata.txt", "__init__.py", "README.md", "LICENSE", "CHANGELOG.md", "icons/driftway.svg"]
    needed += ["plugin/__init__.py", "processing_provider/__init__.py", "processing_provider/engine.py"]
    needed += [
        "processing_provider/catalogue.json",
        "processing_provider/locks/py311.txt",
        "processing_provider/locks/py312.txt",
    ]
    needed += ["backend/__init__.py", "backend/__main__.py"]
    assert {f"driftway/{name}" for name in needed} <= names


def test_zip_has_nothing_that_does_not_belong(archive: Path) -> None:
    for entry in zipfile.ZipFile(archive).infolist():
        assert not re.search(r"(^|/)(\.|__pycache__|tests?/|bench/|demo/|tools/)", entry.filename), entry.filename
        assert not entry.filename.endswith((".pyc", ".so", ".dll", ".exe", ".dylib", ".sh", ".whl", ".in"))
        assert entry.external_attr >> 16 == 0o100644
    assert archive.stat().st_size < 25_000_000


def test_zip_is_reproducible(archive: Path, tmp_path: Path) -> None:
    again = load_builder().build(TOP, tmp_path)
    assert again.name == archive.name
    assert again.read_bytes() == archive.read_bytes()


def test_foreign_file_is_refused(tmp_path: Path) -> None:
    builder = load_builder()
    for name in builder.FILES:
        (tmp_path / name).write_text("")
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "kernel.so").write_bytes(b"")
    with pytest.raises(ValueError, match=r"kernel\.so is of a kind that does not belong"):
        list(builder.contents(tmp_path))


def test_metadata_is_complete(metadata: configparser.SectionProxy) -> None:
    assert [name for name in REQUIRED_METADATA if not metadata.get(name)] == []
    assert metadata["hasProcessingProvider"] == "yes"
    assert metadata["qgisMinimumVersion"] == "3.22"
    assert metadata["qgisMaximumVersion"] == "4.99"
    assert "Nothing is installed without your asking" in metadata["about"]
    for package in ("JAX", "Equinox", "jaxtyping", "Numba", "NumPy", "SciPy"):
        assert package in metadata["about"]
    assert (TOP / metadata["icon"]).is_file()


def test_all_versions_are_the_same(metadata: configparser.SectionProxy) -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    backend = re.search(
        r'^__version__ = "(.+)"$', (TOP / "backend" / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert metadata["version"] == project["version"]
    assert backend is not None
    assert backend.group(1) == metadata["version"]
    assert metadata["version"] in (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
