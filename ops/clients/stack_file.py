"""Reads a stack's file (Pulumi.STACK.yaml) as the Pulumi CLI does.

The CLI reads YAML with Go's yaml.v3: the types of YAML 1.2 with a few of 1.1 (`on` and `no` are texts, 0o17 and 017
are fifteen). It takes the first document only, puts the project's name before keys that have no namespace, and hands
every value to the program as a text: a list or a map as JSON, a date in Go's own form. What it refuses is refused
here with the place. tests/engine/test_stack_files.py compares the two file by file.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

T = TypeVar("T")

# libyaml, which yaml.v3 was made from, where PyYAML has it: the two agree on tabs and the like.
_Parser: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# A file of a few lines may expand to millions of values through its anchors; the CLI refuses that too.
_MOST_VALUES: Final = 100_000

_WORDS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGERS: Final = (
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[bB][01]+"), 2),
    (re.compile(r"[-+]?0[oO][0-7]+"), 8),
    (re.compile(r"[-+]?0[0-7]+"), 8),
    (re.compile(r"[-+]?(0|[1-9][0-9]*)"), 10),
)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DATE: Final = r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
_TIME: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2}):(?P<second>\d{1,2})(\.(?P<fraction>\d{1,9}))?"
# With a T there must be a zone, with a blank there is none.
_TIMESTAMPS: Final = (
    re.compile(rf"{_DATE}[Tt]{_TIME}(?P<zone>Z|[-+]\d{{2}}:\d{{2}})"),
    re.compile(rf"{_DATE} {_TIME}"),
    re.compile(_DATE),
)
_TAG: Final = "tag:yaml.org,2002:"


class StackFileError(Exception):
    """The file cannot be read as a stack's settings. The text says where, why, and what to do."""


class _NotText(str):
    """A key that was a number, a boolean or null in the file; the CLI makes texts of them inside a value only."""


class _RefusedError(Exception):
    """Something that yaml.v3 refuses; `line` counts from 1."""

    def __init__(self, reason: str, mark: Any = None) -> None:
        super().__init__(reason)
        self.line = mark.line + 1 if mark is not None else 0


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """What a stack's file holds.

    `values` are raw texts by full name (`aws:region`). `secrets` names the settings with an encrypted part: their
    values are not among `values`. `environments` are the ESC environments that may supply more.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()


def read(path: Path, *, project: str) -> StackFile:
    """Read a stack's file; `project` is put before keys without a namespace.

    Raises:
        FileNotFoundError: there is none.
        StackFileError: it cannot be read, or the CLI would refuse it.

    """
    return _read(path, lambda data: parse(data, project=project))


def document(path: Path) -> Any:
    """Read a YAML file of Pulumi's, such as Pulumi.yaml, as plain data with the CLI's types.

    Raises:
        FileNotFoundError: there is none.
        StackFileError: it cannot be read.

    """
    return _read(path, _load)


def _read(path: Path, parsing: Callable[[bytes], T]) -> T:
    try:
        return parsing(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StackFileError(f"{path.name} cannot be read: {error.strerror or error}") from None
    except _RefusedError as error:
        where = f"{path.name}, line {error.line}" if error.line else path.name
        raise StackFileError(f"{where}: {error}. Correct the file, then run this again") from None


def parse(data: bytes, *, project: str) -> StackFile:
    """Make a `StackFile` of a file's content."""
    top = _load(data)
    if top is None:
        return StackFile()
    if not isinstance(top, dict):
        raise _RefusedError("it is not a map with the key config")
    config = top.get("config")
    if config is None:
        config = {}
    if not isinstance(config, dict):
        raise _RefusedError("config is not a map of settings")
    values: dict[str, str] = {}
    secrets: list[str] = []
    given: dict[str, str] = {}
    for key, value in config.items():
        if key == "<nil>":
            continue
        name = _full_name(key, project)
        if name in given:
            raise _RefusedError(
                f"{name} is set twice, as {given[name]} and as {key}; the Pulumi CLI takes either, by chance"
            )
        given[name] = key
        if _has_secret(value):
            secrets.append(name)
        else:
            values[name] = raw(value)
    return StackFile(
        values=values, secrets=tuple(secrets), environments=tuple(_environments(top.get("environment")))
    )


