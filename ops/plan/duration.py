"""How long `pulumi up` takes: the longest chain of waits in the planned graph. The figures are in duration.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Literal

import yaml
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.plan.describe import is_awaited, short_type
from ops.program.recorder import Recording, Resource

Day = Literal["low", "typical", "high"]
INSTANCE = "aws:ec2/instance:Instance"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
# What happens in a hybrid node between "running" and Ready.
JOINS = "hybrid node joins"


@dataclass(frozen=True, kw_only=True)
class Duration:
    """Seconds: a quick day, a usual one, a slow one."""

    low: int
    typical: int
    high: int
    source: str


ONE_CALL = Duration(low=1, typical=2, high=5, source="one API call")
TYPICAL: Mapping[str, Duration] = {
    kind: Duration(**row)
    for kind, row in yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")).items()
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that takes time. `kind` is a type token, or `JOINS` for what happens inside a hybrid node."""

    kind: str
    name: str
    duration: Duration
    waits: frozenset[str]

    def __str__(self) -> str:
        """What it is, by kind and name."""
        return (
            f"{self.name} boots and joins" if self.kind == JOINS else f"{short_type(self.kind)} {self.name}"
        )


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When each step runs if nothing but its waits holds it back."""

    steps: Mapping[str, Step]

    def ends(self, day: Day = "typical") -> dict[str, int]:
        """The second at which each step is done, from the start; in an order in which they can be done."""
        ends: dict[str, int] = {}
        for key in TopologicalSorter({key: step.waits for key, step in self.steps.items()}).static_order():
            step = self.steps[key]
            ends[key] = max((ends[wait] for wait in step.waits), default=0) + getattr(step.duration, day)
        return ends

    def total(self, day: Day = "typical") -> int:
        """The second at which everything is done."""
        return max(self.ends(day).values(), default=0)

    @cached_property
    def chain(self) -> list[tuple[Step, int]]:
        """The longest chain, first step first, each with the second at which it starts."""
        ends = self.ends()
        chain: list[tuple[Step, int]] = []
        key = max(ends, key=lambda key: (ends[key], key), default="")
        while key:
            step = self.steps[key]
            chain.append((step, ends[key] - step.duration.typical))
            key = max(step.waits, key=lambda key: (ends[key], key), default="")
        return chain[::-1]


def schedule(recording: Recording) -> Schedule:
    """The schedule of a recorded plan. Components take no time: only what they hold does."""
    steps: dict[str, Step] = {}
    for resource in recording.resources.values():
        if resource.component and not resource.remote:
            continue
        awaited = resource.type != DEPLOYMENT or is_awaited(resource)
        steps[resource.urn] = Step(
            kind=resource.type,
            name=resource.name,
            duration=TYPICAL.get(resource.type, ONE_CALL) if awaited else ONE_CALL,
            waits=frozenset(_waits(recording, resource)),
        )
        if resource.type == INSTANCE:
            steps[f"{JOINS} {resource.urn}"] = Step(
                kind=JOINS,
                name=resource.name,
                duration=TYPICAL[JOINS],
                waits=frozenset({resource.urn}),
            )
    return Schedule(steps=steps)


def _waits(recording: Recording, resource: Resource) -> set[str]:
    waits: set[str] = set()
    for urn in recording.direct_waits(resource.urn):
        earlier = recording.resources.get(urn)
        if earlier is None or (earlier.component and not earlier.remote):
            continue
        waits.add(urn)
        if earlier.type == INSTANCE and resource.type == DEPLOYMENT and is_awaited(resource):
            waits.add(f"{JOINS} {urn}")
    return waits


def render(schedule: Schedule) -> RenderableType:
    """The estimate for a terminal."""
    low, high = (clock(schedule.total(day)) for day in ("low", "high"))
    table = Table(
        box=None, pad_edge=False, title="The longest chain of waits", title_justify="left", title_style=""
    )
    table.add_column("at", justify="right", no_wrap=True)
    table.add_column("step", overflow="fold")
    table.add_column("takes", justify="right", no_wrap=True)
    table.add_column("range", no_wrap=True)
    for step, start in schedule.chain:
        took = step.duration
        table.add_row(clock(start), str(step), f"{took.typical} s", f"{took.low} to {took.high} s")
    return Group(
        Text("How long pulumi up takes", style="bold"),
        Text(
            f"About {clock(schedule.total())}, from {low} on a quick day to {high} on a slow one. An estimate from "
            "public logs (ops/plan/duration.yaml): nothing was measured on your account."
        ),
        "",
        table,
    )


def clock(seconds: int) -> str:
    """Seconds as minutes and seconds: 14m05s."""
    return f"{seconds // 60}m{seconds % 60:02d}s"
