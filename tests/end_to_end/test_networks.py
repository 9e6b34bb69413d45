"""Habitat networks through qgis_process and through QGIS itself, from a raster to indices and back."""

from __future__ import annotations

import csv
import math
import random

import pytest
from osgeo import ogr
from qgis.core import QgsProcessingFeatureSourceDefinition, QgsVectorLayer
from rasters import CELL, leftovers, write

MEDIAN = 150.0
CORNERS = ((1, 2), (2, 16), (9, 9), (15, 3), (16, 17))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("Netze und Wege")


@pytest.fixture(scope="module")
def rasters(folder):
    rng = random.Random(4)
    habitat = [[0.0] * 20 for _ in range(20)]
    resistance = [[rng.choice((1.0, 2.0, 5.0)) for _ in range(20)] for _ in range(20)]
    for number, (i, j) in enumerate(CORNERS):
        for row in range(i, i + 2):
            for column in range(j, j + 1 + number % 3):
                habitat[row][column] = 41.0
    return write(folder / "cover.tif", habitat), write(folder / "resistance.tif", resistance)


@pytest.fixture(scope="module")
def network(command_line, folder, rasters):
    habitat, movement = rasters
    path = folder / "network.gpkg"
    found = command_line(
        "buildnetwork",
        HABITAT=habitat,
        HABITAT_VALUES="41",
        DISTANCE="least_cost",
        MOVEMENT=movement,
        MOVEMENT_KIND="resistance",
        NETWORK=path,
    )
    assert (found["PATCH_COUNT"], found["COMPONENTS"]) == (len(CORNERS), 1)
    return path


def table(path, layer):
    """Return the features of a layer, each as a dictionary."""
    dataset = ogr.Open(str(path))
    return [feature.items() for feature in dataset.GetLayerByName(layer)]


def columns(path):
    nodes, edges = table(path, "nodes"), table(path, "edges")
    capacity = {row["index"]: row["capacity"] for row in nodes}
    return capacity, [(row["from"], row["to"], row["distance"]) for row in edges]


def pc(capacity, links):
    """Return the numerators of PC and IIC by Floyd's algorithm."""
    far = {(i, j): 0.0 if i == j else math.inf for i in capacity for j in capacity}
    steps = dict(far)
    for u, v, d in links:
        if u in capacity and v in capacity:
            for pair in ((u, v), (v, u)):
                far[pair], steps[pair] = min(far[pair], d), 1
    for k in capacity:
        for i in capacity:
            for j in capacity:
                for table in (far, steps):
                    table[i, j] = min(table[i, j], table[i, k] + table[k, j])
    pairs = [(i, j) for i in capacity for j in capacity]
    whole = math.fsum(capacity[i] * capacity[j] * 0.5 ** (far[i, j] / MEDIAN) for i, j in pairs)
    return whole, math.fsum(capacity[i] * capacity[j] / (1 + steps[i, j]) for i, j in pairs)


def test_from_a_raster_to_indices(command_line, folder, network):
    out, report = folder / "indices.gpkg", folder / "indices.html"
    found = command_line(
        "networkindices",
        NODES=f"{network}|layername=nodes",
        EDGES=f"{network}|layername=edges",
        DISPERSAL_DISTANCE=MEDIAN,
        MORE_DISTANCES="50; 400",
        NETWORK=out,
        REPORT=report,
    )
    capacity, links = columns(network)
    assert sum(capacity.values()) == pytest.approx(2 * (1 + 2 + 3 + 1 + 2) * CELL**2)
    whole, integral = pc(capacity, links)
    assert found["PC_NUMERATOR"] == pytest.approx(whole, rel=1e-12)
    assert found["ECA"] == pytest.approx(math.sqrt(whole), rel=1e-12)
    assert found["IIC_NUMERATOR"] == pytest.approx(integral, rel=1e-12)
    assert found["PC_INTRA"] + found["PC_DIRECT"] + found["PC_STEP"] == pytest.approx(100)
    for node in table(out, "nodes"):
        without = {name: value for name, value in capacity.items() if name != node["index"]}
        assert node["dpc"] == pytest.approx(100 * (whole - pc(without, links)[0]) / whole, rel=1e-9)
        assert node["dpc"] == pytest.approx(node["intra"] + node["flux"] + node["connector"], rel=1e-12)
    for edge in table(out, "edges"):
        rest = [link for link in links if link[:2] != (edge["from"], edge["to"])]
        assert edge["dec"] == pytest.approx(100 * (1 - math.sqrt(pc(capacity, rest)[0] / whole)), rel=1e-6, abs=1e-9)
    assert "Numerator of PC against dispersal distance" in report.read_text(encoding="utf-8")
    assert not leftovers(folder)


