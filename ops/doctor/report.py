"""The reports: pretty for people, json for scripts."""

import dataclasses
import json
from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console
from rich.text import Text

from ops.checks.report.layout import console_on, hang, is_ascii
from ops.doctor.diagnosis import Diagnosis, Finding, fix_for
from ops.doctor.symptoms import Gap, Line, State

_SYMBOLS = {
    State.GOOD: ("✓", "+", "green"),
    State.BAD: ("✗", "x", "bold red"),
    State.UNKNOWN: ("?", "?", "bold magenta"),
    State.NOTE: ("·", ".", "dim"),
}
_MOST_SEEN = 4
_TAIL_CHARACTERS = 220
UNKNOWN_CAUSE = "no row of the failure table knows why; these are its own words"


def write_pretty(diagnosis: Diagnosis, file: IO[str], *, color: bool, width: int | None = None) -> None:
    """Write the report for people. `width` in columns; None: that of the terminal."""
    _Writer(console_on(file, color=color, width=width), diagnosis).write()


class _Writer:
    def __init__(self, console: Console, diagnosis: Diagnosis) -> None:
        self._console = console
        self._diagnosis = diagnosis
        self._ascii = is_ascii(console)
        self._number = 0

    def write(self) -> None:
        diagnosis = self._diagnosis
        subject = "  ".join(f"{key} {value}" for key, value in diagnosis.subject.items())
        self._console.print(Text.assemble(("ops doctor", "bold"), f"  {subject}"), soft_wrap=True)
        for note in diagnosis.notes:
            hang(self._console, Text("  "), Text(note, style="dim"))
        causes = diagnosis.causes
        if causes and all(finding.waits for finding in causes):
            self._title("Not finished yet")
        elif causes:
            self._title("Cause" if len(causes) == 1 else "Causes, the nearest to the root first")
        for finding in causes:
            self._finding(finding, ("seen", "why", "fix", "from"))
        if diagnosis.quoted:
            self._title("Quoted: no row of the failure table says why")
        for finding in diagnosis.quoted:
            self._finding(finding, ("said", "next"))
        if diagnosis.consequences:
            self._title("Also seen; it may come from the above")
        for finding in diagnosis.consequences:
            self._finding(finding, ("seen", "fix"))
        self._gaps(diagnosis.gaps)
        self._looked_at()
        self._console.print()
        self._console.print(Text(summary(diagnosis)), soft_wrap=True)

    def _title(self, text: str) -> None:
        self._console.print()
        self._console.print(Text(text, style="bold"), soft_wrap=True)

    def _finding(self, finding: Finding, words: Iterable[str]) -> None:
        self._number += 1
        style = "yellow" if finding.waits or finding.consequence else "bold red"
        self._console.print(Text.assemble(f"  {self._number} ", (finding.id, style)), soft_wrap=True)
        for word in words:
            for text in _texts(finding, word, self._diagnosis):
                self._said(word, text)

    def _said(self, word: str, text: str) -> None:
        # People copy commands and addresses: they stay in one line.
        look, whole = "cyan" if word == "fix" else "", word in ("fix", "from", "next")
        hang(self._console, Text(f"    {word:<5}", style="dim"), Text(text, style=look), whole=whole)

    def _gaps(self, gaps: Iterable[Gap]) -> None:
        # Without credentials every question ends the same way.
        same: dict[tuple[str, str], list[Gap]] = {}
        for gap in gaps:
            same.setdefault((gap.why, gap.fix), []).append(gap)
        if same:
            self._title("Could not look")
        for (why, fix), group in same.items():
            hang(self._console, Text("  "), Text(", ".join(gap.what for gap in group), style="bold magenta"))
            seen = list(dict.fromkeys(gap.seen for gap in group))
            more = f" (and {len(seen) - 1} like it)" if len(seen) > 1 else ""
            for word, text in (("seen", f"{seen[0]}{more}"), ("why", why), ("fix", fix)):
                self._said(word, text)

    def _looked_at(self) -> None:
        self._title("What was looked at")
        for section in self._diagnosis.sections:
            if not section.lines:
                continue
            self._console.print(Text(f"  {section.title}", style="bold"), soft_wrap=True)
            wide = min(34, max((len(line.subject) for line in section.lines), default=0))
            for line in section.lines:
                self._line(line, wide)
        for section in self._diagnosis.sections:
            for tail in section.tails:
                self._title(f"Last lines: {tail.subject}")
                for text in tail.lines:
                    self._raw("  | " if self._ascii else "  │ ", text)

    def _raw(self, margin: str, text: str) -> None:
        """Print a line of a machine as it is, cut hard: words do not matter, and `{"json":"lines"}` have none."""
        cut = f"{text[:_TAIL_CHARACTERS]} ..." if len(text) > _TAIL_CHARACTERS else text
        wide = max(20, self._console.width - len(margin))
        for start in range(0, len(cut), wide):
            piece = Text.assemble((margin, "dim"), cut[start : start + wide])
            piece.rstrip()
            self._console.print(piece, soft_wrap=True)

    def _line(self, line: Line, wide: int) -> None:
        symbol, plain, style = _SYMBOLS[line.state]
        head = Text.assemble(
            ("    " + (plain if self._ascii else symbol), style), " ", f"{line.subject:<{wide}}", "  "
        )
        if len(line.subject) > wide:
            head.rstrip()
            self._console.print(head, soft_wrap=True)
            head = Text(" " * (8 + wide))
        hang(self._console, head, Text(line.text), lines=2 if line.state is State.BAD else 0)
        for detail in line.details:
            hang(self._console, Text(" " * (8 + wide)), Text(detail, style="dim"))


