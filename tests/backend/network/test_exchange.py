"""Round trips lose nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from backend.errors import InputError
from backend.network import Graph
from backend.network_columns import NetworkColumns, column
from backend.network_conefor import conefor_connections, conefor_nodes, read_conefor
from backend.network_geopackage import read_network, write_network
from backend.network_graphml import graphml, read_graphml


def mixed(directed: bool = False) -> NetworkColumns:
    nodes = {
        "index": np.array([5, 2, 9]),
        **column("capacity", [0.1, None, 1e300]),
        **column("age", [3, None, -4], np.dtype(np.int32)),
        **column("code", [-1, None, 2**40]),
        **column("core", [True, None, False]),
        "whole": np.array([True, False, True]),
        **column("kind", ["fen & <bog>", None, ""]),
        "half": np.array([1.5, np.nan, 0.1], np.float32),
        "pair": np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, 0.3]]),
        "x": np.array([0.0, 1.0, 2.0]),
        "y": np.array([3.0, 4.0, 5.5]),
    }
    edges = {
        "index": np.arange(4),
        "from": np.array([5, 2, 5, 9]),
        "to": np.array([2, 9, 2, 5]),
        **column("distance", [1.0, 1 / 3, None, np.inf]),
    }
    return NetworkColumns(nodes, edges, directed)


def assert_same(one: NetworkColumns, other: NetworkColumns, exact: bool = True) -> None:
    assert one.directed == other.directed
    for left, right in ((one.nodes, other.nodes), (one.edges, other.edges)):
        assert set(left) == set(right)
        for name, values in left.items():
            assert values.dtype == right[name].dtype or not exact, name
            if values.dtype.kind == "O":
                assert values.tolist() == right[name].tolist()
            else:
                np.testing.assert_array_equal(values, right[name], err_msg=name)


def test_graph(tmp_path: Path) -> None:
    assert_same(Graph.from_columns(mixed()).to_columns(), mixed())


def test_geopackage(tmp_path: Path) -> None:
    path = tmp_path / "network.gpkg"
    network = mixed(directed=True)
    network.globals["total"] = np.array(2.5)
    write_network(path, network, {"DRIFTWAY_VERSION": "x"})
    back = read_network(path)
    assert_same(back, network)
    assert back.globals["total"] == 2.5
    assert len(back.node_geometry) == 3
    dataset = gdal.OpenEx(str(path), gdal.OF_VECTOR | gdal.OF_UPDATE)
    feature = next(iter(dataset.GetLayerByName("nodes")))
    feature.SetField("capacity", 7.25)
    feature.SetFieldNull("kind")
    dataset.GetLayerByName("nodes").SetFeature(feature)
    feature = dataset = None
    edited = read_network(path).nodes
    assert edited["capacity"][0] == 7.25
    assert edited["kind"].tolist() == [None, None, ""]


def test_graphml(tmp_path: Path) -> None:
    path = tmp_path / "network.graphml"
    path.write_text(graphml(mixed()), encoding="utf-8")
    assert_same(read_graphml(path), mixed())


def test_graphml_of_others_and_of_nobody(tmp_path: Path) -> None:
    path = tmp_path / "named.graphml"
    path.write_text(
        '<graphml><key id="w" for="edge" attr.name="weight" attr.type="double"><default>2.5</default></key><graph>'
        '<node id="a"/><node id="b"/><edge source="b" target="a"/></graph></graphml>',
        encoding="utf-8",
    )
    network = read_graphml(path)
    assert network.nodes["label"].tolist() == ["a", "b"]
    assert network.edges["from"].tolist() == [1]
    assert network.edges["weight"].tolist() == [2.5]
    path.write_text("<!DOCTYPE x [<!ENTITY a 'b'>]><graphml/>", encoding="utf-8")
    with pytest.raises(InputError, match="document type"):
        read_graphml(path)


def test_conefor(tmp_path: Path) -> None:
    network = mixed()
    network.nodes["capacity"][1] = 0.1 + 0.2
    network.edges["distance"] = np.array([1.0, 1 / 3, 2e-17, 5.0])
    nodes, links = tmp_path / "nodes.txt", tmp_path / "links.txt"
    nodes.write_text(conefor_nodes(network, "capacity"), encoding="utf-8")
    links.write_text(conefor_connections(network, "distance"), encoding="utf-8")
    back = read_conefor(nodes, links)
    for name in ("index", "capacity"):
        np.testing.assert_array_equal(back.nodes[name], network.nodes[name])
    for name in ("from", "to", "distance"):
        np.testing.assert_array_equal(back.edges[name], network.edges[name])


@pytest.mark.parametrize(
    ("nodes", "links", "why"),
    [
        ("1\t2\n1\t3\n", "", "Lines 1 and 2"),
        ("1\n", "", "Line 1 has 1 values"),
        ("1 2,5\n", "", "'2,5' is no finite number"),
        ("1.5 2\n", "", "no whole number"),
        ("1 2\n", "1 3 4\n", "node 3"),
        ("", "", "is empty"),
    ],
)
def test_conefor_says_which_line_is_wrong(tmp_path: Path, nodes: str, links: str, why: str) -> None:
    (tmp_path / "n.txt").write_text(nodes, encoding="utf-8")
    (tmp_path / "l.txt").write_text(links, encoding="utf-8")
    with pytest.raises(InputError, match=why):
        read_conefor(tmp_path / "n.txt", tmp_path / "l.txt")


@pytest.mark.parametrize("directed", [False, True])
def test_networkx(directed: bool) -> None:
    networkx = pytest.importorskip("networkx")
    from backend.network_networkx import from_networkx, to_networkx

    made = to_networkx(Graph.from_columns(mixed(directed)))
    assert made.is_multigraph()
    assert made.is_directed() == directed
    assert "capacity" not in made.nodes[2]
    assert made.nodes[9]["core"] is False
    back = from_networkx(made).to_columns()
    again = to_networkx(Graph.from_columns(back))
    assert networkx.utils.graphs_equal(made, made)
    assert {n: {k: np.asarray(v).tolist() for k, v in d.items() if k != "pair"} for n, d in again.nodes(data=True)} == {
        n: {k: np.asarray(v).tolist() for k, v in d.items() if k != "pair"} for n, d in made.nodes(data=True)
    }
    assert sorted(map(str, again.edges(keys=True, data=True))) == sorted(map(str, made.edges(keys=True, data=True)))


def test_networkx_with_names_and_mixed_attributes() -> None:
    networkx = pytest.importorskip("networkx")
    from backend.network_networkx import from_networkx, to_networkx

    made = networkx.DiGraph()
    made.add_node("a", capacity=1.5, protected=False)
    made.add_node("b", age=-1)
    made.add_node("c", age=4, kind="bog")
    made.add_edge("c", "a", distance=3)
    made.add_edge("a", "b")
    again = to_networkx(from_networkx(made))
    assert networkx.utils.graphs_equal(made, again)


def test_pandas() -> None:
    pytest.importorskip("pandas")
    from backend.network_pandas import from_frames, to_frames

    graph = Graph.from_columns(mixed())
    nodes, edges = to_frames(graph)
    assert str(nodes["age"].dtype) == "Int32"
    assert_same(from_frames(nodes, edges).to_columns(), mixed())
    assert len(graph.nodes_at("index > 4").frame()) == 2
