"""Numbers that Makurhini 3.0 prints for its 404 patches, to every printed digit; see tests/reference/makurhini."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from network_files import run_on_tables

PATCHES = Path(__file__).resolve().parents[2] / "reference" / "makurhini" / "patches.csv"
MEDIAN = 10_000.0
# Patch: dPC, intra, flux, printed to seven decimals; all of the connector is rounding.
FIRST_TEN = """
1 0.0016597 0.0000034 0.0016563
2 0.0052722 0.0000227 0.0052495
3 0.1965744 0.0568530 0.1397214
4 0.0038579 0.0000069 0.0038510
5 0.0044296 0.0000160 0.0044136
6 0.0007537 0.0000003 0.0007534
7 0.0012423 0.0000009 0.0012414
8 0.0016418 0.0000016 0.0016403
9 0.0055884 0.0000194 0.0055690
10 0.8901452 0.4057714 0.4843738
"""


@pytest.fixture(scope="module")
def patches() -> np.ndarray:
    return np.loadtxt(PATCHES, delimiter=",", skiprows=1)


def tables(folder: Path, patches: np.ndarray, longest: float) -> tuple[Path, Path]:
    """Write the patches and all links up to a length as CSV."""
    nodes, edges = folder / "nodes.csv", folder / "edges.csv"
    with nodes.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "capacity"])
        writer.writerows([int(row[0]), repr(float(row[1]))] for row in patches)
    start, end = np.triu_indices(len(patches), 1)
    far = np.hypot(*(patches[start, 2:] - patches[end, 2:]).T)
    with edges.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["from", "to", "distance"])
        writer.writerows(
            [u + 1, v + 1, repr(d)] for u, v, d in zip(start, end, far.tolist(), strict=True) if d <= longest
        )
    return nodes, edges


def printed(value: float) -> str:
    return f"{value:.6e}"


def test_every_link(tmp_path: Path, patches: np.ndarray) -> None:
    numbers, nodes = run_on_tables(tmp_path, *tables(tmp_path, patches, math.inf), MEDIAN)
    assert printed(numbers["PC_NUMERATOR"]) == "2.136028e+11"
    assert printed(numbers["ECA"]) == "4.621718e+05"
    assert numbers["PC_STEP"] == pytest.approx(0, abs=1e-9)  # straight lines: no detour is shorter
    for line in FIRST_TEN.split("\n")[1:-1]:
        name, *parts = line.split()
        found = [f"{nodes[field][int(name) - 1]:.7f}" for field in ("dpc", "intra", "flux")]
        assert found == parts, name
    assert abs(nodes["connector"]).max() < 1e-9


def test_without_improbable_links(tmp_path: Path, patches: np.ndarray) -> None:
    longest = MEDIAN * math.log(0.01) / math.log(0.5)
    numbers, _ = run_on_tables(tmp_path, *tables(tmp_path, patches, longest), MEDIAN)
    assert printed(numbers["PC_NUMERATOR"]) == "2.135845e+11"
    assert printed(numbers["ECA"]) == "4.621521e+05"
    shares = [f"{numbers[name]:.5f}" for name in ("PC_INTRA", "PC_DIRECT", "PC_STEP")]
    assert shares == ["86.06978", "13.10029", "0.82993"]
