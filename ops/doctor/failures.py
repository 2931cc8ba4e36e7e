"""The failure table: how texts show the causes of ops/causes.py; docs/troubleshooting.md is made of it.

The rows are data, in ops/known/*.yaml. Order counts: what lies nearer to the root stands first, and a special row
before the one that would also match its text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.causes import CAUSES, ROWS, Cause
from ops.doctor import speaker
from ops.doctor.patterns import linear, needles
from ops.doctor.symptoms import Place


@dataclass(frozen=True, kw_only=True, eq=False)
class Failure(Cause):
    """A cause that texts show.

    Args:
        group: the part of a deployment it belongs to.
        match: what one statement (a line, an error of nodeadm) must hold; case does not matter.
        needles: words in lower case, of which each text that matches has one; what has none need not be tried.
        also: what must stand anywhere in the same text besides.
        places: where it counts; empty: wherever such a text may stand.
        by: who says it (speakers.yaml); empty: anybody but the tools that no row is about.
        about: what it must be about, kinds by part (speakers.yaml).
        healed: what shows, later in the same text, that it has passed.
        symptom: what a person sees, for the documents. Markdown.
        source: a public page that says so.
        texts: what it is recognised by, real or documented.
        follows: groups whose failures may bring this one along.
        waits: nothing is broken, it only has not come to its end yet.
        general: the text says what, not why: it is quoted, and no cause is claimed.
        always: counts anywhere on a console, whatever the last error there is.

    """

    group: str
    match: re.Pattern[str]
    needles: tuple[str, ...]
    also: re.Pattern[str] | None
    places: frozenset[Place]
    by: frozenset[str]
    about: Mapping[str, frozenset[str]]
    healed: re.Pattern[str] | None
    symptom: str
    source: str
    texts: tuple[str, ...]
    follows: frozenset[str] = frozenset()
    waits: bool = False
    general: bool = False
    always: bool = False

    def knows(self, statement: str, place: Place) -> bool:
        """Tell whether a statement that was met in a place is this failure: its words, by whom, and about what."""
        if self.places and place not in self.places:
            return False
        lower = statement.lower()
        if not any(needle in lower for needle in self.needles) or not self.match.search(statement):
            return False
        said = speaker.read(statement, place)
        if said.by not in self.by and (self.by or said.by in speaker.FOREIGN):
            return False
        return all(said.about[part] in kinds for part, kinds in self.about.items())


def _failure(row: Mapping[str, Any]) -> Failure:
    also, healed = row.get("with"), row.get("healed")
    return Failure(
        **vars(CAUSES[row["id"]]),
        group=row["group"],
        match=re.compile(linear(row["match"]), re.IGNORECASE | re.MULTILINE),
        needles=needles(row["match"]),
        also=re.compile(linear(also), re.IGNORECASE) if also else None,
        places=frozenset(Place(place.strip()) for place in row["in"].split(","))
        if "in" in row
        else frozenset(),
        by=frozenset(row.get("by", ())),
        about={part: frozenset(kinds) for part, kinds in row.get("about", {}).items()},
        healed=re.compile(healed, re.IGNORECASE) if healed else None,
        symptom=row["symptom"],
        source=row["source"],
        texts=tuple(row["texts"]),
        follows=frozenset(row.get("follows", ())),
        waits=row.get("waits", False),
        general=row.get("general", False),
        always=row.get("always", False),
    )


FAILURES: tuple[Failure, ...] = tuple(_failure(row) for row in ROWS if "match" in row)
