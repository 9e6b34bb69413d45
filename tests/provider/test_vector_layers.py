"""Vector layers on their way to the worker and back: files, selections, filters, round trips, styles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driftway.backend.network_columns import NetworkColumns, column
from driftway.backend.network_geopackage import read_network, write_network
from driftway.backend.vector_io import VectorLayer
from driftway.processing_provider.catalogue import algorithm
from driftway.processing_provider.vector_export import export_vector, vector_source
from driftway.processing_provider.vector_parameters import layer_sources
from driftway.processing_provider.vector_styles import apply_vector_style, vector_post_processor
from qgis.core import (
    QgsApplication,
    QgsGraduatedSymbolRenderer,
    QgsProcessingContext,
    QgsProcessingFeatureSource,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorLayer,
    edit,
)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A network on disk with all that its layers can hold."""
    nodes = {
        "index": np.array([4, 8, 15]),
        **column("capacity", [0.1, None, 1e300]),
        **column("age", [3, None, -1], np.dtype(np.int32)),
        **column("core", [True, None, False]),
        **column("kind", ["fen ä", None, ""]),
        "half": np.array([0.1, 0.2, np.nan], np.float32),
        "pair": np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 1 / 3]]),
        "x": np.array([0.0, 1.0, 2.0]),
        "y": np.array([0.0, 3.0, 1.0]),
    }
    edges = {"index": np.arange(2), "from": np.array([4, 8]), "to": np.array([8, 15]), "distance": np.array([1.0, 2.0])}
    path = tmp_path / "net work ä.gpkg"
    write_network(path, NetworkColumns(nodes, edges))
    return path


def opened(path: Path, layer: str) -> QgsVectorLayer:
    found = QgsVectorLayer(f"{path}|layername={layer}", layer, "ogr")
    assert found.isValid()
    return found


def source_of(layer: QgsVectorLayer, value: Any = None) -> Any:
    found = vector_source("NODES", value or layer, layer, QgsProcessingFeatureSource(layer, QgsProcessingContext()))
    return found if value is None else vector_source("NODES", value, layer, _source(value))


def _source(value: Any) -> QgsProcessingFeatureSource:
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    found = QgsApplication.processingRegistry().createAlgorithmById("driftway:networkindices")
    return found.parameterAsSource({"NODES": value}, "NODES", context)


def test_a_file_is_passed_on_as_it_is(network: Path) -> None:
    source = source_of(opened(network, "nodes"))
    assert source.path == f"{network}|layername=nodes"
    assert VectorLayer(source.path, "NODES").fields["core"].kind == "b"


def test_a_filter_is_respected(network: Path, tmp_path: Path) -> None:
    layer = opened(network, "nodes")
    layer.setSubsetString('"index" > 4')
    source = source_of(layer)
    assert source.path == ""
    table = VectorLayer(export_vector(source, tmp_path), "NODES").read(geometry=True)
    assert table.columns["index"].tolist() == [8, 15]
    assert table.fid.tolist() == [2, 3]
    assert all(table.geometry)


def test_only_selected_features_go_along(provider: object, network: Path, tmp_path: Path) -> None:
    layer = opened(network, "nodes")
    QgsProject.instance().addMapLayer(layer)
    layer.selectByIds([3])
    source = source_of(layer, QgsProcessingFeatureSourceDefinition(layer.id(), True))
    table = VectorLayer(export_vector(source, tmp_path), "NODES").read()
    assert table.columns["index"].tolist() == [15]
    assert table.fid.tolist() == [3]
    QgsProject.instance().removeAllMapLayers()


def test_layers_in_memory_keep_their_feature_ids(tmp_path: Path) -> None:
    layer = QgsVectorLayer("Polygon?crs=EPSG:32617&field=capacity:double", "patches", "memory")
    layer.dataProvider().addFeatures([feature(layer, 1.0), feature(layer, 2.0), feature(layer, None)])
    layer.dataProvider().deleteFeatures([1])
    source = source_of(layer)
    assert source.path == ""
    table = VectorLayer(export_vector(source, tmp_path), "NODES")
    read = table.read(geometry=True)
    assert read.fid.tolist() == [2, 3]
    np.testing.assert_array_equal(read.columns["capacity"], [2, np.nan])
    assert "32617" in table.crs


