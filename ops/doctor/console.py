"""Reads a machine's console: cleans it, finds where the join script got to and what stopped it. Pure and total.

The script's fixed lines, each after the UTC time: `join: step 4/7 TITLE`, `join: at step 4/7: REMARK`,
`join: done: TEXT`, `join: failed at step 4/7 TITLE: REASON`. nodeadm's own lines are JSON. EC2 keeps the last 64 KiB,
so the beginning of a run may be missing.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ops.doctor.symptoms import Place, Symptom

# Terminal control sequences and characters: a console may hold anything, and ours goes to a terminal.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")

_STAMP = re.compile(r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (?P<said>.*)")
_STEP = re.compile(r"join: step (?P<step>\d{1,3}/\d{1,3}) (?P<title>.*)")
_END = re.compile(r"join: (?:done: (?P<done>.*)|failed at step (?P<failed>\d{1,3}/\d{1,3}) (?P<reason>.*))")
_REMARK = re.compile(r"join: at step (?P<step>\d{1,3}/\d{1,3}): ")
_ATTEMPT = re.compile(r"join: .*: attempt \d+ of \d+ failed")
_NEXT = re.compile(r"join: .*attempt \d+ failed, the next one is in \d+ s")
_TAIL = re.compile(r"join: (?:at step \S+: )?last lines of (?P<unit>[\w.-]+):$")
# What `nodeadm debug` prints: what it finds missing is mostly what the join has not come to.
_DEBUG = re.compile(r"\s*(?:└─|\* .*\[\w+\])")
_LOUD = re.compile(r"\b[EF]\d{4} |^E: |^curl: |\b(?:error|failed|fatal|panic)\b", re.IGNORECASE)
# The longest step, `nodeadm install`, is given 20 minutes and waits for apt before that.
LONGEST_STEP = timedelta(minutes=35)


@dataclass(frozen=True, kw_only=True)
class Join:
    """How far the last run of the join script got, and what it said.

    `state` is `absent` (it never spoke), `running`, `done` or `failed`. `step`: `4/7 TITLE` of the last step
    announced, `4/7` of the one that failed. `text`: what it said when it was done, or `TITLE: REASON`. `at`: the time
    of the last fixed line, `last` that of the last line. `error`: nodeadm's error that ended the last attempt, whole.
    `statements`: what was said in that attempt; `before`: in the run up to it; `loud`: the statements that sound like
    errors. `goes_on`: it said that it tries again.
    """

    state: str
    step: str = ""
    text: str = ""
    at: datetime | None = None
    last: datetime | None = None
    error: str = ""
    statements: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    loud: tuple[str, ...] = ()
    goes_on: bool = False

    def stuck(self, now: datetime) -> bool:
        """Tell whether the step lasts longer than any step does."""
        return self.state == "running" and self.at is not None and now - self.at > LONGEST_STEP

    def symptom(self, subject: str, otherwise: Sequence[str], *, name: str = "") -> Symptom:
        """Give what was said for the failure table; `otherwise` is shown where nodeadm named no error."""
        return Symptom(
            place=Place.CONSOLE,
            subject=subject,
            statements=self.statements,
            around=self.before,
            error=self.error or (f"join: {self.text}" if self.state == "failed" else ""),
            quotes=(self.error,) if self.error else (),
            otherwise=() if self.error else tuple(otherwise),
            name=name,
        )


def clean(text: str) -> str:
    """Give the text without control sequences; lines end in a newline, whatever ended them."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _CONTROLS.sub("", text).encode("utf-8", "replace").decode("utf-8")


def is_console(text: str) -> bool:
    """Tell whether a text is a machine's console, or a part of one."""
    if re.search(r"^\[ {0,4}\d+\.\d{6}\] |cloud-init\[\d+\]: ", text, re.MULTILINE):
        return True
    return any(_script(match["said"]) for match in _STAMP.finditer(text))


