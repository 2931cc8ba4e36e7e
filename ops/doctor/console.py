"""Reads a machine's console: cleans it, and finds where the join script (userdata/join.sh) got to. Pure and total.

The script's fixed lines, each after the UTC time: `join: step 4/7 TITLE`, `join: done: TEXT`,
`join: failed at step 4/7 TITLE: REASON`. A test runs the real script and reads its output with this module.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

# Terminal control sequences and characters: a console may hold anything, and ours goes to a terminal.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")

_STAMP = r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) "
_MARK = re.compile(
    _STAMP + r"join: (?:step (?P<step>\d{1,3}/\d{1,3}) (?P<title>[^\n]*)"
    r"|done: (?P<done>[^\n]*)"
    r"|failed at step (?P<failed>\d{1,3}/\d{1,3}) (?P<reason>[^\n]*))"
)


@dataclass(frozen=True, kw_only=True)
class Join:
    """How far the last run of the join script got.

    `state` is `absent` (it never spoke), `running`, `done` or `failed`. `step`: `4/7 TITLE` of the last step
    announced. `text`: what it said when it was done, or `TITLE: REASON` when it failed. `at`: the time of the last
    fixed line.
    """

    state: str
    step: str = ""
    text: str = ""
    at: datetime | None = None


def clean(text: str) -> str:
    """Give the text without control sequences; lines end in a newline, whatever ended them."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _CONTROLS.sub("", text).encode("utf-8", "replace").decode("utf-8")


def read(text: str) -> Join:
    """Find the join script's last word in a cleaned console."""
    join = Join(state="absent")
    for mark in _MARK.finditer(text):
        at = _time(mark["at"])
        if mark["step"] is not None:
            join = Join(state="running", step=f"{mark['step']} {mark['title']}".strip(), at=at)
        elif mark["done"] is not None:
            join = Join(state="done", step=join.step, text=mark["done"].strip(), at=at)
        else:
            join = Join(state="failed", step=mark["failed"], text=mark["reason"].strip(), at=at)
    return join


def last_run(text: str) -> str:
    """Give the part that counts: the last run of the join script, or everything when it never spoke."""
    starts = [mark.start() for mark in re.finditer(_STAMP + r"join: step 1/", text)]
    return text[starts[-1] :] if starts else text


def last_attempt(text: str) -> str:
    """Give the part from the script's last attempt at something on; the whole text when it made only one.

    IAM is eventually consistent, so a first attempt often fails for a reason that has gone by the next.
    """
    attempts = list(re.finditer(r"join: .*: attempt \d+ of \d+ failed", text))
    return text[attempts[-2].end() :] if len(attempts) > 1 else text


def tail(text: str, lines: int) -> list[str]:
    """Give the last lines that are not blank."""
    return [line for line in text.splitlines() if line.strip()][-lines:]


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
