"""The failure table: every known failure, its cause and its fix; docs/troubleshooting.md is made of it.

The rows are data, in known/*.yaml. Order counts: what lies nearer to the root stands first, and a special row before
the one that would also match its text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.names import LEAVE
from infra.versions import NODEADM_DEFAULT, NODEADM_FLOOR, NODEADM_SIGNING_KEY_EXPIRES
from ops.doctor import speaker
from ops.doctor.patterns import linear, needles
from ops.doctor.symptoms import Place

_FILES = ("person", "pulumi", "aws", "machines", "in_cluster")
_WORDS = {
    "{default}": NODEADM_DEFAULT,
    "{floor}": NODEADM_FLOOR,
    "{expires}": str(NODEADM_SIGNING_KEY_EXPIRES),
    "{again}": "The node tries again by itself; at once: sudo systemctl restart eks-hybrid-join on it",
    # No node's name holds a dot, so this pattern means one node: edge.* is never edge-2's.
    "{replace}": "pulumi up --replace '**:Activation::NAME.*'",
    # That of a machine of one's own has no generation, so it is the name and nothing else.
    "{leave}": LEAVE,
    "{replace-own}": "pulumi up --replace '**:Activation::NAME', then ops join NAME and what it writes, on the machine",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Failure:
    """A known failure.

    Args:
        id: stable name; the JSON report and scripts rely on it.
        group: the part of a deployment it belongs to.
        match: what one statement (a line, an error of nodeadm) must hold; case does not matter.
        needles: words in lower case, of which each text that matches has one; what has none need not be tried.
        also: what must stand anywhere in the same text besides.
        places: where it counts; empty: wherever such a text may stand.
        by: who says it (speakers.yaml); empty: anybody but the tools that no row is about.
        about: what it must be about, kinds by part (speakers.yaml).
        healed: what shows, later in the same text, that it has passed.
        symptom: what a person sees, for the documents. Markdown.
        why: what the text proves.
        fix: what fixes it, whatever the site. NAME, CLUSTER and REGION stand for the node, the cluster and the region
            at hand.
        fixes: what fixes it on a site of one kind, `played` or `own`; empty where both are the same.
        source: a public page that says so.
        texts: what it is recognised by, real or documented.
        follows: groups whose failures may bring this one along.
        waits: nothing is broken, it only has not come to its end yet.
        general: the text says what, not why: it is quoted, and no cause is claimed.
        always: counts anywhere on a console, whatever the last error there is.

    """

    id: str
    group: str
    match: re.Pattern[str]
    needles: tuple[str, ...]
    also: re.Pattern[str] | None
    places: frozenset[Place]
    by: frozenset[str]
    about: Mapping[str, frozenset[str]]
    healed: re.Pattern[str] | None
    symptom: str
    why: str
    fix: str
    fixes: Mapping[str, str]
    source: str
    texts: tuple[str, ...]
    follows: frozenset[str] = frozenset()
    waits: bool = False
    general: bool = False
    always: bool = False

    def knows(self, statement: str, place: Place) -> bool:
        """Tell whether a statement that was met in a place is this failure: its words, by whom, and about what."""
        if (self.places and place not in self.places) or not self.match.search(statement):
            return False
        said = speaker.read(statement, place)
        if said.by not in self.by and (self.by or said.by in speaker.FOREIGN):
            return False
        return all(said.about[part] in kinds for part, kinds in self.about.items())

    def fix_on(self, site: str) -> str:
        """Give the fix on a site, `played` or `own`; both, named, where the kind of the site is not known."""
        return self.fixes.get(site, self.fix)


def fixes(advice: str | Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """Give an advice of the tables as one text for any site, and as one for each kind of site if they differ.

    `advice` is a text, or a mapping of `played`, `own` and, where both end the same way, `then`.
    """
    if isinstance(advice, str):
        return advice, {}
    played, own, then = advice["played"], advice["own"], advice.get("then", "")
    end = f"; then {then}" if then else ""
    both = f"with machines that the stack makes: {played}; with machines of your own: {own}{end}"
    return both, {"played": f"{played}{end}", "own": f"{own}{end}"}


def _failure(row: dict[str, Any]) -> Failure:
    def words(text: str) -> str:
        for word, meaning in _WORDS.items():
            text = text.replace(word, meaning)
        return text

    also, healed = row.get("with"), row.get("healed")
    fix, by_site = fixes(row["fix"])
    return Failure(
        id=row["id"],
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
        why=words(row.get("why", "")),
        fix=words(fix),
        fixes={site: words(advice) for site, advice in by_site.items()},
        source=row["source"],
        texts=tuple(row["texts"]),
        follows=frozenset(row.get("follows", ())),
        waits=row.get("waits", False),
        general=row.get("general", False),
        always=row.get("always", False),
    )


FAILURES: tuple[Failure, ...] = tuple(
    _failure(row)
    for name in _FILES
    for row in yaml.safe_load((Path(__file__).parent / "known" / f"{name}.yaml").read_text(encoding="utf-8"))
)
