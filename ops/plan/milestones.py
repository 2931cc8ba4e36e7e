"""What waits for what, among the resources that take long enough to be worth waiting for."""

from __future__ import annotations

from collections.abc import Iterable

from ops.plan.waits.durations import TYPICAL
from ops.program.recorder import Recording, Resource

# Below this many seconds a thing is there by the time anybody asks.
_WORTH_WAITING_FOR_S = 15
_SLOW = frozenset(type_ for type_, duration in TYPICAL.items() if duration.typical >= _WORTH_WAITING_FOR_S)


def milestones(recording: Recording) -> list[tuple[Resource, list[Resource]]]:
    """Each slow resource with the slow resources it waits for directly, through any number of quick ones.

    A wait that follows from another is left out: who waits for the node group need not be told of the control
    plane.
    """
    slow = [resource for resource in recording.resources.values() if resource.type in _SLOW]
    earlier = {r.urn: recording.waits_for(r.urn) & {other.urn for other in slow} for r in slow}
    rows = []
    for resource in slow:
        direct = earlier[resource.urn]
        implied = set().union(*(earlier[urn] for urn in direct)) if direct else set()
        rows.append((resource, [recording.resources[urn] for urn in direct - implied]))
    rows.sort(key=lambda row: (len(earlier[row[0].urn]), row[0].type, row[0].name))
    return rows


def counts(resources: Iterable[Resource]) -> dict[str, int]:
    """The number of resources per type, components left out, most first."""
    found: dict[str, int] = {}
    for resource in resources:
        if resource.custom or resource.remote:
            found[resource.type] = found.get(resource.type, 0) + 1
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
