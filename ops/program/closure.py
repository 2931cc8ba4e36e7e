"""What follows from what, through any number of steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter


def closure(direct: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """Everything that each key leads to, out of what it leads to directly. What leads nowhere need not be a key.

    Errors: graphlib.CycleError for a graph that leads in a circle.
    """
    reached: dict[str, frozenset[str]] = {}
    for key in TopologicalSorter(direct).static_order():
        nearest = direct.get(key, ())
        reached[key] = frozenset(nearest).union(*(reached[other] for other in nearest))
    return reached