def raw(value: object) -> str:
    """Write a value the way the CLI hands it to a program: a text as it is, the rest as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return str(value) if type(value) is int and abs(value) < 2**64 else _json(value)


def _json(value: object) -> str:
    """Write JSON as Go does: whole floats without a point, integers beyond 64 bits as floats."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(str(key))}:{_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_json(item) for item in value) + "]"
    if type(value) is int and -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _float(float(value))
    return json.dumps(value)


def _float(value: float) -> str:
    """Write a number as Go does: the fewest digits that are exact, an exponent below 1e-6 and from 1e21 on."""
    if not math.isfinite(value):
        raise _RefusedError(f"{value} is not a value that a setting can have")
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        text = f"{Decimal(repr(value)):f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    digits, _, exponent = repr(value).partition("e")
    return f"{digits.removesuffix('.0')}e{int(exponent):+d}"


def _full_name(key: str, project: str) -> str:
    if isinstance(key, _NotText):
        raise _RefusedError(f"{key} is not the name of a setting; write it as a text, in quotes")
    if ":" not in key:
        return f"{project}:{key}"
    parts = key.split(":")
    # The CLI still knows the form of its first years: aws:config:region.
    if len(parts) == 3 and parts[1] == "config":
        return f"{parts[0]}:{parts[2]}"
    if len(parts) != 2:
        raise _RefusedError(f"{key} is not the name of a setting; the form is namespace:name")
    return key


def _has_secret(value: object) -> bool:
    if isinstance(value, list):
        return any(_has_secret(item) for item in value)
    if not isinstance(value, dict):
        return False
    if set(value) == {"secure"} and isinstance(value["secure"], str):
        return True
    return any(_has_secret(item) for item in value.values())


def _environments(value: object) -> Iterator[str]:
    """Name the environments: a text, a list of texts or maps, or a map with `imports`; anything else by its form."""
    if isinstance(value, dict) and "values" in value:
        yield "(written in the file)"
    for item in _listed(value.get("imports") if isinstance(value, dict) else value):
        yield ", ".join(str(name) for name in item) if isinstance(item, dict) else str(item)


