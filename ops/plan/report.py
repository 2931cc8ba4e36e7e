"""How a plan looks: on a terminal, and as JSON."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.checks.report.layout import columns
from ops.plan import duration, firewall, flows
from ops.plan.billing import PRICES, Billed, billed, estimate
from ops.plan.describe import short_type, summary
from ops.plan.evaluation import Plan
from ops.plan.flows import Exposure
from ops.program.recorder import Recording, Resource, scalars

# Of many things alike only these are shown; the rest is counted.
_ALIKE_SHOWN = 3
_SECRET = "[secret]"
_VERDICTS = {
    "pass": ("can be built. To build it: make up", "bold green"),
    "partial": ("Calico's manifest was not read, the rest can be built. See the note", "bold yellow"),
    "fail": ("is not fit to deploy", "bold red"),
}
# What a person uses after `up`; --full shows all.
_OUTPUTS_THAT_MATTER = ("albUrl", "albDnsName", "updateKubeconfig", "machinesToJoin")
# The order in which a person wants to read it.
_READING_ORDER = (
    "fixed_settings",
    "network",
    "site",
    "firewall",
    "cluster",
    "calico",
    "managed_nodes",
    "hybrid_nodes",
    "own_machine",
    "load_balancer",
)


def to_json(plan: Plan) -> str:
    """The whole plan for machines: every resource with its inputs, waits and options. Secrets are masked."""
    recording = plan.recording
    document = {
        "schema": 1,
        "verdict": plan.verdict,
        "exitCode": plan.exit_code,
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
                **({"notSeen": list(row.unseen)} if row.unseen else {}),
            }
            for row in plan.flows.rows
        ],
        "exposed": [asdict(exposure) for exposure in plan.flows.exposed],
        "needlessRules": list(plan.flows.needless),
        "estimate": {
            "seconds": {day: plan.schedule.total(day) for day in ("low", "typical", "high")},
            "chain": [
                {"kind": step.kind, "name": step.name, "startsAt": start, "seconds": step.duration.typical}
                for step, start in plan.schedule.chain
            ],
        },
        "billed": [
            {"component": row.component, "count": row.count, "by": row.by, "usdAnHour": row.usd_an_hour}
            for row in billed(recording)
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
            # By URN, so that two plans can be compared: the SDK registers in another order now and then.
            for r in sorted(recording.resources.values(), key=lambda r: r.urn)
        ],
        "outputs": masked(recording.stack_outputs, recording.secret_outputs),
    }
    return json.dumps(concealed(document, plan.concealed), indent=2, sort_keys=True)


def concealed(value: Any, words: Callable[[str], str]) -> Any:
    """Nested plain data in which `words` has replaced each text and each number that holds a secret."""
    if isinstance(value, dict):
        return {words(key): concealed(item, words) for key, item in value.items()}
    if isinstance(value, list):
        return [concealed(item, words) for item in value]
    text = words(str(value))
    return value if text == str(value) else text


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


def written(plan: Plan, show: Callable[[Plan, Console], None]) -> None:
    """Print a plan for people on standard output, without what is secret in the settings."""
    console = Console(width=columns(sys.stdout))
    with console.capture() as captured:
        show(plan, console)
    sys.stdout.write(plan.concealed(captured.get()))


def show(plan: Plan, console: Console) -> None:
    """Print what a person decides on: the verdict, what it builds, what is billed, the outputs that matter."""
    recording = plan.recording
    console.print(_verdict(plan))
    for part in (_findings(plan), _notices(plan), _components(recording), _billed(recording)):
        if part is not None:
            console.print()
            console.print(part)
    console.print()
    console.print(_shown_outputs(recording))
    console.print()
    console.print(
        "Not a diff against an account: nothing was looked up and nothing is created.\n"
        "More: --full (everything), --flows, --waits, --json, --picture FILE.svg",
        style="dim",
    )


def show_full(plan: Plan, console: Console) -> None:
    """Print everything: the short report, resources by type, every flow, the longest wait, every output."""
    recording = plan.recording
    show(plan, console)
    parts = (
        firewall.render(plan),
        _counts(recording),
        flows.render(plan.flows),
        duration.render(plan.schedule),
        _outputs(recording),
    )
    for part in parts:
        if part is not None:
            console.print()
            console.print(part)


def show_flows(plan: Plan, console: Console) -> None:
    """Print the proof of the flows."""
    console.print(flows.render(plan.flows))
    opened = firewall.render(plan)
    if opened is not None:
        console.print()
        console.print(opened)


def show_waits(plan: Plan, console: Console) -> None:
    """Print how long `up` takes, and why."""
    console.print(duration.render(plan.schedule))


def _verdict(plan: Plan) -> RenderableType:
    """The first lines: whether this can be built, and on what that rests."""
    report, recording, schedule = plan.flows, plan.recording, plan.schedule
    made = sum(counts(recording.resources.values()).values())
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    opened = sum(row.allowed for row in report.rows)
    unseen = f"; {len(report.unseen)} pass what nobody has looked at, below" if report.unseen else ""
    table.add_row(
        "flows", f"{opened} of {len(report.rows)} that the cluster needs are open, there and back{unseen}"
    )
    asked = "as the settings say" if not report.unexpected else "NOT as the settings say, see below"
    table.add_row("internet", f"can reach {_reachable(report.exposed) or 'nothing'} ({asked})")
    number = len(warnings(recording))
    table.add_row("warnings", f"{number}, below" if number else "none")
    low, high = (round(schedule.total(day) / 60) for day in ("low", "high"))
    table.add_row("time", f"about {round(schedule.total() / 60)} minutes ({low} to {high}), an estimate")
    table.add_row("resources", str(made))
    words, style = _VERDICTS[plan.verdict]
    if plan.verdict == "partial" and not plan.unread:
        words = "can be built, if your VPC is as it assumes"
    return Group(
        Text(f"Plan of stack {recording.stack}: {words}", style=style),
        table,
    )


def _reachable(exposed: Sequence[Exposure]) -> str:
    clients: dict[str, list[str]] = {}
    for each in exposed:
        clients.setdefault(f"{each.listener} {each.ports}", []).append(each.clients)
    return "; ".join(f"{listener} from {_some(ranges)}" for listener, ranges in clients.items())


def _findings(plan: Plan) -> RenderableType | None:
    """What is wrong, in full: closed flows, what the internet reaches unasked, needless rules."""
    parts = flows.problems(plan.flows)
    return Group(*parts) if parts else None


def _notices(plan: Plan) -> RenderableType | None:
    parts = [Text(f"Note: {note}", style="yellow") for note in plan.notes]
    parts += [Text(f"Warning: {warning}", style="yellow") for warning in warnings(plan.recording)]
    return Group(*parts) if parts else None


def _components(recording: Recording) -> RenderableType:
    """The components in reading order, each with the number of resources in it."""
    table = Table(box=None, pad_edge=False, title="What it builds", title_justify="left", title_style="bold")
    table.add_column("component", no_wrap=True)
    table.add_column("resources", justify="right", no_wrap=True)
    table.add_column("what it is", overflow="fold", style="dim")

    def below(urn: str) -> list[Resource]:
        return [inner for child in recording.children.get(urn, []) for inner in (child, *below(child.urn))]

    for component in sorted(recording.children.get("", []), key=_reading_order):
        inside = [each for each in below(component.urn) if each.custom or each.remote]
        if not component.component:
            inside = [component]
        table.add_row(
            f"{short_type(component.type)} {component.name}",
            str(len(inside)),
            Text(summary(component, inside), overflow="ellipsis", no_wrap=True),
        )
    return table


def _billed(recording: Recording) -> RenderableType:
    table = Table(box=None, pad_edge=False, title="What is billed", title_justify="left", title_style="bold")
    table.add_column("component", no_wrap=True)
    table.add_column("how many", overflow="fold")
    table.add_column("billed by", overflow="fold", style="dim")
    rows = billed(recording)
    for row in rows:
        table.add_row(row.component, row.count, row.by)
    return Group(table, Text(_cost(rows)))


def _cost(rows: list[Billed]) -> str:
    cost = estimate(rows)
    without = "".join(f", {name}" for name in cost.without if name != "traffic across")
    spot = " Spot counts as on demand." * any("spot" in row.count for row in rows)
    return (
        f"An estimate: {_usd(cost.usd_an_hour)}, from the list prices of {PRICES['region']} in {PRICES['month']}; the "
        f"price of hybrid nodes could not be verified. Not in it: traffic, load, CPU credits{without}.{spot} With "
        f"supportType EXTENDED, after standard support: {_usd(cost.extended_usd_an_hour)}."
    )


def _usd(an_hour: float) -> str:
    return f"{an_hour:.2f} USD an hour, {24 * an_hour:.0f} a day"


def _shown_outputs(recording: Recording) -> RenderableType:
    table = Table(box=None, pad_edge=False, title="Outputs", title_justify="left", title_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("value (identities are made up)", overflow="fold")
    for name in _OUTPUTS_THAT_MATTER:
        if name in recording.stack_outputs:
            table.add_row(name, Text(str(recording.stack_outputs[name])))
    return table


def _reading_order(resource: Resource) -> tuple[bool, int, str, str]:
    module = resource.type.split(":")[1]
    place = _READING_ORDER.index(module) if module in _READING_ORDER else len(_READING_ORDER)
    return not resource.component, place, resource.type, resource.name


def counts(resources: Iterable[Resource]) -> dict[str, int]:
    """The number of resources per type, components left out, most first."""
    types = Counter(resource.type for resource in resources if resource.custom or resource.remote)
    return dict(sorted(types.items(), key=lambda item: (-item[1], item[0])))


def _counts(recording: Recording) -> RenderableType:
    found = counts(recording.resources.values())
    words = ", ".join(f"{number} {short_type(type_)}" for type_, number in found.items())
    return Group(Text(f"{sum(found.values())} resources", style="bold"), Text(words, style="dim"))


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
