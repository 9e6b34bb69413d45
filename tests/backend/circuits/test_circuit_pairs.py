"""Files of pairs, in every format, and what they mean."""

from __future__ import annotations

import numpy as np
import pytest

from backend.circuit_pairs import parse_pairs
from backend.errors import InputError

IDS = np.array([1, 2, 5, 9])
MATRIX = "min 2\nmax 50\n0 1 2 5\n1 0 2 70\n2 2 0 1\n5 6 100 0\n"


def test_a_list_of_included_pairs():
    rule = parse_pairs("mode\tinclude\n1\t2\n5 1\n9 0\n", "P")
    assert rule.mode == "include"
    np.testing.assert_array_equal(rule.ids, [1, 2, 5, 9])  # 9 is named without a pair
    expected = np.zeros((4, 4), bool)
    expected[[0, 1, 0, 2], [1, 0, 2, 0]] = True
    np.testing.assert_array_equal(rule.counted(IDS), expected)


def test_a_list_of_excluded_pairs_leaves_all_others():
    counted = parse_pairs("mode exclude\n1 2\n", "P").counted(IDS)
    assert counted.sum() == 12 - 2
    assert not counted[0, 1]
    assert not counted[1, 0]


def test_a_matrix_counts_values_between_its_limits_one_way_or_both():
    rule = parse_pairs(MATRIX, "P")
    np.testing.assert_array_equal(rule.ids, [1, 2, 5])
    one_way = rule.counted(np.array([1, 2, 5]))
    np.testing.assert_array_equal(one_way, [[0, 1, 0], [1, 0, 0], [1, 0, 0]])  # 70 and 100 lie above, 1 below
    np.testing.assert_array_equal(rule.counted_both_ways(np.array([1, 2, 5])), one_way | one_way.T)


def test_a_matrix_in_another_order_than_the_focal_nodes():
    rule = parse_pairs("min 1\nmax 1\n0 5 1\n5 0 1\n1 0 0\n", "P")
    np.testing.assert_array_equal(rule.counted(np.array([1, 5])), [[0, 0], [1, 0]])


def test_a_plain_table_with_a_header():
    rule = parse_pairs("from,to\n1,5\n2;9\n", "P")
    assert rule.counted(IDS)[0, 2]
    assert rule.counted(IDS)[3, 1]
    assert rule.counted(IDS).sum() == 4


def test_ids_that_the_rule_does_not_name():
    assert not parse_pairs("mode include\n1 2\n", "P").counted(np.array([5, 9])).any()
    assert parse_pairs("mode exclude\n1 2\n", "P").counted(np.array([5, 9])).sum() == 2
    np.testing.assert_array_equal(parse_pairs("mode include\n1 2\n", "P").named(IDS), [1, 1, 0, 0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("mode perhaps\n1 2\n", r"Line 1 says mode 'perhaps'"),
        ("mode include\n1\n", r"Line 2 .* one id"),
        ("mode include\n1 x\n", r"Line 2 .* no number"),
        ("mode include\n1 2.5\n", r"Line 2 names 2\.5"),
        ("min 1\nmax\n0 1\n1 0\n", r"Line 2 should read 'max'"),
        ("min 1\nmax 2\n0 1 2\n1 0\n2 1 0\n", r"Line 4 holds 2 numbers; the matrix has 3 rows"),
    ],
)
def test_files_that_are_none(text, words):
    with pytest.raises(InputError, match=f"^P: .*{words}"):
        parse_pairs(text, "P")
