"""Prints the flow proof: what opens each flow, then what faces the internet, then findings."""

import re
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ops.plan.flows.exposed import Exposure
from ops.plan.flows.proof import FlowReport, Row

_OPEN, _UNSEEN, _CLOSED = "green", "yellow", "bold red"


def render(report: FlowReport) -> RenderableType:
    """The report for a terminal; a narrow one folds the columns."""
    parts: list[RenderableType] = [_flows(report.rows), "", _exposures(report.exposed)]
    if report.needless:
        parts += ["", Text("Needed by no flow:", style="yellow")]
        parts += [Text(f"  {name}") for name in report.needless]
    parts += ["", Text("Taken for granted:", style="dim")]
    parts += [Text(f"  {line}", style="dim") for line in report.assumptions]
    return Group(*parts)


def problems(report: FlowReport) -> list[RenderableType]:
    """What is wrong with the network, in full: closed flows, and listeners that no setting opens."""
    parts: list[RenderableType] = []
    if report.missing:
        parts.append(_flows(report.missing, title="Closed flows"))
    if report.unexpected:
        parts.append(_exposures(report.unexpected))
    return parts


def _flows(rows: Iterable[Row], *, title: str = "Required flows, there and back") -> RenderableType:
    # Two lines for each flow: names of rules are long, and a column of them is unreadable on a narrow terminal.
    parts: list[RenderableType] = [Text(title, style="bold")]
    for row in rows:
        flow = row.flow
        port = f"{flow.protocol} {flow.port}" if flow.port else flow.protocol
        line = Text(*_verdict(row))
        line.append(f" {flow.number:4}{flow.source} > {flow.target}, {port}", style="none")
        parts.append(line)
        below = Text(_why_closed(row), style="red") if row.missing else Text(_allowed_by(row), style="dim")
        parts.append(Padding.indent(below, 11))
    return Group(*parts)


def _verdict(row: Row) -> tuple[str, str]:
    if row.missing:
        return "CLOSED", _CLOSED
    return ("unseen", _UNSEEN) if row.unseen else ("open  ", _OPEN)


def _allowed_by(row: Row) -> str:
    rules, routes = ", ".join(abridged(row.rules)), ", ".join(abridged(row.routes))
    unseen = "; ".join(row.unseen)
    parts = [unseen and f"not seen: {unseen}", rules and f"rules: {rules}", f"routes: {routes}"]
    return "\n".join(filter(None, parts))


def _why_closed(row: Row) -> str:
    more = f" (and {len(row.missing) - 1} more)" if len(row.missing) > 1 else ""
    return f"{row.missing[0]}{more}\nwithout it: {row.flow.breaks}"


def abridged(names: Iterable[str]) -> list[str]:
    """Names which differ only in a final number, as one: a-1, a-2, b becomes a-1,2, b."""
    families: dict[str, list[str]] = {}
    for name in names:
        numbered = re.fullmatch(r"(.+-)(\d+)", name)
        families.setdefault(numbered[1] if numbered else name, []).append(numbered[2] if numbered else "")
    return [f"{stem}{','.join(numbers)}" for stem, numbers in families.items()]


def _exposures(exposures: Iterable[Exposure]) -> RenderableType:
    table = Table(
        box=None,
        pad_edge=False,
        title="Reachable from the internet",
        title_justify="left",
        title_style="bold",
    )
    for column in ("listener", "port", "from", "verdict"):
        table.add_column(column)
    for exposure in exposures:
        verdict = (
            Text("as the settings say", style=_OPEN)
            if exposure.expected
            else Text("UNEXPECTED", style=_CLOSED)
        )
        table.add_row(exposure.listener, exposure.ports, exposure.clients, verdict)
    return table if table.row_count else Text("Nothing is reachable from the internet.")
