"""Prints the critical path: the chain, how near it is to the least possible, and the slack of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.plan.waits.order import Edge
from ops.plan.waits.path import JOINS, Schedule, Step

# What answers in one call is only worth a line where it stands between two long waits.
_QUICK_S = 5
_NAMES_SHOWN = 3


def render(
    schedule: Schedule, needless: Sequence[Edge], unordered: Mapping[Edge, str], *, where: str = ""
) -> RenderableType:
    """The estimate for a terminal; `where` says on which stack durations were measured."""
    low, high = schedule.total_on("low"), schedule.total_on("high")
    parts: list[RenderableType] = [
        Text("How long pulumi up takes", style="bold"),
        Text(
            f"About {clock(schedule.total)}, from {clock(low)} on a quick day to {clock(high)} on a slow one. "
            + _source(schedule, where),
        ),
        "",
        _chain(schedule),
        "",
        Text(
            f"The least possible is {clock(schedule.lower_bound)}: control plane, one node's boot, one workload's "
            f"start. The chain is {schedule.ratio:.2f} times that."
        ),
        "",
        _slack(schedule),
        "",
        Text(f"Waits that nothing asks for: {', '.join(map(str, needless)) or 'none'}."),
    ]
    if unordered:
        parts.append(Text("Out of order:", style="bold red"))
        parts += [Text(f"  {edge}: {because}", style="red") for edge, because in unordered.items()]
    return Group(*parts)


def _source(schedule: Schedule, where: str) -> str:
    kinds = {step.kind for _, step in schedule.slow_steps()}
    estimated = sorted(kind.rpartition(":")[2] for kind in kinds - schedule.measured.keys())
    if not where:
        return "An estimate from public logs (ops/plan/waits/durations.py): nothing was measured on your account."
    rest = f" Not measured there, so estimates from public logs: {', '.join(estimated)}." if estimated else ""
    return f"Measured: {where}.{rest}"


def clock(seconds: int) -> str:
    """Seconds as minutes and seconds: 14m05s."""
    return f"{seconds // 60}m{seconds % 60:02d}s"


def _chain(schedule: Schedule) -> Table:
    table = Table(
        box=None, pad_edge=False, title="The longest chain of waits", title_justify="left", title_style=""
    )
    table.add_column("at", justify="right", no_wrap=True)
    table.add_column("step", overflow="fold")
    table.add_column("takes", justify="right", no_wrap=True)
    table.add_column("range", no_wrap=True)
    for step, start in schedule.chain:
        duration = step.duration
        table.add_row(
            clock(start), _name(step), f"{duration.typical} s", f"{duration.low} to {duration.high} s"
        )
    return table


def _name(step: Step) -> str:
    return (
        f"{step.name} boots and joins"
        if step.kind == JOINS
        else f"{step.kind.rpartition(':')[2]} {step.name}"
    )


def _slack(schedule: Schedule) -> Table:
    table = Table(
        box=None,
        pad_edge=False,
        title="What else takes time, and its slack",
        title_justify="left",
        title_style="",
    )
    table.add_column("step", overflow="fold")
    table.add_column("takes", justify="right", no_wrap=True)
    table.add_column("may be late by", justify="right", no_wrap=True)
    on_chain = {id(step) for step, _ in schedule.chain}
    alike: dict[tuple[str, int, int], list[str]] = {}
    for key, step in schedule.slow_steps():
        if id(step) not in on_chain and step.duration.typical > _QUICK_S:
            group = (step.kind, step.duration.typical, schedule.slack[key])
            alike.setdefault(group, []).append(_name(step))
    for (_, takes, slack), names in sorted(alike.items(), key=lambda item: item[0][2]):
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        table.add_row(", ".join(sorted(names)[:_NAMES_SHOWN]) + more, f"{takes} s", clock(slack))
    return table
