"""Explains saved texts without asking anybody: a console, the output of pulumi, kubectl describe, JSON of the AWS CLI.

A text may hold several of these. Each line is one statement, and so is each message in JSON. The events that `make up`
and `make down` keep are such a text too: the engine's own record, JSON lines whose secrets it has left out.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ops.clients.redaction import Redactor
from ops.doctor import console, texts
from ops.doctor.diagnosis import Diagnosis, diagnose
from ops.doctor.failures import FAILURES
from ops.doctor.symptoms import Line, Place, Section, State, Symptom

_TAIL_LINES = 8
_MOST_QUOTED = 12
_MOST_LOUD = 6
# A text this short was sent for what it says.
_SHORT = 3
_LOUD = re.compile(
    r"\b(?:\w*errors?|fatal|fail(?:ed|s|ures?)?|\w+Failures?|panic|denied|forbidden|unauthorized|refused|timed out"
    r"|timeout|exceeded|cannot|could not|couldn't|unable to|invalid|conflict|unhealthy|expired"
    r"|not (?:found|allowed|authorized|supported|ready)|no such|unreachable|crash\w*|evicted|\w*Exception)\b"
    r"|^\s*Warning\s|^E: |\b[EF]\d{4} |^\s*\* (?:creating|updating|deleting|reading|waiting) ",
    re.IGNORECASE,
)
# Loud words that say nothing: settings of kubectl describe, and pulumi's summary of the lines around it.
_QUIET = re.compile(
    r"#failure=|NoExecute|NoSchedule|^Conditions:|^\s*(?:error: )?(?:update|preview|destroy|refresh) failed$"
    r"|\*\*\w+ failed\*\*|\b\d+ errors? occurred:|^\s*(?:Last State|Reason): +(?:Completed|Running)"
    r"|\b0 (?:errors|failed)\b|(?:^|\s)errors?=0\b|\w+Pressure +False",
    re.IGNORECASE,
)
# What lines of a long text must have, one of: the words of a row, of an error, or of what holds others together.
_WORDS = (
    *(needle for failure in FAILURES for needle in failure.needles),
    *("error", "fail", "fatal", "panic", "denied", "refused", "unable to", "exception", "join: "),
    *(
        "successfully registered node",
        "#cloud-config",
        "write_files:",
        "content-type: ",
        "-----begin",
        "-----end",
    ),
)
# A word that has another in it tells nothing more.
_TELLING = tuple({word for word in _WORDS if not any(other in word for other in _WORDS if other != word)})
_MACHINE = re.compile(r"^(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ |\[ *\d+\.\d+\] )")


def explain(names: list[str]) -> Diagnosis:
    """Read the texts (`-` is standard input) and explain them.

    Errors: AskError (one cannot be read, is empty, too large, or no text).
    """
    redactor = Redactor()
    read = [(title, text) for name in names for title, text in texts.read(name)]
    sections = [
        section(title, redactor.text(console.clean(texts.shortened(text, _TELLING)))) for title, text in read
    ]
    for part, (title, text) in zip(sections, read, strict=True):
        if len(text) > texts.LONG:
            part.note(title, f"{text.count(chr(10)):,} lines; only those that sound like a failure were read")
    lines = sum(len(text.splitlines()) for _, text in read)
    return diagnose(sections, subject={"from": ", ".join(title for title, _ in read)}, lines=lines)


def section(title: str, text: str) -> Section:
    """Look at one saved text, cleaned and redacted already."""
    notes = Section(title)
    messages, rest = (_errors(text), "") if text.startswith('{"sequence":') else _json(text)
    lines = rest.splitlines()
    begin, end = _machine_part(lines) if console.is_console(rest) else (0, 0)
    others = [line.strip() for line in (*lines[:begin], *lines[end:]) if line.strip()]
    loud = _loud([*lines[:begin], *lines[end:]])
    if end > begin:
        joined = _console(title, "\n".join(lines[begin:end]), notes)
        # What else stands on a console counts where a row knows it; services fail on healthy machines too.
        others += [] if joined else [line.strip() for line in lines[begin:end] if not _MACHINE.match(line)]
    else:
        notes.note(title, f"{len(lines)} lines of text")
        if not loud and not messages and len(others) <= _SHORT:
            loud = tuple(others)
    quotes = (*messages, *loud)
    shown = quotes[:_MOST_QUOTED]
    if messages or others:
        statements = (*messages, *filter(None, others))
        notes.symptoms.append(Symptom(place=Place.TEXT, subject=title, statements=statements, quotes=shown))
    if len(quotes) > len(shown):
        notes.note(title, f"{len(quotes) - len(shown)} more lines look like errors and are not quoted")
    return notes


def _machine_part(lines: list[str]) -> tuple[int, int]:
    """Give where a console begins and ends among other texts."""
    marked = [number for number, line in enumerate(lines) if _MACHINE.match(line)]
    return (marked[0], marked[-1] + 1) if marked else (0, len(lines))


def _loud(lines: list[str]) -> tuple[str, ...]:
    """Give the lines that look like errors, each with the lines of it that follow further in."""
    found: list[str] = []
    for number, line in enumerate(lines):
        if (_LOUD.search(line) and not _QUIET.search(line)) or (
            found
            and number
            and _indent(line) > _indent(lines[number - 1])
            and found[-1] == lines[number - 1].strip()
        ):
            found.append(line.strip())
    return tuple(dict.fromkeys(found))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else 0


def _console(title: str, text: str, notes: Section) -> bool:
    """Note what a console says; tell whether its machine joined."""
    join = console.read(text)
    if join.state == "done":
        notes.good(title, f"a console: the join script ended well: {join.text}")
        notes.note(
            title,
            "the script does not see all: if kubectl get nodes has no such node, the API server answers its kubelet "
            "401 Unauthorized (its role has no access entry) or is not reached; journalctl -u kubelet tells",
        )
        return True
    otherwise = join.loud[-_MOST_LOUD:]
    if join.state == "absent":
        said = "a console without a line of the join script"
        otherwise = otherwise or tuple(console.tail(text, _TAIL_LINES))
    elif join.state == "failed":
        said = f"a console: the join script failed at step {join.step} {join.text}"
        said += "; it said that it tries again" if join.goes_on else ""
        otherwise = (f"failed at step {join.step} {join.text}", *otherwise)
    else:
        since = f" since {join.at:%H:%M:%S} UTC" if join.at else ""
        late = join.last is not None and join.stuck(join.last)
        said = f"a console: the join script was still in step {join.step}{since}"
        said += ", longer than any step takes" if late else ""
        otherwise = otherwise or (said,)
    notes.lines.append(Line(state=State.BAD, subject=title, text=said))
    notes.symptoms.append(join.symptom(title, otherwise))
    return False


def last_run(path: Path) -> Section | None:
    """Look at what `make up` or `make down` kept of its last run, if that failed.

    The file is the engine's event log: https://pkg.go.dev/github.com/pulumi/pulumi/sdk/v3/go/common/apitype#EngineEvent
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    events = [_parsed(line) for line in text.splitlines()]
    ended = [event["summaryEvent"] for event in events if isinstance(event.get("summaryEvent"), dict)]
    if not events or (ended and ended[-1].get("result") == "succeeded"):
        return None
    return section(f"last run ({path.name})", Redactor().text(text))