def read(text: str) -> Join:
    """Find the join script's last word in a cleaned console, and what led to it."""
    lines = text.splitlines()
    stamps = [_STAMP.search(line) for line in lines]
    said = [stamp["said"] if stamp else line for stamp, line in zip(stamps, lines, strict=True)]
    times = [_time(stamp["at"]) if stamp else None for stamp in stamps]
    last = next((at for at in reversed(times) if at), None)
    start, end = _last_run(said)
    spoke = [number for number in range(start, len(said)) if stamps[number] and _script(said[number])]
    if not spoke:
        lines_ = statements(said)
        return Join(state="absent", last=last, statements=lines_, loud=tuple(filter(_LOUD.search, lines_)))
    step, begun = "", start
    for number in spoke:
        found = _STEP.match(said[number]) or _REMARK.match(said[number])
        if found and not found[0].startswith("join: at"):
            step, begun = f"{found['step']} {found['title']}".strip(), number
        elif found and not step.startswith(f"{found['step']} "):
            step = found["step"]
    attempt = _last_attempt(said, begun)
    terminal = _END.match(said[end]) if end is not None else None
    reason = (terminal["reason"] or "").strip() if terminal else ""
    error, kept = _heard(said[attempt:], reason)
    join = Join(
        state="running",
        step=step or "whose beginning has scrolled out of the console",
        at=times[begun] or times[spoke[0]],
        last=last,
        error=error,
        statements=kept,
        before=statements(said[start:attempt]),
        loud=tuple(line for line in kept if _LOUD.search(line) and not line.startswith("join: ")),
        goes_on=any(_NEXT.match(line) for line in said[attempt:]),
    )
    if end is None or terminal is None:
        return join
    if terminal["done"] is not None:
        return Join(state="done", step=step, text=terminal["done"].strip(), at=times[end], last=last)
    return replace(join, state="failed", step=terminal["failed"], text=reason, at=times[end])


def statements(lines: Sequence[str]) -> tuple[str, ...]:
    """Give what lines state: of a JSON line of nodeadm its error, of any other line itself."""
    return tuple(text for line in lines if (text := (_error(line)[1] or line).strip()))


def tail(text: str, lines: int) -> list[str]:
    """Give the last lines that are not blank."""
    return [line for line in text.splitlines() if line.strip()][-lines:]


def _script(said: str) -> bool:
    """Tell a line of the join script, or of the nodeadm that it runs."""
    return said.startswith(("join: ", "nodeadm: ", '{"level":"'))


def _last_run(said: Sequence[str]) -> tuple[int, int | None]:
    """Give where the last run begins, and its last word if it has one. A run whose first line is gone begins at 0."""
    first, end, before = 0, None, -1
    for number, line in enumerate(said):
        if _STEP.match(line):
            if line.startswith("join: step 1/"):
                first = number
            before, end = (end, None) if end is not None else (before, None)
        elif _END.match(line):
            before, end = (end, number) if end is not None else (before, number)
    return max(first, before + 1), end


def _last_attempt(said: Sequence[str], start: int) -> int:
    """Give where the last attempt of a step begins.

    IAM is eventually consistent, so a first attempt often fails for a reason that has gone by the next.
    """
    attempts = [number for number in range(start, len(said)) if _ATTEMPT.match(said[number])]
    return attempts[-2] + 1 if len(attempts) > 1 else start


def _heard(said: Sequence[str], reason: str) -> tuple[str, tuple[str, ...]]:
    """Give nodeadm's error that ended an attempt, and all it said apart from `nodeadm debug` afterwards.

    The script shows the last lines of the units when it fails: units fail for many reasons on a machine that joins
    well, so those lines count only where the script's own reason names the unit.
    """
    kept: list[str] = []
    fatal = retried = ""
    diagnosing: list[str] = []
    debugging = False
    unit = ""
    for line in said:
        unit = _unit_shown(line, unit)
        if unit and f"{unit} does not stay up" not in reason:
            continue
        debugging = bool(_DEBUG.match(line)) or (debugging and not line.startswith("join: "))
        if debugging:
            diagnosing.append(line)
            continue
        kept.append(line)
        level, error = _error(line)
        if level == "fatal":
            fatal = error
        elif '"msg":"Command failed, retrying"' in line:
            retried = error
    # Where all but the end of an attempt has scrolled out, what `nodeadm debug` found is better than nothing.
    if not kept or (all(line.startswith("join: ") for line in kept) and not any(map(_STEP.match, kept))):
        kept += [line.strip() for line in diagnosing]
    return fatal or retried, statements(kept)


def _unit_shown(line: str, unit: str) -> str:
    """Tell of which unit a line is one of the last lines that the script shows; empty where it is the script's own."""
    if not line.startswith("join: "):
        return unit
    shown = _TAIL.match(line)
    return shown["unit"] if shown else ""


def _error(line: str) -> tuple[str, str]:
    """Give level and error of a JSON line of nodeadm, which a console may have cut; empty of any other line."""
    if not line.startswith('{"level":"'):
        return "", ""
    try:
        found = json.loads(line)
        level, error = str(found.get("level", "")), str(found.get("error", ""))
    except ValueError:
        level = line[len('{"level":"') :].partition('"')[0]
        cut = re.search(r'"error":"((?:[^"\\]|\\.)*)', line)
        error = cut[1].replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t") if cut else ""
    return level, clean(error)


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
