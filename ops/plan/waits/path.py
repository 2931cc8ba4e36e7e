"""The longest chain of waits, the least that any program could take, and the slack of everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Literal

from ops.clients.durations import Measured
from ops.plan.waits.durations import JOINS, NOTHING_MEASURED, ONE_CALL, Duration, duration_of
from ops.plan.waits.order import CLUSTER, DEPLOYMENT, INSTANCE, NODE_GROUP
from ops.program.recorder import Recording, Resource

Day = Literal["low", "typical", "high"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that takes time. `kind` is a type token, or `JOINS` for what happens inside a hybrid node."""

    kind: str
    name: str
    duration: Duration
    waits: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When each step could run if nothing but its waits held it back (seconds from the start).

    `measured` holds what was measured, by kind of step; where it has nothing, the durations are estimates.
    """

    steps: Mapping[str, Step]
    measured: Mapping[str, Measured] = field(default_factory=dict)

    def finishes(self, day: Day = "typical") -> dict[str, int]:
        """When each step is done."""
        done: dict[str, int] = {}
        for key in self._in_order:
            step = self.steps[key]
            done[key] = max((done[w] for w in step.waits), default=0) + getattr(step.duration, day)
        return done

    @cached_property
    def _in_order(self) -> list[str]:
        return list(TopologicalSorter({key: step.waits for key, step in self.steps.items()}).static_order())

    @cached_property
    def _finish(self) -> dict[str, int]:
        return self.finishes()

    @cached_property
    def total(self) -> int:
        """When everything is done, on a usual day."""
        return max(self._finish.values(), default=0)

    def total_on(self, day: Day) -> int:
        """When everything is done on a quick or a slow day."""
        return max(self.finishes(day).values(), default=0)

    @cached_property
    def chain(self) -> list[tuple[Step, int]]:
        """The longest chain, first step first, each with the second at which it starts."""
        found: list[tuple[Step, int]] = []
        key = max(self._finish, key=lambda k: (self._finish[k], k), default="")
        while key:
            step = self.steps[key]
            found.append((step, self._finish[key] - step.duration.typical))
            key = max(step.waits, key=lambda k: (self._finish[k], k), default="")
        return found[::-1]

    @cached_property
    def lower_bound(self) -> int:
        """Control plane, then one node's boot, then one workload's start: no program can do with less.

        The node is of the kind that takes longer, because `up` is done when both kinds are.
        """
        kinds = {step.kind for step in self.steps.values()}

        def usual(kind: str) -> int:
            return duration_of(kind, self.measured).typical

        boots = [usual(NODE_GROUP)] if NODE_GROUP in kinds else []
        boots += [usual(INSTANCE) + usual(JOINS)] if INSTANCE in kinds else []
        parts = [usual(kind) for kind in (CLUSTER, DEPLOYMENT) if kind in kinds]
        return sum(parts) + max(boots, default=0)

    @property
    def ratio(self) -> float:
        """How much longer the chain is than the lower bound."""
        return self.total / self.lower_bound if self.lower_bound else 1.0

    @cached_property
    def slack(self) -> dict[str, int]:
        """By how many seconds each step could be later without making the whole later."""
        latest = dict.fromkeys(self.steps, self.total)
        for key in reversed(self._in_order):
            step = self.steps[key]
            for wait in step.waits:
                latest[wait] = min(latest[wait], latest[key] - step.duration.typical)
        return {key: latest[key] - self._finish[key] for key in self.steps}

    def slow_steps(self) -> list[tuple[str, Step]]:
        """The steps that take more than one API call."""
        return [(key, step) for key, step in self.steps.items() if step.duration != ONE_CALL]


def critical_path(recording: Recording, measured: Mapping[str, Measured] = NOTHING_MEASURED) -> Schedule:
    """The schedule of a recorded plan. Components take no time: only what they hold does."""
    steps: dict[str, Step] = {}
    for resource in recording.resources.values():
        if resource.component and not resource.remote:
            continue
        steps[resource.urn] = Step(
            kind=resource.type,
            name=resource.name,
            duration=duration_of(resource.type, measured),
            waits=frozenset(_waits(recording, resource)),
        )
        if resource.type == INSTANCE:
            steps[f"{JOINS} {resource.urn}"] = Step(
                kind=JOINS,
                name=resource.name,
                duration=duration_of(JOINS, measured),
                waits=frozenset({resource.urn}),
            )
    return Schedule(steps=steps, measured=measured)


def _waits(recording: Recording, resource: Resource) -> set[str]:
    found: set[str] = set()
    for urn in recording.direct_waits(resource.urn):
        other = recording.resources.get(urn)
        if other is None or (other.component and not other.remote):
            continue
        found.add(urn)
        if resource.type == DEPLOYMENT and other.type == INSTANCE:
            found.add(f"{JOINS} {urn}")
    return found