def _errors(text: str) -> tuple[str, ...]:
    """Give the errors of an event log, whose colours are written <{%reset%}>."""
    found = [event.get("diagnosticEvent") for event in map(_parsed, text.splitlines())]
    errors = [
        str(one.get("message", ""))
        for one in found
        if isinstance(one, dict) and one.get("severity") == "error"
    ]
    plain = (console.clean(re.sub(r"<\{%[^%]*%\}>", "", error)).strip() for error in errors)
    return tuple(dict.fromkeys(error for error in plain if error and not _QUIET.fullmatch(error)))


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _json(text: str) -> tuple[tuple[str, ...], str]:
    """Take JSON documents out of a text: give their messages, and the text without them."""
    messages: list[str] = []
    rest: list[str] = []
    decoder, place = json.JSONDecoder(), 0
    for begin in re.finditer(r"^[ \t]*(?=[\[{]\s*(?:[\"{\[\]}]|$))", text, re.MULTILINE):
        if begin.end() < place or text.startswith('{"level":"', begin.end()):
            continue
        try:
            value, end = decoder.raw_decode(text, begin.end())
        except ValueError:
            continue
        found = list(_messages(value))
        rest.append(text[place : begin.start()])
        messages += found
        place = end
    rest.append(text[place:])
    return tuple(dict.fromkeys(console.clean(message) for message in messages)), "".join(rest)


def _messages(value: Any) -> Iterator[str]:
    """Write what a JSON document says is wrong: `CODE: MESSAGE (RESOURCES)`, `REASON: MESSAGE`."""
    if isinstance(value, list):
        for item in value:
            yield from _messages(item)
    elif isinstance(value, dict):
        lower = {str(key).lower(): item for key, item in value.items()}
        message = next(
            (lower[key] for key in ("message", "errormessage") if isinstance(lower.get(key), str)), ""
        )
        code = next(
            (lower[key] for key in ("code", "errorcode", "reason") if isinstance(lower.get(key), str)), ""
        )
        # A condition that holds as it should, and an event that is Normal, are no news.
        fine = lower.get("type") == "Normal" or (
            lower.get("type") == "Ready" and lower.get("status") == "True"
        )
        fine = fine or (str(lower.get("type", "")).endswith("Pressure") and lower.get("status") == "False")
        if message and not fine and (code or _LOUD.search(message)):
            resources = [str(one) for one in lower.get("resourceids") or []]
            about = f" ({', '.join(resources)})" if resources else ""
            yield ": ".join(part for part in (code, message) if part) + about
        target, health = lower.get("target"), lower.get("targethealth")
        if isinstance(target, dict) and isinstance(health, dict) and health.get("State") != "healthy":
            said = (str(health[key]) for key in ("Reason", "Description") if health.get(key))
            words = ": ".join((str(health.get("State")), *said))
            yield f"target {target.get('Id')}:{target.get('Port')} is {words}"
        status = str(lower.get("status", ""))
        if status.endswith(("_FAILED", "FAILED")) and "nodegroupname" in lower:
            yield f"it is {status}: node group {lower['nodegroupname']}"
        for item in value.values():
            if isinstance(item, (dict, list)):
                yield from _messages(item)