def test_tables_without_geometry_will_do(command_line, folder, network):
    capacity, links = columns(network)
    nodes, edges = folder / "nodes.csv", folder / "links.csv"
    with nodes.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "capacity"), *((4_000_000_000 + i, a) for i, a in capacity.items())])
    with edges.open("w", newline="") as file:
        named = [(4_000_000_000 + u, 4_000_000_000 + v, d) for u, v, d in links]
        # both ways, as a matrix lists them
        csv.writer(file).writerows([("from", "to", "distance"), *named, *((v, u, d) for u, v, d in named)])
    out = folder / "from tables.gpkg"
    found = command_line("networkindices", NODES=nodes, EDGES=edges, DISPERSAL_DISTANCE=MEDIAN, NETWORK=out)
    assert found["PC_NUMERATOR"] == pytest.approx(pc(capacity, links)[0], rel=1e-12)
    assert {"dpc", "intra", "flux", "connector"} <= set(table(out, "nodes")[0])


def test_what_qgis_edits_comes_back(processing, folder, network):
    copy = folder / "edited.gpkg"
    copy.write_bytes(network.read_bytes())
    before = columns(copy)
    nodes = QgsVectorLayer(f"{copy}|layername=nodes", "nodes", "ogr")
    edges = QgsVectorLayer(f"{copy}|layername=edges", "edges", "ogr")
    first, gone = next(nodes.getFeatures()), next(edges.getFeatures())
    assert nodes.startEditing()
    assert nodes.changeAttributeValue(first.id(), nodes.fields().lookupField("capacity"), 1 / 3)
    assert nodes.commitChanges()
    assert edges.startEditing()
    assert edges.deleteFeature(gone.id())
    assert edges.commitChanges()
    after = columns(copy)
    assert after == ({**before[0], first["index"]: 1 / 3}, before[1][1:])
    given = {"NODES": nodes, "EDGES": edges, "DISPERSAL_DISTANCE": MEDIAN, "NETWORK": str(folder / "after.gpkg")}
    found = processing.run("driftway:networkindices", given)
    assert found["PC_NUMERATOR"] == pytest.approx(pc(*after)[0], rel=1e-12)
    assert columns(found["NETWORK"]) == after


def test_a_selection_is_removed_and_changed(processing, folder, network):
    nodes = QgsVectorLayer(f"{network}|layername=nodes", "nodes", "ogr")
    edges = QgsVectorLayer(f"{network}|layername=edges", "edges", "ogr")
    capacity, links = columns(network)
    row = len(links) - 1
    edges.selectByExpression(f'"from" = {links[row][0]} and "to" = {links[row][1]}')
    nodes.selectByExpression('"index" = 2')
    given = {
        "NODES": f"{network}|layername=nodes",
        "EDGES": f"{network}|layername=edges",
        "DISPERSAL_DISTANCE": MEDIAN,
        "REMOVED_LINKS": definition(edges),
        "CHANGED_NODES": definition(nodes),
        "NEW_CAPACITY": 12_345.0,
        "INDICES": str(folder / "scenarios.csv"),
    }
    processing.run("driftway:networkscenarios", given)
    with (folder / "scenarios.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = [pc(capacity, links)[0], pc({**capacity, 2: 12_345.0}, links[:row])[0]]
    assert [row["scenario"] for row in rows] == ["as it is", "selection"]
    assert [float(row["pc_numerator"]) for row in rows] == pytest.approx(expected, rel=1e-12)


def definition(layer):
    from qgis.core import QgsProject

    QgsProject.instance().addMapLayer(layer, False)
    return QgsProcessingFeatureSourceDefinition(layer.id(), True)


def test_the_model_does_it_in_one(command_line, folder, rasters, network):
    habitat, movement = rasters
    out = "networkindices:NETWORK"
    found = command_line(
        "habitatnetwork",
        HABITAT=habitat,
        HABITAT_VALUES="41",
        DISTANCE="least_cost",
        MOVEMENT=movement,
        MOVEMENT_KIND="resistance",
        DISPERSAL_DISTANCE=MEDIAN,
        **{out: folder / "model.gpkg"},
    )
    assert columns(found[out]) == columns(network)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"CAPACITY_FIELD": "size"}, "NODES has no field 'size'"),
        ({"DISPERSAL_DISTANCE": 0}, "DISPERSAL_DISTANCE"),
        ({"MORE_DISTANCES": "1 km"}, "MORE_DISTANCES: 'km' is no distance > 0"),
    ],
)
def test_bad_input_is_named(command_line, folder, network, change, words):
    given = {"NODES": f"{network}|layername=nodes", "EDGES": f"{network}|layername=edges", "DISPERSAL_DISTANCE": 1}
    done = command_line.attempt("networkindices", **{**given, "NETWORK": folder / "never.gpkg", **change})
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert not (folder / "never.gpkg").exists()
