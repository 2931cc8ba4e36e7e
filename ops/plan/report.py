"""How a plan looks: on a terminal, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ops.plan import flows, waits
from ops.plan.describe import GROUP, RULES, Describer, short_type
from ops.plan.evaluation import Plan
from ops.plan.milestones import counts, milestones
from ops.plan.waits import needless_edges, unordered
from ops.program.recorder import Recording, Resource, scalars

# Of many things alike only these are shown; the rest is counted.
_ALIKE_SHOWN = 3
_ALIKE_ENOUGH = 8
_SECRET = "[secret]"
# The order in which a person wants to read it.
_READING_ORDER = (
    "network",
    "firewall",
    "cluster",
    "calico",
    "managed_nodes",
    "hybrid_nodes",
    "load_balancer",
)


def to_json(plan: Plan) -> str:
    """The whole plan for machines: every resource with its inputs, waits and options. Secrets are masked."""
    recording = plan.recording
    document = {
        "project": recording.project,
        "stack": recording.stack,
        "notes": list(plan.notes),
        "warnings": warnings(recording),
        "flows": [
            {
                "flow": str(row.flow.number),
                "from": row.flow.source,
                "to": row.flow.target,
                "protocol": row.flow.protocol,
                "port": row.flow.port,
                "open": row.allowed,
                "missing": list(row.missing),
            }
            for row in plan.flows.rows
        ],
        "counts": counts(recording.resources.values()),
        "resources": [
            {
                "urn": r.urn,
                "type": r.type,
                "name": r.name,
                "parent": r.parent,
                "inputs": masked(r.inputs, r.secrets),
                "waitsFor": sorted(recording.direct_waits(r.urn)),
                "ignoreChanges": list(r.options.ignore_changes),
                "deletedWith": r.options.deleted_with,
            }
            for r in recording.resources.values()
        ],
        "outputs": masked(recording.stack_outputs, recording.secret_outputs),
    }
    return json.dumps(document, indent=2, sort_keys=True)


def warnings(recording: Recording) -> list[str]:
    """What the program warned of."""
    return [text for level, text in recording.messages if level in ("warning", "error")]


def masked(value: Any, secrets: frozenset[str], path: str = "") -> Any:
    """Nested plain data in which every secret is replaced, and everything that contains one's text."""
    if path in secrets:
        return _SECRET
    if isinstance(value, dict):
        return {k: masked(v, secrets, f"{path}.{k}" if path else k) for k, v in value.items()}
    if isinstance(value, list):
        return [masked(v, secrets, f"{path}[{i}]") for i, v in enumerate(value)]
    return value


def sections(plan: Plan) -> list[RenderableType]:
    """What the plan proves and estimates: the flows, and how long `up` takes."""
    recording = plan.recording
    estimate = waits.render(plan.schedule, needless_edges(recording), unordered(recording))
    return [flows.render(plan.flows), estimate]


def show(plan: Plan, console: Console, proofs: Sequence[RenderableType] = ()) -> None:
    """Print a plan for people; `proofs` come between what waits for what and the outputs."""
    recording = plan.recording
    console.print(Text(f"Plan of stack {recording.stack}", style="bold"))
    console.print(
        "What the program asks for. Not a diff against an account: nothing was looked up and nothing is created.",
        style="dim",
    )
    for note in plan.notes:
        console.print(Text(f"\nNote: {note}", style="yellow"))
    for warning in warnings(recording):
        console.print(Text(f"\nWarning: {warning}", style="yellow"))
    for section in (_tree(recording), _counts(recording), _waits(recording), *proofs, _outputs(recording)):
        console.print()
        console.print(section)
    console.print(_verdict(plan))


def _verdict(plan: Plan) -> Text:
    """The last line, which is what a person sees first on a terminal."""
    if not plan.flows.passed:
        return Text(
            "Not fit to deploy: see the flows that are closed, or open to the internet, above.",
            style="bold red",
        )
    made = sum(counts(plan.recording.resources.values()).values())
    minutes = round(plan.schedule.total / 60)
    words = (
        f"{made} resources, every required flow open, about {minutes} minutes to build. To build it: make up"
    )
    return Text(words, style="bold green")


