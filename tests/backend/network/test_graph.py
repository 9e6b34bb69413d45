"""The graph: edits, views, padding, shared parameters, and what jit and vmap make of it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backend.grid import Neighbourhood, edge_costs
from backend.network import Graph
from backend.network_columns import NetworkColumns
from backend.network_raster import raster_graph


def square(count: int = 4) -> Graph:
    ring = np.arange(count)
    nodes = {
        "index": 10 * ring + 7,
        "capacity": np.array([1.0, 2.0, np.nan, 4.0] + [1.0] * (count - 4)),
        "cover": np.array([0, 1, -1, 1] + [0] * (count - 4)),
        "kind": np.array(["forest", None, "bog", "forest"] + ["bog"] * (count - 4), object),
    }
    edges = {
        "index": ring,
        "from": 10 * ring + 7,
        "to": 10 * ((ring + 1) % count) + 7,
        "distance": 1.0 + ring,
    }
    return Graph.from_columns(NetworkColumns(nodes, edges))


def test_setting_touches_only_rows_that_have_the_attribute() -> None:
    graph = square()
    changed = graph.nodes_at().set("capacity", 9.0)
    np.testing.assert_array_equal(changed.nodes["capacity"], [9, 9, np.nan, 9])
    np.testing.assert_array_equal(graph.nodes["capacity"], [1, 2, np.nan, 4])
    np.testing.assert_array_equal(
        graph.nodes_at([2, 3]).set("capacity", [5.0, 6.0]).nodes["capacity"], [1, 2, np.nan, 6]
    )


def test_inserting_gives_rows_an_attribute_and_the_others_lack_it() -> None:
    graph = square().nodes_at([0, 3]).insert("age", jnp.array([10, 20])).nodes_at([1]).insert("core", True)
    np.testing.assert_array_equal(graph.nodes["age"], [10, -1, -1, 20])
    np.testing.assert_array_equal(graph.nodes.has("age"), [True, False, False, True])
    np.testing.assert_array_equal(graph.nodes.has("core"), [False, True, False, False])
    traced = graph.edges_at("distance > 2").insert("flow", jnp.ones((2, 3)))
    assert traced.edges["flow"].shape == (4, 3)
    assert np.isnan(traced.edges["flow"][:2]).all()


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("capacity >= 2", [1, 3]),
        ("kind == 'forest' and not cover == 0", [3]),
        ("\"kind\" != 'bog' or index > 1000", [0, 1, 3]),
        ("1 < capacity * 2 - 1 < 8", [1, 3]),
        ("kind == 'desert'", []),
    ],
)
def test_views_select_by_expression(expression: str, rows: list[int]) -> None:
    np.testing.assert_array_equal(square().nodes_at(expression).rows, rows)


@pytest.mark.parametrize("expression", ["__import__('os')", "capacity > 'a'", "capacity >", "lacking == 1", "[1, 2]"])
def test_other_python_is_no_expression(expression: str) -> None:
    with pytest.raises((ValueError, KeyError), match="expression|compared|column"):
        square().nodes_at(expression)


def test_a_selection_of_nodes_keeps_the_edges_between_them() -> None:
    part = square().nodes_at("index != 17").select()
    plain = part.to_columns()
    assert plain.nodes["index"].tolist() == [7, 27, 37]
    assert list(zip(plain.edges["from"].tolist(), plain.edges["to"].tolist(), strict=True)) == [(27, 37), (37, 7)]
    assert square().edges_at([0]).select().edges["distance"].tolist() == [1.0]


def test_rows_out_of_range_change_nothing() -> None:
    graph = square()
    for row in (-1, 4, 1000):
        assert jax.tree.all(
            jax.tree.map(
                lambda a, b: bool(jnp.array_equal(a, b, equal_nan=a.dtype == float)),
                graph.nodes_at(row).set("capacity", 0.0),
                graph,
            )
        )


def test_padding_is_out_of_range_and_comes_off_without_a_trace() -> None:
    graph = square()
    padded = graph.padded(7, 9)
    assert len(padded.nodes) == 7
    assert (padded.edges["from"][4:] >= 7).all()
    back = padded.trimmed()
    for name in graph.nodes.names:
        np.testing.assert_array_equal(back.nodes[name], graph.nodes[name])
    for name in graph.edges.names:
        np.testing.assert_array_equal(back.edges[name], graph.edges[name])


def test_appended_rows_lack_what_they_do_not_name() -> None:
    graph = square().append("nodes", {"capacity": [3.0]}).append("edges", {"from": [4], "to": [0], "distance": [7.0]})
    assert graph.nodes["index"].tolist() == [7, 17, 27, 37, 38]
    assert graph.nodes["cover"].tolist() == [0, 1, -1, 1, -1]
    assert graph.to_columns().edges["from"].tolist()[-1] == 38


def test_gradients_sum_into_shared_parameters() -> None:
    graph = square()
    weights = jnp.array([1.0, 10.0, 100.0, 1000.0])

    def total(values: jnp.ndarray) -> jnp.ndarray:
        shared = graph.nodes_at().share("capacity", values, "cover").nodes["capacity"]
        return (jnp.nan_to_num(shared) * weights).sum()

    assert total(jnp.array([2.0, 3.0])) == 2 + 30 + 3000
    np.testing.assert_array_equal(jax.grad(total)(jnp.array([2.0, 3.0])), [1, 1010])


def test_vmap_over_values_and_over_rows() -> None:
    graph = square()
    by_value = jax.vmap(lambda value: graph.nodes_at(1).set("capacity", value).nodes["capacity"])(jnp.array([5.0, 6.0]))
    np.testing.assert_array_equal(by_value[:, 1], [5, 6])
    by_row = jax.vmap(lambda row: graph.nodes_at(row).set("capacity", 0.0).nodes["capacity"])(jnp.arange(5))
    np.testing.assert_array_equal(by_row[:, [0, 1, 3]], [[0, 2, 4], [1, 0, 4], [1, 2, 4], [1, 2, 0], [1, 2, 4]])


def test_masks_work_inside_jit() -> None:
    @jax.jit
    def closed(graph: Graph, limit: float) -> Graph:
        return graph.edges_at(graph.edges["distance"] > limit).set("distance", jnp.inf)

    assert closed(square(), 2.5).edges["distance"].tolist() == [1, 2, np.inf, np.inf]


def test_what_jit_traces_does_not_grow_with_the_number_of_nodes() -> None:
    def edited(graph: Graph) -> Graph:
        return graph.nodes_at("capacity >= 0").set("capacity", 1.0).edges_at(0).set("distance", 2.0)

    sizes = [len(jax.make_jaxpr(edited)(square(count)).jaxpr.eqns) for count in (4, 2000)]
    assert sizes[0] == sizes[1]
    assert len(jax.tree.leaves(square(4))) == len(jax.tree.leaves(square(2000)))


def test_edges_must_end_at_nodes() -> None:
    columns = square().to_columns()
    columns.edges["to"] = np.array([17, 27, 37, 99])
    with pytest.raises(ValueError, match="node 99"):
        Graph.from_columns(columns)


def test_the_graph_of_a_raster_has_the_edges_of_its_costs() -> None:
    resistance = np.array([[1.0, 2.0, np.inf], [3.0, np.inf, 1.0], [1.0, 1.0, 2.0]])
    neighbourhood = Neighbourhood(10.0, 20.0)
    graph = raster_graph(jnp.asarray(resistance), neighbourhood, {"quality": jnp.ones((3, 3))})
    assert len(graph.nodes) == 7
    costs = edge_costs(jnp.asarray(resistance), neighbourhood)
    assert np.isclose(graph.edges["distance"].sum(), sum(float(c[np.isfinite(c)].sum()) for c in costs))
    plain = graph.to_columns()
    joined = {frozenset(pair) for pair in zip(plain.edges["from"].tolist(), plain.edges["to"].tolist(), strict=True)}
    assert joined == {frozenset(p) for p in ((0, 1), (0, 3), (1, 3), (3, 6), (3, 7), (6, 7), (7, 8), (5, 8), (5, 7))}
