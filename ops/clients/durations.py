"""How long things really took: the file durations.json, which `ops acceptance` writes and `ops plan` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Seconds that the creation of one kind of thing took: the shortest, the median and the longest of `count`."""

    low: int
    typical: int
    high: int
    count: int


@dataclass(frozen=True, kw_only=True)
class Durations:
    """What was measured, by type token; `where` says when and in which region."""

    where: str
    created: Mapping[str, Measured]


class DurationsError(Exception):
    """The file cannot be used. The text says why, and where such a file comes from."""


def write(path: Path, found: Durations, **more: Any) -> None:
    """Write the file; `more` is kept in it for people."""
    created = {kind: asdict(each) for kind, each in sorted(found.created.items())}
    document = {"schema": SCHEMA, "where": found.where, "created": created, **more}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def read(path: Path) -> Durations:
    """Read the file.

    Raises:
        DurationsError: it is not there, or not of `ops acceptance`.

    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise ValueError(f"its schema is {document['schema']}, not {SCHEMA}")
        created = {str(kind): Measured(**each) for kind, each in document["created"].items()}
        for kind, each in created.items():
            numbers = (each.low, each.typical, each.high, each.count)
            # `True` is a number in Python, and no number of seconds.
            if not all(type(number) is int and number >= 0 for number in numbers):
                raise ValueError(f"{kind}: seconds are whole numbers, 0 or more")
            if not each.low <= each.typical <= each.high:
                raise ValueError(f"{kind}: low, typical and high are not in this order")
        return Durations(where=str(document["where"]), created=created)
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"it is no durations.json ({error})"
    raise DurationsError(f"--durations {path}: {reason}. make acceptance writes such a file into its folder")
