"""The report for people: a line per check, and seen / why / fix below the ones that need it."""

from itertools import groupby
from typing import IO

from rich.console import Console
from rich.text import Text

from ops.checks.model import Result, Run, Status
from ops.checks.report import latency
from ops.checks.report.layout import console_on, hang, is_ascii

_SYMBOLS = {
    Status.OK: ("✓", "+", "green"),
    Status.WARN: ("!", "!", "yellow"),
    Status.FAIL: ("✗", "x", "bold red"),
    Status.ERROR: ("?", "?", "bold magenta"),
    Status.BLOCKED: ("·", ".", "dim"),
    Status.SKIP: ("-", "-", "dim"),
}
_WORDS = {
    Status.OK: "passed",
    Status.WARN: "warned",
    Status.FAIL: "failed",
    Status.ERROR: "could not run",
    Status.BLOCKED: "blocked",
    Status.SKIP: "skipped",
}
_CATEGORIES = {
    "aws": "what AWS runs",
    "node": "the machines in the cluster",
    "system": "Calico and CoreDNS",
    "net": "between pods, from every node to every node",
    "lb": "through the load balancer",
    "leftovers": "nothing is left",
    "tools": "what this machine needs",
    "plan": "what the settings ask for",
    "who": "who signs in",
    "account": "the account against the plan",
    "cluster": "what runs there already",
    "machine": "the machine that deploys",
}


def write(run: Run, file: IO[str], *, color: bool, width: int | None = None) -> None:
    """Write the report. `width` in columns; None: that of the terminal. Symbols are ASCII if `file` needs it."""
    console = console_on(file, color=color, width=width)
    ascii_only = is_ascii(console)
    subject = "  ".join(f"{key} {value}" for key, value in run.subject.items())
    console.print(Text.assemble((f"ops {run.command}", "bold"), f"  {subject}"))
    id_width = max((len(result.check.id.partition(".")[2]) for result in run.results), default=0)
    for category, results in groupby(run.results, key=lambda result: result.check.category):
        console.print()
        console.print(Text.assemble((category, "bold"), (f"  {_CATEGORIES.get(category, '')}", "dim")))
        for result in results:
            _print_check(console, result, id_width, ascii_only=ascii_only)
    console.print()
    console.print(summary(run))


def _print_check(console: Console, result: Result, id_width: int, *, ascii_only: bool) -> None:
    outcome = result.outcome
    symbol, plain, style = _SYMBOLS[outcome.status]
    name = result.check.id.partition(".")[2]
    quiet = outcome.status in (Status.OK, Status.SKIP, Status.BLOCKED)
    # A single problem says what was seen just below; the summary would say it twice.
    said = bool(outcome.problems) and outcome.problems[0].seen == outcome.summary
    head = Text.assemble(
        ("  " + (plain if ascii_only else symbol), style),
        " ",
        (f"{name:<{id_width}}", "" if quiet else style),
        "  ",
    )
    hang(
        console,
        head,
        Text(result.check.proves if said else outcome.summary, style="dim" if style == "dim" else ""),
    )
    for problem in outcome.problems:
        for word, text, look in (
            ("seen", problem.seen, style),
            ("why", problem.why, ""),
            ("fix", problem.fix, "cyan"),
        ):
            hang(
                console,
                Text.assemble((f"      {word:<5}", "dim")),
                Text(text, style=look),
                whole=word == "fix",
            )
    if outcome.matrix is not None and len(outcome.matrix.nodes) > 1:
        for line in latency.lines(outcome.matrix, width=console.width - 6):
            console.print(Text("      ") + line, soft_wrap=True)


def summary(run: Run) -> Text:
    """Give the last line: how many checks ended how, in which time."""
    parts = [(status, run.count(status)) for status in Status if run.count(status)]
    text = Text()
    for status, number in parts:
        text.append(f"{number} {_WORDS[status]}", style=_SYMBOLS[status][2])
        text.append(", ")
    text.append(f"{run.seconds:.1f} s")
    if run.interrupted:
        text.append(" - interrupted, the rest was not asked", style="bold")
    return text