def _tree(recording: Recording) -> RenderableType:
    describe = Describer(recording)
    tree = Tree(Text(f"{recording.project}, stack {recording.stack}", style="bold"), guide_style="dim")
    children: dict[str, list[Resource]] = {}
    for resource in recording.resources.values():
        children.setdefault(resource.parent, []).append(resource)

    def grow(branch: Tree, urn: str) -> None:
        siblings = [r for r in sorted(children.get(urn, []), key=_reading_order) if r.type not in RULES]
        seen: dict[str, int] = {}
        alike = {r.type: sum(other.type == r.type for other in siblings) for r in siblings}
        for resource in siblings:
            seen[resource.type] = seen.get(resource.type, 0) + 1
            folded = resource.component and alike[resource.type] > _ALIKE_ENOUGH
            if folded and seen[resource.type] > _ALIKE_SHOWN:
                if seen[resource.type] == alike[resource.type]:
                    rest = alike[resource.type] - _ALIKE_SHOWN
                    branch.add(Text(f"... and {rest} more {short_type(resource.type)}", style="dim"))
                continue
            twig = branch.add(_line(resource, describe(resource)))
            grow(twig, resource.urn)
            if resource.type == GROUP:
                for rule in describe.rules(resource, recording.resources.values()):
                    twig.add(Text(rule, style="dim"))

    grow(tree, "")
    return tree


def _reading_order(resource: Resource) -> tuple[bool, int, str, str]:
    module = resource.type.split(":")[1]
    place = _READING_ORDER.index(module) if module in _READING_ORDER else len(_READING_ORDER)
    return not resource.component, place, resource.type, resource.name


def _line(resource: Resource, words: str) -> Text:
    line = Text()
    line.append(short_type(resource.type), style="bold" if resource.component else "cyan")
    line.append(f" {resource.name}")
    if words:
        line.append(f"  {words}", style="dim")
    return line


def _counts(recording: Recording) -> RenderableType:
    found = counts(recording.resources.values())
    words = ", ".join(f"{number} {short_type(type_)}" for type_, number in found.items())
    return Group(Text(f"{sum(found.values())} resources", style="bold"), Text(words, style="dim"))


def _waits(recording: Recording) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, title="What waits for what", title_justify="left", title_style="bold")
    table.add_column("what takes time", no_wrap=True)
    table.add_column("waits for")
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for resource, earlier in milestones(recording):
        grouped.setdefault((resource.type, tuple(sorted(_groups(earlier)))), []).append(resource.name)
    for (type_, groups), names in grouped.items():
        table.add_row(Text(f"{short_type(type_)} {_some(names)}"), Text(", ".join(groups) or "nothing slow"))
    return table


def _groups(resources: Sequence[Resource]) -> list[str]:
    by_type: dict[str, list[str]] = {}
    for resource in resources:
        by_type.setdefault(resource.type, []).append(resource.name)
    return [f"{short_type(type_)} {_some(names)}" for type_, names in by_type.items()]


def _some(names: Sequence[str]) -> str:
    names = sorted(names)
    if len(names) <= _ALIKE_SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:2])} and {len(names) - 2} more"


def _outputs(recording: Recording) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, title="Outputs", title_justify="left", title_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("value (identities are made up)", overflow="fold")
    for name, value in sorted(recording.stack_outputs.items()):
        if name in recording.secret_outputs:
            text = _SECRET
        elif name == "readme":
            text = f"{len(value.splitlines())} lines of Markdown"
        elif isinstance(value, (dict, list)):
            items = list(scalars(masked(value, recording.secret_outputs, name)))
            text = f"{len(items)} values, such as {items[0][0]} = {items[0][1]}" if items else "empty"
        else:
            text = str(value)
        table.add_row(name, Text(text))
    return table
