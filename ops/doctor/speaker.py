"""Reads who speaks in a line, and about what: the same words mean something else from somebody else. Pure.

speakers.yaml has the forms, as data. A row of the failure table names speakers (`by`) and subjects (`about`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ops.doctor.symptoms import Place

_DATA: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("speakers.yaml").read_text(encoding="utf-8"))
_UNITS: dict[str, str] = _DATA["units"]
FORMS = {name: re.compile(form) for part in ("foreign", "speakers") for name, form in _DATA[part].items()}
_KINDS = {
    part: {kind: re.compile(form, re.IGNORECASE) for kind, form in kinds.items()}
    for part, kinds in _DATA["about"].items()
}
FOREIGN = frozenset((*_DATA["foreign"], "another program"))
_ON_MACHINE = FOREIGN | frozenset(_DATA["on-machine"])
# Who speaks where a line does not say it. In all other places the collectors speak for one service.
_OPEN = {Place.TEXT: "nobody", Place.CONSOLE: "nodeadm", Place.LOG: "log"}
_OF_PLACE = {
    **dict.fromkeys((Place.CONTROL_PLANE, Place.NODE_GROUP, Place.ADD_ON), "eks"),
    **dict.fromkeys((Place.NODE, Place.EVENT, Place.POD), "event"),
}
SPEAKERS = frozenset((*_DATA["speakers"], *_OPEN.values(), *_OF_PLACE.values(), *_UNITS.values(), "doctor"))
ABOUT = {part: frozenset((*kinds, "none")) for part, kinds in _KINDS.items()}

# The time and the sender that consoles, journals and pipelines write before the words.
_BEFORE = re.compile(
    r"\s+|\[ *\d+\.\d+\] |\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)? |##\[error\] ?"
    r"|[\w ()./-]{1,80}\t[\w ()./-]{1,80}\t|eks-hybrid-join\[\d+\]: "
)
_UNIT = re.compile(
    r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ )?\(?(?P<unit>[a-zA-Z][\w@.+-]*)\)?\[\d+\]: "
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ (?P<plain>[a-zA-Z][\w@.+-]*): "
)
HOST = re.compile(
    r"(?:https?://|lookup |dial(?:ing)? (?:tcp |udp )?|resolve host(?:name)?:? |resolving '|onnect(?:ion)? to "
    r"|(?:image|reference|registry|package) \"|host )\[?(?P<host>[A-Za-z0-9][\w-]*\.[\w.-]*?)\]?(?=[\s:/\"',)?]|$)"
)
_RESOLVER = re.compile(r" on \[?(?P<resolver>[0-9a-f.:]+)\]?:53\b")
_WHO = re.compile(r"\barn:aws[\w-]*:(?:sts|iam)::\d*:(?P<who>\S+) is not authorized")


@dataclass(frozen=True, kw_only=True)
class Said:
    """Who speaks in a line (`by`), and the kind of each thing it is about: host, resolver, who; or none."""

    by: str
    about: Mapping[str, str]


@lru_cache(maxsize=4096)
def read(line: str, place: Place) -> Said:
    """Tell who speaks in a line that was met in a place, and about what."""
    words, unit = _words(line)
    by = _OF_PLACE.get(place, "doctor")
    if place in _OPEN:
        heard = (name for name, form in FORMS.items() if form.match(words))
        by = unit or next(
            (name for name in heard if place is not Place.CONSOLE or name in _ON_MACHINE), _OPEN[place]
        )
    return Said(
        by=by,
        about={
            "host": _host(words),
            "resolver": _kind("resolver", next(iter(_RESOLVER.findall(words)), "")),
            "who": _kind("who", next(iter(_WHO.findall(words)), "")),
        },
    )


def _words(line: str) -> tuple[str, str]:
    """Take time and sender off a line; give the words, and who a journal says has sent them."""
    begin = 0
    while before := _BEFORE.match(line, begin):
        begin = before.end()
    sender = _UNIT.match(line, begin)
    if sender is None:
        return line[begin:], ""
    name = sender["unit"] or sender["plain"]
    if name in ("eks-hybrid-join", "nodeadm"):
        return _words(line[sender.end() :])
    return line[sender.end() :], _UNITS.get(name, "another program")


def _host(words: str) -> str:
    """Give the kind of the first host by name; of the first address where none is named."""
    hosts = [_kind("host", host) for host in HOST.findall(words)]
    named = [kind for kind in hosts if kind not in ("public", "private", "service", "loopback")]
    return next(iter((*named, *hosts)), "none")


def _kind(part: str, value: str) -> str:
    """Give the first kind of a part that fits a value; `none` without one."""
    return next((kind for kind, form in _KINDS[part].items() if value and form.fullmatch(value)), "none")