def _texts(finding: Finding, word: str, diagnosis: Diagnosis) -> list[str]:
    """Give what stands beside one of the words seen, why, fix, from; empty when there is nothing."""
    failure = finding.failure
    if word in ("seen", "said"):
        shown = [f"{seen.subject}: {seen.text}" for seen in finding.seen[:_MOST_SEEN]]
        more = len(finding.seen) - len(shown)
        return [*shown, *([f"and {more} more"] if more else [])]
    if word in ("fix", "next"):
        return [fix_for(finding, diagnosis)]
    if failure is None:
        return [UNKNOWN_CAUSE] if word == "why" else []
    return [failure.why if word == "why" else failure.source]


def summary(diagnosis: Diagnosis) -> str:
    """Give the last line: how much was found, and how much could not be looked at."""
    gaps = len({gap.what for gap in diagnosis.gaps})
    counts = (
        (len(diagnosis.causes), "cause"),
        (len(diagnosis.quoted), "quoted without a known cause"),
        (len(diagnosis.consequences), "also seen"),
    )
    parts = [
        f"{number} {word}{'s' if word == 'cause' and number > 1 else ''}" for number, word in counts if number
    ]
    blind = f"{gaps} {'thing' if gaps == 1 else 'things'} could not be looked at"
    if not parts and diagnosis.lines:
        return f"nothing recognised in {diagnosis.lines:,} line{'s' if diagnosis.lines > 1 else ''}"
    if not parts:
        return f"{blind}, nothing found wrong in the rest" if gaps else "nothing found wrong"
    return ", ".join(parts) + (f"; {blind}" if gaps else "")


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """Give the report for scripts. `schema` changes when a key does."""

    def written(finding: Finding) -> dict[str, Any]:
        return {
            "id": finding.id,
            "seen": "\n".join(f"{seen.subject}: {seen.text}" for seen in finding.seen),
            "why": (finding.failure.why if finding.failure else "") or UNKNOWN_CAUSE,
            "fix": fix_for(finding, diagnosis),
            "source": finding.failure.source if finding.failure else None,
            "waits": finding.waits,
        }

    return {
        "schema": 3,
        "command": "doctor",
        "verdict": summary(diagnosis),
        "subject": dict(diagnosis.subject),
        "notes": list(diagnosis.notes),
        "exitCode": diagnosis.exit_code,
        "causes": [written(finding) for finding in diagnosis.causes],
        "quoted": [f"{seen.subject}: {seen.text}" for finding in diagnosis.quoted for seen in finding.seen],
        "consequences": [written(finding) for finding in diagnosis.consequences],
        "gaps": [dataclasses.asdict(gap) for gap in diagnosis.gaps],
        "sections": [
            {
                "title": section.title,
                "lines": [{**dataclasses.asdict(line), "state": line.state.value} for line in section.lines],
                "tails": [dataclasses.asdict(tail) for tail in section.tails],
            }
            for section in diagnosis.sections
        ],
    }


def write_json(diagnosis: Diagnosis, file: IO[str]) -> None:
    """Write the report for scripts."""
    json.dump(as_json(diagnosis), file, indent=2)
    file.write("\n")
