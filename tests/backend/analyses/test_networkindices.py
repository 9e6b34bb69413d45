"""`driftway:networkindices` from layers to layers."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_networks import NetworkOutcome, run, write

from backend.errors import InputError, MemoryPlanError

CHAIN = ([1.0, 2.0, 3.0], [(1, 2), (2, 3)], [100.0, 200.0])


def indices(folder: Path, source: Path, **parameters: Any) -> NetworkOutcome:
    given = {"DISPERSAL_DISTANCE": 100.0, **parameters}
    return run("networkindices", folder, NODES=f"{source}|layername=nodes", EDGES=f"{source}|layername=edges", **given)


def test_a_chain_by_hand(tmp_path: Path) -> None:
    found = indices(tmp_path, write(tmp_path, *CHAIN), LANDSCAPE_CAPACITY=10.0)
    # p = 1/2 and 1/4: pairs 1-2 1.0, 2-3 1.5, 1-3 3/8
    total = 1 + 4 + 9 + 2 * (1.0 + 1.5 + 0.375)
    assert found.numbers["PC_NUMERATOR"] == pytest.approx(total, rel=1e-14)
    assert found.numbers["ECA"] == pytest.approx(math.sqrt(total), rel=1e-14)
    assert found.numbers["PC"] == pytest.approx(total / 100, rel=1e-14)
    assert found.numbers["IIC_NUMERATOR"] == pytest.approx(14 + 2 * (1 + 3 + 1), rel=1e-14)
    assert found.numbers["PC_INTRA"] == pytest.approx(100 * 14 / total)
    assert found.numbers["PC_DIRECT"] == pytest.approx(100 * 5 / total)
    assert found.numbers["PC_STEP"] == pytest.approx(100 * 0.75 / total)
    assert (found.numbers["COMPONENTS"], found.numbers["TOTAL_CAPACITY"]) == (1, 6)
    nodes, edges = found.layer("nodes").columns, found.layer("edges").columns
    np.testing.assert_allclose(nodes["intra"], 100 * np.array([1, 4, 9]) / total)
    np.testing.assert_allclose(nodes["flux"], 200 * np.array([1.375, 2.5, 1.875]) / total)
    np.testing.assert_allclose(nodes["connector"], [0, 75 / total, 0], atol=1e-15)
    np.testing.assert_allclose(nodes["dpc"], nodes["intra"] + nodes["flux"] + nodes["connector"])
    np.testing.assert_allclose(nodes["betweenness"], [0, 0.375, 0])
    assert nodes["degree"].tolist() == [1, 2, 1]
    np.testing.assert_allclose(edges["probability"], [0.5, 0.25])
    lost = np.sqrt(total - 2 * np.array([1.375, 1.875]))
    np.testing.assert_allclose(edges["dec"], 100 * (1 - lost / math.sqrt(total)))
    gained = np.sqrt(total + 2 * np.array([1.375, 3 * 1.875]))
    np.testing.assert_allclose(edges["dec_improved"], 100 * (gained / math.sqrt(total) - 1))
    assert found.layer("edges").geometry is not None


def test_several_distances_and_the_report(tmp_path: Path) -> None:
    found = indices(tmp_path, write(tmp_path, *CHAIN), MORE_DISTANCES="50;200  1e3", IIC_LINKS="within")
    rows = list(csv.DictReader(found.text("INDICES").splitlines()))
    assert [float(row["distance"]) for row in rows] == [50, 100, 200, 1000]
    assert [float(row["iic_numerator"]) for row in rows] == [14, 16, 24, 24]
    assert float(rows[1]["pc_numerator"]) == found.numbers["PC_NUMERATOR"]
    assert not any("count for IIC" in text for text in found.heard.messages)
    assert [float(row["components_within"]) for row in rows] == [3, 2, 1, 1]
    for name in ("Numerator of PC", "ECA", "Numerator of IIC", "Components, links up to the distance", "Shares of PC"):
        assert f"{name} against dispersal distance" in found.text("REPORT")
    nodes = found.layer("nodes").columns
    parts = [row for row in csv.DictReader(found.text("IMPORTANCE").splitlines()) if row["distance"] == "100.0"]
    assert [row["node"] for row in parts] == ["1", "2", "3"]
    for name in ("dpc", "intra", "flux", "connector"):
        assert [float(row[name]) for row in parts] == nodes[name].tolist()
    half = [float(row["flux"]) for row in csv.DictReader(found.text("IMPORTANCE").splitlines())][:3]
    total = 14 + 2 * (2 / 4 + 6 / 16 + 3 / 64)
    np.testing.assert_allclose(half, 200 * np.array([0.546875, 0.875, 0.421875]) / total)
    assert "dPC of the patches" in found.text("REPORT")


def test_links_beyond_the_dispersal_distance_count_for_iic_unless_told(tmp_path: Path) -> None:
    found = indices(tmp_path, write(tmp_path, *CHAIN))
    assert found.numbers["IIC_NUMERATOR"] == pytest.approx(24, rel=1e-14)
    assert [text for text in found.heard.messages if text.startswith("Links longer than the dispersal distance: 1.")]


def test_results_may_be_used_again(tmp_path: Path) -> None:
    first = indices(tmp_path, write(tmp_path, *CHAIN))
    again = tmp_path / "again"
    again.mkdir()
    second = indices(again, first.paths["NETWORK"])
    assert second.numbers == pytest.approx(first.numbers, nan_ok=True)
    assert list(second.layer("nodes").columns) == list(first.layer("nodes").columns)


def test_what_is_not_asked_for_is_left_out(tmp_path: Path) -> None:
    found = indices(tmp_path, write(tmp_path, *CHAIN), COMPUTE=["centrality"])
    assert "dpc" not in found.layer("nodes").columns
    assert set(found.layer("edges").columns) >= {"from", "to", "distance", "probability"}
    assert math.isnan(found.numbers["STEPPING_STONES"])


@pytest.mark.parametrize("names", ["text", "fid", "chosen", "reals"])
def test_nodes_may_be_named_in_many_ways(tmp_path: Path, names: str) -> None:
    labels = np.array(["a", "b", "c"], object)
    nodes: dict[str, Any] = {"index": np.array([1, 2, 3])}
    edges: dict[str, Any] = {}
    chosen = None
    if names == "text":
        nodes = {"index": np.array([7, 8, 9]), "label": labels}
        edges = {"from": np.array(["a", "b"], object), "to": np.array(["b", "c"], object)}
    if names == "fid":
        nodes = {"index": np.array([5, 5, 5])}
    if names == "chosen":
        nodes = {"index": np.array([3, 2, 1]), "other": np.array([1, 2, 3])}
        chosen = "OTHER"
    if names == "reals":
        nodes = {"index": np.array([7, 8, 9]), "site": np.array([10.0, 20.0, 30.0])}
        edges = {"from": np.array([10, 20]), "to": np.array([20, 30])}
    source = write(tmp_path, *CHAIN, nodes=nodes, edges=edges)
    found = indices(tmp_path, source, ID_FIELD=chosen)
    assert found.numbers["PC_NUMERATOR"] == pytest.approx(19.75)


def test_unusual_networks(tmp_path: Path) -> None:
    alone = indices(tmp_path, write(tmp_path, [4.0], [], []))
    assert (alone.numbers["PC_NUMERATOR"], alone.numbers["ECA"], alone.numbers["COMPONENTS"]) == (16, 4, 1)
    assert alone.layer("nodes").columns["dpc"].tolist() == [100]
    empty = indices(tmp_path, write(tmp_path, [0.0, 0.0], [(1, 2)], [5.0]))
    assert empty.numbers["PC_NUMERATOR"] == 0
    assert empty.layer("nodes").columns["dpc"].tolist() == [0, 0]
    assert any("No node has a capacity" in text for text in empty.heard.warnings)
    odd = indices(tmp_path, write(tmp_path, [1.0, 1.0], [(1, 2), (1, 1), (1, 2)], [100.0, 3.0, np.inf]))
    assert odd.numbers["PC_NUMERATOR"] == pytest.approx(3)
    assert len([text for text in odd.heard.warnings if "do not count" in text]) == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"nodes": {"capacity": np.array([1.0, -2.0, 3.0])}}, "NODES: Negative 'capacity': 1 feature .*id 2.*-2"),
        ({"nodes": {"capacity": np.array([1.0, 2.0, np.nan])}}, "NODES: 'capacity' is empty: 1 feature .*id 3"),
        ({"edges": {"distance": np.array([-1.0, 2.0])}}, "EDGES: Negative 'distance'"),
        ({"edges": {"distance": np.array([np.nan, 2.0])}}, "EDGES: 'distance' is empty"),
        ({"edges": {"to": np.array([2, 99])}}, "1 of the 3 nodes .* 'index' .*'99'"),
        ({"CAPACITY_FIELD": "area"}, "CAPACITY_FIELD: NODES has no field 'area'. It has: index, capacity"),
        ({"CAPACITY_FIELD": "name"}, "holds text"),
        ({"EDGES": "input.gpkg|layername=nodes"}, "DISTANCE_FIELD: EDGES has no field"),
        ({"EDGES": "input.gpkg|layername=nodes", "DISTANCE_FIELD": "capacity"}, "no field 'from'"),
        ({"NODES": "input.gpkg|layername=lakes"}, "no layer 'lakes'. It has: nodes, edges"),
        ({"NODES": "nowhere.gpkg"}, "cannot be opened"),
        ({"DISPERSAL_DISTANCE": 0.0}, "It must be > 0"),
        ({"PROBABILITY": 1.0}, "out of range"),
        ({"MORE_DISTANCES": "5 -3"}, "'-3' is no distance"),
        ({"ID_FIELD": "same"}, "ID_FIELD: 'same' is empty or the same"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    nodes = {"name": np.array(["a", "b", "c"], object), "same": np.array([1, 1, 1]), **change.pop("nodes", {})}
    source = write(tmp_path, *CHAIN, nodes=nodes, edges=change.pop("edges", {}))
    places = {name: str(tmp_path / value) for name, value in change.items() if name in ("NODES", "EDGES")}
    whole = {"NODES": f"{source}|layername=nodes", "EDGES": f"{source}|layername=edges", "DISPERSAL_DISTANCE": 1.0}
    with pytest.raises(InputError, match=why):
        run("networkindices", tmp_path, **{**whole, **change, **places})


def test_no_nodes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no features"):
        indices(tmp_path, write(tmp_path, [], [], []))


def test_memory_is_stated_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backend.analyses import networkindices

    monkeypatch.setattr(networkindices, "available_memory", lambda: 100)
    with pytest.raises(MemoryPlanError, match="Improving links among 3 nodes"):
        indices(tmp_path, write(tmp_path, *CHAIN))


def test_a_csv_table_of_links(tmp_path: Path) -> None:
    source = write(tmp_path, *CHAIN)
    table = tmp_path / "links.csv"
    table.write_text("from,to,distance\n1,2,100\n2,3,200.0\n", encoding="utf-8")
    given = {"NODES": f"{source}|layername=nodes", "EDGES": str(table), "DISPERSAL_DISTANCE": 100.0}
    assert run("networkindices", tmp_path, **given).numbers["PC_NUMERATOR"] == pytest.approx(19.75)