def _listed(value: object) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _load(data: bytes) -> Any:
    """Give the first document of a YAML file."""
    try:
        # What it parses is handled event by event below; nothing is constructed by PyYAML.
        return _Reader(yaml.parse(data, Loader=_Parser)).document()
    except yaml.MarkedYAMLError as error:
        raise _RefusedError(f"it is not YAML: {error.problem}", error.problem_mark) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _RefusedError(f"it is not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise _RefusedError("it is nested too deeply") from None


class _Reader:
    """Makes plain data of a parser's events, with the types and the refusals of yaml.v3."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._open: set[str] = set()
        self._size = 0

    def document(self) -> Any:
        """Give the first document; None when there is none. What follows must be YAML too."""
        found = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                found = self._value(next(self._events))
                break
        for _ in self._events:
            pass
        return found

    def _value(self, event: Any) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        anchor, before = event.anchor, self._size
        if anchor:
            self._open.add(anchor)
        self._count(1, event)
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = [self._value(item) for item in self._until(yaml.SequenceEndEvent)]
        else:
            value = self._mapping()
        if anchor:
            self._open.discard(anchor)
            self._anchors[anchor] = (value, self._size - before)
        return value

    def _count(self, more: int, event: Any) -> None:
        self._size += more
        if self._size > _MOST_VALUES:
            raise _RefusedError("its anchors make too many values of it", event.start_mark)

    def _alias(self, event: Any) -> Any:
        if event.anchor in self._open:
            raise _RefusedError(f"the anchor {event.anchor} contains itself", event.start_mark)
        if event.anchor not in self._anchors:
            raise _RefusedError(f"there is no anchor {event.anchor}", event.start_mark)
        value, size = self._anchors[event.anchor]
        self._count(size, event)
        return value

    def _until(self, end: type[yaml.Event]) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event

    def _mapping(self) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] | None = None
        for event in self._until(yaml.MappingEndEvent):
            if isinstance(event, yaml.ScalarEvent) and event.value == "<<":
                if merged is not None:
                    raise _RefusedError("<< is there twice", event.start_mark)
                merged = self._merged(next(self._events))
                continue
            key = self._value(event)
            if isinstance(key, list | dict):
                raise _RefusedError("a list or a map cannot be a key", event.start_mark)
            name = key if isinstance(key, str) else _NotText("<nil>" if key is None else raw(key))
            if name in own:
                raise _RefusedError(f"{name} is there twice", event.start_mark)
            own[name] = self._value(next(self._events))
        return {**(merged or {}), **own}

    def _merged(self, event: Any) -> dict[str, Any]:
        value = self._value(event)
        maps = value if isinstance(value, list) else [value]
        if not all(isinstance(item, dict) for item in maps):
            raise _RefusedError("<< takes a map or a list of maps", event.start_mark)
        return {key: item for each in reversed(maps) for key, item in each.items()}


def _scalar(event: yaml.ScalarEvent) -> Any:
    tag = (event.tag or "").removeprefix(_TAG)
    if tag == "!" and not event.style:
        tag = ""
    if (not tag and event.style) or tag == "str" or tag.startswith("!") or ":" in tag:
        return event.value
    if tag == "binary":
        try:
            return base64.b64decode("".join(event.value.split()), validate=True).decode("utf-8", "replace")
        except (ValueError, binascii.Error):
            raise _RefusedError("!!binary is not base64", event.start_mark) from None
    value = _resolved(event.value, timestamps=tag in ("", "timestamp"))
    return _tagged(tag, value, event) if tag else value


_TYPES: Final[Mapping[str, type]] = {"int": int, "float": float, "bool": bool, "null": type(None)}


def _tagged(tag: str, value: Any, event: yaml.ScalarEvent) -> Any:
    """Give a value that an explicit tag such as !!int must fit."""
    if tag == "float" and type(value) is int:
        return float(value)
    if tag in _TYPES and type(value) is not _TYPES[tag]:
        raise _RefusedError(f"{event.value} is not a !!{tag}", event.start_mark)
    return value


def _resolved(text: str, *, timestamps: bool) -> Any:
    """Give a plain scalar its type, as resolve.go of yaml.v3 does."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if timestamps and (moment := _moment(text)):
        return moment
    digits = text if text.startswith("._") else text.replace("_", "")
    for form, base in _INTEGERS:
        if form.fullmatch(digits):
            number = int(digits.lower().replace("0o", "0", 1), base)
            if -(2**63) <= number < 2**64:
                return number
    if _FLOAT.fullmatch(digits):
        number = float(digits)
        return number if math.isfinite(number) else text
    return text


def _moment(text: str) -> str | None:
    """Write a date as Go prints one, which is what reaches the program: 2026-11-25 00:00:00 +0000 UTC."""
    found = next((match for form in _TIMESTAMPS if (match := form.fullmatch(text))), None)
    if found is None:
        return None
    parts = found.groupdict()
    zone, fraction = parts.get("zone") or "Z", (parts.get("fraction") or "").rstrip("0")
    minutes = 0 if zone == "Z" else int(zone[1:3]) * 60 + int(zone[4:6])
    try:
        moment = datetime(
            *(int(parts.get(part) or 0) for part in ("year", "month", "day", "hour", "minute", "second")),
            tzinfo=timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes)),
        )
    except ValueError:
        return None
    name = moment.strftime("%z")
    return (
        f"{moment:%Y-%m-%d %H:%M:%S}{'.' if fraction else ''}{fraction} "
        f"{name} {'UTC' if name == '+0000' else name}"
    )