def feature(layer: QgsVectorLayer, capacity: float | None) -> Any:
    from qgis.core import QgsFeature, QgsGeometry

    made = QgsFeature(layer.fields())
    made.setGeometry(QgsGeometry.fromWkt("POLYGON((0 0,1 0,1 1,0 0))"))
    made["capacity"] = capacity
    return made


def test_edits_that_are_not_saved_are_respected(network: Path, tmp_path: Path) -> None:
    layer = opened(network, "nodes")
    layer.startEditing()
    layer.changeAttributeValue(1, layer.fields().lookupField("capacity"), 77.0)
    source = source_of(layer)
    assert VectorLayer(export_vector(source, tmp_path), "NODES").read().columns["capacity"][0] == 77
    layer.rollBack()


def test_a_network_comes_back_from_qgis_as_it_was_but_for_the_edit(network: Path) -> None:
    before = read_network(network)
    layer = opened(network, "nodes")
    with edit(layer):
        row = layer.fields().lookupField("capacity")
        layer.changeAttributeValue(2, row, 1 / 3)
        layer.changeAttributeValue(1, row, None)
    del layer
    after = read_network(network)
    np.testing.assert_array_equal(after.nodes.pop("capacity"), [np.nan, 1 / 3, 1e300])
    before.nodes.pop("capacity")
    for old, new in ((before.nodes, after.nodes), (before.edges, after.edges)):
        assert set(old) == set(new)
        for name, values in old.items():
            assert values.dtype == new[name].dtype, name
            if values.dtype == object:
                assert values.tolist() == new[name].tolist()
            else:
                np.testing.assert_array_equal(values, new[name], err_msg=name)
    assert before.node_geometry == after.node_geometry


def test_layers_are_styled_by_their_field(network: Path) -> None:
    layer = opened(network, "nodes")
    style = {"field": "x", "ramp": "viridis", "stretch": "quantile", "size_by": "x", "inverted": False}
    assert apply_vector_style(layer, style)
    renderer = layer.renderer()
    assert isinstance(renderer, QgsGraduatedSymbolRenderer)
    assert renderer.classAttribute() == "x"
    assert (renderer.ranges()[0].lowerValue(), renderer.ranges()[-1].upperValue()) == (0, 2)
    assert renderer.ranges()[0].symbol().symbolLayer(0).dataDefinedProperties().hasActiveProperties()
    colours = [each.symbol().color().name() for each in renderer.ranges()]
    assert apply_vector_style(layer, {**style, "inverted": True})
    assert [each.symbol().color().name() for each in layer.renderer().ranges()] == colours[::-1]
    assert not apply_vector_style(layer, {**style, "field": "nothing"})
    lines = opened(network, "edges")
    assert apply_vector_style(lines, {**style, "field": "distance", "size_by": "distance"})


def test_both_layers_of_a_network_are_loaded(provider: object, network: Path) -> None:
    context = QgsProcessingContext()
    project = QgsProject.instance()
    context.addLayerToLoadOnCompletion(str(network), QgsProcessingContext.LayerDetails("Network", project, "NETWORK"))
    found = QgsApplication.processingRegistry().createAlgorithmById("driftway:networkindices")
    found._style({"NETWORK": str(network)}, context)
    declared = next(o for o in algorithm("networkindices")["outputs"] if o["kind"] == "vector")
    sources = layer_sources(declared, str(network))
    assert set(context.layersToLoadOnCompletion()) == set(sources.values())
    for layer in declared["layers"]:
        details = context.layerToLoadOnCompletionDetails(sources[layer["name"]])
        assert details.postProcessor() is not None
        loaded = QgsVectorLayer(sources[layer["name"]], layer["label"], "ogr")
        vector_post_processor("networkindices", layer).postProcessLayer(loaded, context, QgsProcessingFeedback())
