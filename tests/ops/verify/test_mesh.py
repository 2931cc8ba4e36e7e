"""Lost paths are explained by their common cause, each path once."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.verify import mesh
from ops.verify.cluster import Node


def node(name: str) -> Node:
    return Node(
        name=name,
        alias=name,
        hybrid=name.startswith("h"),
        ip="",
        provider_id="",
        kubelet="",
        ready=True,
        ready_message="",
        labels={},
        annotations={},
    )


M1, M2, H1, H2 = FOUR = [node(name) for name in ("m1", "m2", "h1", "h2")]
ALL = set(itertools.permutations(("m1", "m2", "h1", "h2"), 2))


def across(path: tuple[str, str]) -> bool:
    return path[0][0] != path[1][0]


def of(name: str) -> Callable[[tuple[str, str]], bool]:
    return lambda path: name in path


@pytest.mark.parametrize(
    ("lost", "where"),
    [
        pytest.param(ALL, ["between all nodes"], id="everything"),
        pytest.param(set(filter(across, ALL)), ["between hybrid and managed nodes"], id="the two sides"),
        pytest.param(set(filter(of("h1"), ALL)), ["from and to h1"], id="one node"),
        pytest.param({("h1", "h2"), ("h2", "h1")}, ["between hybrid nodes"], id="one side"),
        pytest.param({("m1", "m2"), ("m2", "m1")}, ["between managed nodes"], id="the other side"),
        pytest.param({("m1", "h1"), ("h1", "m1")}, ["between h1 and m1"], id="one pair"),
        pytest.param({("m1", "h1")}, ["from m1 to h1"], id="one direction"),
        pytest.param(
            set(filter(of("h1"), ALL)) | {("m1", "m2"), ("m2", "m1")},
            ["from and to h1", "between managed nodes"],
            id="two causes",
        ),
        pytest.param(set(), [], id="nothing"),
    ],
)
def test_the_widest_common_cause_is_named(lost: Any, where: list[str]) -> None:
    assert [group.where for group in mesh.explain(FOUR, lost)] == where


def test_with_one_node_per_side_the_sides_are_blamed() -> None:
    assert [group.where for group in mesh.explain([M1, H1], {("m1", "h1"), ("h1", "m1")})] == [
        "between hybrid and managed nodes"
    ]


def test_a_lonely_managed_node_that_loses_all_hybrid_ones_is_a_matter_of_sides() -> None:
    lost = {path for path in itertools.permutations(("m1", "h1", "h2"), 2) if across(path)}

    assert [group.where for group in mesh.explain([M1, H1, H2], lost)] == ["between hybrid and managed nodes"]


@given(st.sets(st.sampled_from(sorted(ALL))))
def test_each_lost_path_is_explained_exactly_once(lost: set[tuple[str, str]]) -> None:
    explained = [path for group in mesh.explain(FOUR, lost) for path in group.paths]

    assert sorted(explained) == sorted(lost)
