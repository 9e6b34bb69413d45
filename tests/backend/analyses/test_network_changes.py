"""`driftway:networkgradient`, `networkscenarios`, `exportnetwork` and `importnetwork`."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_networks import NetworkOutcome, run, write

from backend.errors import InputError

CAPACITY = [1.0, 2.0, 3.0, 0.5]
PAIRS = [(1, 2), (2, 3), (3, 4), (1, 4)]
LENGTHS = [100.0, 200.0, 50.0, 170.0]


def layers(source: Path) -> dict[str, str]:
    return {"NODES": f"{source}|layername=nodes", "EDGES": f"{source}|layername=edges"}


def numbers(folder: Path, capacity: Any, pairs: Any, length: Any, distance: float = 100.0) -> dict[str, float]:
    source = write(folder, capacity, pairs, length)
    return run("networkindices", folder, **layers(source), DISPERSAL_DISTANCE=distance, COMPUTE=["centrality"]).numbers


def rows(found: NetworkOutcome, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(found.text(name).splitlines()))


@pytest.mark.parametrize("index", ["eca", "pc_numerator"])
def test_gradients_are_differences_of_the_index(tmp_path: Path, index: str) -> None:
    kinds = {"nodes": {"kind": np.array(["a", "b", "a", None], object)}, "edges": {"cover": np.array([1, 1, 2, 2])}}
    source = write(tmp_path, CAPACITY, PAIRS, LENGTHS, **kinds)
    given = {"DISPERSAL_DISTANCE": 100.0, "INDEX": index, "LINK_CLASS": "cover", "NODE_CLASS": "kind"}
    found = run("networkgradient", tmp_path, **layers(source), **given)
    table = rows(found, "CLASSES")
    edges, nodes = found.layer("edges").columns, found.layer("nodes").columns
    name, step = index.upper(), 1e-4

    def slope(change: Any) -> float:
        both = []
        for sign in (1, -1):
            capacity, length, distance = change(sign * step)
            both.append(numbers(tmp_path, capacity, PAIRS, length, distance)[name])
        return (both[0] - both[1]) / (2 * step)

    unit = np.eye(4)
    for row in range(4):
        by_length = slope(lambda h, row=row: (CAPACITY, LENGTHS + h * unit[row], 100.0))
        assert edges["gradient"][row] == pytest.approx(by_length, rel=1e-6, abs=1e-9)
        by_capacity = slope(lambda h, row=row: (CAPACITY + h * unit[row], LENGTHS, 100.0))
        assert nodes["gradient"][row] == pytest.approx(by_capacity, rel=1e-6)
    by_distance = slope(lambda h: (CAPACITY, LENGTHS, 100 + h))
    assert found.numbers["BY_DISPERSAL_DISTANCE"] == pytest.approx(by_distance, rel=1e-6)
    shared = slope(lambda h: (CAPACITY, np.array(LENGTHS) + h * np.array([1, 1, 0, 0]), 100.0))
    assert [(row["of"], row["class"], row["count"]) for row in table] == [
        ("links", "1", "2"),
        ("links", "2", "2"),
        ("nodes", "", "1"),
        ("nodes", "a", "2"),
        ("nodes", "b", "1"),
    ]
    assert float(table[0]["gradient"]) == pytest.approx(shared, rel=1e-6)
    total = 1 if index == "eca" else 2
    assert nodes["elasticity"].sum() == pytest.approx(total, rel=1e-12)


def scenario_table(folder: Path, *changes: str) -> str:
    path = folder / "scenarios.csv"
    path.write_text("\n".join(["scenario,action,node,from,to,value", *changes]), encoding="utf-8")
    return str(path)


def test_scenarios_are_the_networks_that_they_make(tmp_path: Path) -> None:
    table = scenario_table(
        tmp_path,
        "no three,remove_node,3,,,",
        "cut,remove_link,,1,2,",
        "cut,remove_link,,4,3,",
        "better,set_distance,,2,3,20",
        "better,set_capacity,1,,,9",
        "new,add_node,new,,,5",
        "new,add_link,,new,2,10",
    )
    source = write(tmp_path, CAPACITY, PAIRS, LENGTHS)
    given = {"DISPERSAL_DISTANCE": 100.0, "SCENARIOS": table}
    found = run("networkscenarios", tmp_path, **layers(source), **given)
    got = rows(found, "INDICES")
    expected = {
        "as it is": (CAPACITY, PAIRS, LENGTHS),
        "no three": ([1.0, 2.0, 0.5], [(1, 2), (1, 3)], [100.0, 170.0]),
        "cut": (CAPACITY, [(2, 3), (1, 4)], [200.0, 170.0]),
        "better": ([9.0, 2.0, 3.0, 0.5], PAIRS, [100.0, 20.0, 50.0, 170.0]),
        "new": ([*CAPACITY, 5.0], [*PAIRS, (5, 2)], [*LENGTHS, 10.0]),
    }
    assert [row["scenario"] for row in got] == list(expected)
    for row, network in zip(got, expected.values(), strict=True):
        whole = numbers(tmp_path, *network)
        for column in ("pc_numerator", "eca", "iic_numerator", "components", "total_capacity"):
            assert float(row[column]) == pytest.approx(whole[column.upper()], rel=1e-12), column
        assert int(row["nodes"]) == len(network[0])
    assert found.numbers["SCENARIO_COUNT"] == 4
    assert found.numbers["BEST_ECA"] == max(float(row["eca"]) for row in got)


def test_a_selection_is_a_scenario(tmp_path: Path) -> None:
    source = write(tmp_path, CAPACITY, PAIRS, LENGTHS)
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    part = write(chosen, [3.0], [], [], nodes={"index": np.array([3])})
    found = run(
        "networkscenarios",
        tmp_path,
        **layers(source),
        DISPERSAL_DISTANCE=100.0,
        REMOVED_NODES=f"{part}|layername=nodes",
    )
    got = rows(found, "INDICES")
    expected = numbers(tmp_path, [1.0, 2.0, 0.5], [(1, 2), (1, 3)], [100.0, 170.0])["PC_NUMERATOR"]
    assert [row["scenario"] for row in got] == ["as it is", "selection"]
    assert float(got[1]["pc_numerator"]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("a,explode,1,,,", "Feature 1 has the scenario 'a' and the action 'explode'"),
        (",remove_node,1,,,", "Every row needs a scenario"),
        ("a,remove_node,99,,,", "names node '99'"),
        ("a,set_capacity,1,,,-3", "has the value '-3'"),
        ("a,set_capacity,1,,,", "has the value ''"),
        ("a,remove_link,,1,3,", "no link joins '1' and '3'"),
    ],
)
def test_bad_scenarios_are_named(tmp_path: Path, change: str, why: str) -> None:
    source = write(tmp_path, CAPACITY, PAIRS, LENGTHS)
    table = scenario_table(tmp_path, change)
    with pytest.raises(InputError, match=why):
        run("networkscenarios", tmp_path, **layers(source), DISPERSAL_DISTANCE=1.0, SCENARIOS=table)


def test_no_scenario(tmp_path: Path) -> None:
    source = write(tmp_path, CAPACITY, PAIRS, LENGTHS)
    with pytest.raises(InputError, match="There is no scenario"):
        run("networkscenarios", tmp_path, **layers(source), DISPERSAL_DISTANCE=1.0)


@pytest.mark.parametrize("way", ["CONEFOR", "GRAPHML"])
def test_out_and_in_again(tmp_path: Path, way: str) -> None:
    odd = [0.1 + 0.2, 1 / 3, 1e-300, 7e22]
    source = write(tmp_path, odd, PAIRS, odd)
    files = run("exportnetwork", tmp_path, **layers(source)).paths
    given = {name: str(path) for name, path in files.items() if name.startswith(way)}
    found = run("importnetwork", tmp_path, **given)
    assert found.numbers == {"PATCH_COUNT": 4, "LINK_COUNT": 4}
    nodes, edges = found.layer("nodes"), found.layer("edges")
    assert nodes.columns["index"].tolist() == [1, 2, 3, 4]
    assert nodes.columns["capacity"].tolist() == odd
    assert list(zip(edges.columns["from"].tolist(), edges.columns["to"].tolist(), strict=True)) == PAIRS
    assert edges.columns["distance"].tolist() == odd
    assert (nodes.geometry is not None) == (way == "GRAPHML")


def test_named_patches_are_numbered_for_conefor(tmp_path: Path) -> None:
    labels = np.array(list("abcd"), object)
    ends = {"from": labels[np.array(PAIRS)[:, 0] - 1], "to": labels[np.array(PAIRS)[:, 1] - 1]}
    source = write(tmp_path, CAPACITY, PAIRS, LENGTHS, nodes={"index": np.arange(4) + 50, "patch": labels}, edges=ends)
    found = run("exportnetwork", tmp_path, **layers(source))
    assert found.text("CONEFOR_NODES").splitlines()[1] == "1\t2.0"
    assert found.text("CONEFOR_CONNECTIONS").splitlines()[1] == "1\t2\t200.0"
    assert ">c<" in found.text("GRAPHML")
    assert any("numbered from 0" in text for text in found.heard.warnings)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "CONEFOR_NODES: The file is missing"),
        ({"CONEFOR_NODES": "a"}, "CONEFOR_CONNECTIONS: The file is missing"),
        ({"CONEFOR_NODES": "a", "GRAPHML": "b"}, "Files of Conefor are given as well"),
        ({"GRAPHML": "nowhere.graphml"}, "cannot be read"),
    ],
)
def test_files_belong_together(tmp_path: Path, given: dict[str, str], why: str) -> None:
    with pytest.raises(InputError, match=why):
        run("importnetwork", tmp_path, **given)


def test_rates_are_halved_at_the_median() -> None:
    from backend.network_indices import decay_rate

    assert math.exp(-decay_rate(300.0, 0.5) * 300) == pytest.approx(0.5)


def part_of(folder: Path, name: str, *network: Any, **more: Any) -> Path:
    (folder / name).mkdir()
    return write(folder / name, *network, **more)


def test_what_is_selected_may_be_removed_changed_and_added(tmp_path: Path) -> None:
    source = write(tmp_path, CAPACITY, PAIRS, LENGTHS)
    changed = part_of(tmp_path, "changed", [8.0], [], [], nodes={"index": np.array([2])})
    ends = {"from": np.array([2]), "to": np.array([1])}
    link = part_of(tmp_path, "link", [0.0], [(1, 2)], [1.0], edges=ends)
    added = part_of(tmp_path, "added", [5.0, 7.0], [(9, 2), (8, 9)], [10.0, 20.0], nodes={"index": np.array([8, 9])})
    given = {
        "DISPERSAL_DISTANCE": 100.0,
        "CHANGED_NODES": f"{changed}|layername=nodes",
        "CHANGED_LINKS": f"{link}|layername=edges",
        "NEW_DISTANCE": 40.0,
        "ADDED_NODES": f"{added}|layername=nodes",
        "ADDED_LINKS": f"{added}|layername=edges",
    }
    together = rows(run("networkscenarios", tmp_path, **layers(source), **given), "INDICES")
    whole = numbers(
        tmp_path,
        [1.0, 8.0, 3.0, 0.5, 5.0, 7.0],
        [*PAIRS, (6, 2), (5, 6)],
        [40.0, *LENGTHS[1:], 10.0, 20.0],
    )
    assert [row["scenario"] for row in together] == ["as it is", "selection"]
    assert float(together[1]["pc_numerator"]) == pytest.approx(whole["PC_NUMERATOR"], rel=1e-12)
    source = write(tmp_path, CAPACITY, PAIRS, LENGTHS)
    each = rows(run("networkscenarios", tmp_path, **layers(source), **given, SELECTED="each"), "INDICES")
    names = ["set node 2", "add node 8", "add node 9", "set link 2 - 1"]
    assert [row["scenario"] for row in each] == ["as it is", *names]
    alone = numbers(tmp_path, [*CAPACITY, 7.0], [*PAIRS, (5, 2)], [*LENGTHS, 10.0])
    assert float(each[3]["pc_numerator"]) == pytest.approx(alone["PC_NUMERATOR"], rel=1e-12)
    assert (each[2]["components"], each[3]["components"]) == ("2", "1")


@pytest.mark.parametrize(
    ("name", "features", "why"),
    [
        ("REMOVED_NODES", {"nodes": {"index": np.array([77])}}, "REMOVED_NODES: It holds '77', which is not in NODES"),
        ("ADDED_NODES", {"nodes": {"index": np.array([2])}}, "ADDED_NODES: It holds '2', which NODES has already"),
        (
            "CHANGED_NODES",
            {"nodes": {"capacity": np.array([-2.0])}},
            "CHANGED_NODES: 'capacity' of feature 1 is no number",
        ),
        ("REMOVED_LINKS", {"edges": {"from": np.array([3])}}, "REMOVED_LINKS: Feature 1 joins '3' and '1'"),
        ("ADDED_LINKS", {"edges": {"from": np.array([99])}}, "ADDED_LINKS: Feature 1 names node '99'"),
    ],
)
def test_selections_that_do_not_fit_are_named(tmp_path: Path, name: str, features: Any, why: str) -> None:
    source = write(tmp_path, CAPACITY, PAIRS, LENGTHS)
    part = part_of(tmp_path, "part", [1.0], [(1, 1)], [1.0], **features)
    chosen = f"{part}|layername={name.split('_')[1].replace('LINKS', 'edges').lower()}"
    with pytest.raises(InputError, match=why):
        run("networkscenarios", tmp_path, **layers(source), DISPERSAL_DISTANCE=1.0, **{name: chosen})


def test_links_may_hold_probabilities(tmp_path: Path) -> None:
    chance = 0.5 ** (np.array(LENGTHS) / 100)
    by_length = numbers(tmp_path, CAPACITY, PAIRS, LENGTHS)
    source = write(tmp_path, CAPACITY, PAIRS, [*chance[:3], 0.0])
    given = {**layers(source), "DISPERSAL_DISTANCE": 33.0, "LINK_VALUES": "probability"}
    without = numbers(tmp_path, CAPACITY, PAIRS[:3], LENGTHS[:3])
    source = write(tmp_path, CAPACITY, PAIRS, [*chance[:3], 0.0])
    found = run("networkindices", tmp_path, **given)
    assert found.numbers["PC_NUMERATOR"] == pytest.approx(without["PC_NUMERATOR"], rel=1e-12)
    np.testing.assert_allclose(found.layer("edges").columns["probability"], [*chance[:3], 0.0], rtol=1e-12)
    table = scenario_table(tmp_path, f"a,set_distance,,1,4,{float(chance[3])!r}")
    changed = rows(run("networkscenarios", tmp_path, **given, SCENARIOS=table), "INDICES")
    assert float(changed[1]["pc_numerator"]) == pytest.approx(by_length["PC_NUMERATOR"], rel=1e-12)
    slopes = run("networkgradient", tmp_path, **given, INDEX="pc_numerator").layer("edges").columns["gradient"]
    for row in range(3):
        both = []
        for step in (1e-6, -1e-6):
            moved = [*chance[:3], 0.0]
            moved[row] += step
            write(tmp_path, CAPACITY, PAIRS, moved)
            both.append(run("networkindices", tmp_path, **given, COMPUTE=["centrality"]).numbers["PC_NUMERATOR"])
        assert slopes[row] == pytest.approx((both[0] - both[1]) / 2e-6, rel=1e-6)
    write(tmp_path, CAPACITY, PAIRS, [0.5, 1.5, 0.5, 0.5])
    with pytest.raises(InputError, match="hold probabilities and exceeds 1: 1 feature .*id 2"):
        run("networkindices", tmp_path, **given)


def test_all_scenarios_are_one_function_of_a_graph(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from backend import network_scenarios
    from backend.network_scenarios import Scenarios, scenario_totals

    class Silent:
        def raise_if_cancelled(self) -> None: ...
        def progress(self, fraction: float, step: str) -> None: ...

    random = np.random.default_rng(2)
    start, end = random.integers(0, 9, (2, 20))
    capacity, there = random.random((7, 9)), random.random((7, 9)) > 0.2
    length = np.where(random.random((7, 20)) < 0.3, np.inf, random.random((7, 20)))
    scenarios = Scenarios([str(k) for k in range(7)], start, end, np.where(there, capacity, 0), length, there)
    whole = scenario_totals(scenarios, 1.0, 10**9, Silent())
    one_by_one = scenario_totals(scenarios, 1.0, 1, Silent())
    monkeypatch.setattr(network_scenarios, "_SECONDS", 4e-5)
    in_parts = scenario_totals(scenarios, 1.0, 10**9, Silent())
    networkx = pytest.importorskip("networkx")
    for name, values in whole.items():
        np.testing.assert_array_equal(values, one_by_one[name])
        np.testing.assert_array_equal(values, in_parts[name])
    for number in range(7):
        graph = networkx.Graph()
        graph.add_nodes_from(np.flatnonzero(there[number]).tolist())
        for u, v, d in zip(start.tolist(), end.tolist(), length[number].tolist(), strict=True):
            if math.isfinite(d) and u in graph and v in graph and u != v:
                graph.add_edge(u, v, d=min(d, graph.edges[u, v]["d"] if graph.has_edge(u, v) else d))
        a = capacity[number]
        far = dict(networkx.all_pairs_dijkstra_path_length(graph, weight="d"))
        steps = dict(networkx.all_pairs_shortest_path_length(graph))
        pc = math.fsum(a[i] * a[j] * math.exp(-d) for i in far for j, d in far[i].items())
        iic = math.fsum(a[i] * a[j] / (1 + d) for i in steps for j, d in steps[i].items())
        assert whole["pc_numerator"][number] == pytest.approx(pc, rel=1e-12)
        assert whole["iic_numerator"][number] == pytest.approx(iic, rel=1e-12)
        assert whole["components"][number] == networkx.number_connected_components(graph)


def test_scenarios_that_do_not_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backend.analyses import networkscenarios
    from backend.errors import MemoryPlanError

    source = write(tmp_path, CAPACITY, PAIRS, LENGTHS)
    table = scenario_table(tmp_path, *(f"s{k},remove_node,3,,," for k in range(100)))
    monkeypatch.setattr(networkscenarios, "available_memory", lambda: 10_000)
    with pytest.raises(MemoryPlanError, match="101 scenarios need .* at a time would fit"):
        run("networkscenarios", tmp_path, **layers(source), DISPERSAL_DISTANCE=1.0, SCENARIOS=table)
