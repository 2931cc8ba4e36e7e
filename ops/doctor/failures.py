"""The failure table: every known failure, its cause and its fix; docs/troubleshooting.md is made of it.

The rows are data, in known/*.yaml. Order counts: what lies nearer to the root stands first, and a special row before
the one that would also match its text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.versions import NODEADM_DEFAULT, NODEADM_FLOOR, NODEADM_SIGNING_KEY_EXPIRES
from ops.doctor.symptoms import Place

_FILES = ("pulumi", "aws", "machines", "in_cluster")
_WORDS = {
    "{default}": NODEADM_DEFAULT,
    "{floor}": NODEADM_FLOOR,
    "{expires}": str(NODEADM_SIGNING_KEY_EXPIRES),
    "{again}": "The node tries again by itself; at once: sudo systemctl restart eks-hybrid-join on it",
    # No node's name holds a dot, so this pattern means one node: edge.* is never edge-2's.
    "{replace}": "pulumi up --replace '**:Activation::NAME.*'",
}


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A known failure.

    Args:
        id: stable name; the JSON report and scripts rely on it.
        group: the part of a deployment it belongs to.
        match: what one statement (a line, an error of nodeadm) must hold; case does not matter.
        also: what must stand anywhere in the same text besides.
        places: where it counts; empty: wherever such a text may stand.
        symptom: what a person sees, for the documents. Markdown.
        why: what the text proves.
        fix: what fixes it. NAME, CLUSTER and REGION stand for the node, the cluster and the region at hand.
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
    also: re.Pattern[str] | None
    places: frozenset[Place]
    symptom: str
    why: str
    fix: str
    source: str
    texts: tuple[str, ...]
    follows: frozenset[str] = frozenset()
    waits: bool = False
    general: bool = False
    always: bool = False


def _failure(row: dict[str, Any]) -> Failure:
    def words(text: str) -> str:
        for word, meaning in _WORDS.items():
            text = text.replace(word, meaning)
        return text

    also = row.get("with")
    return Failure(
        id=row["id"],
        group=row["group"],
        match=re.compile(row["match"], re.IGNORECASE | re.MULTILINE),
        also=re.compile(also, re.IGNORECASE) if also else None,
        places=frozenset(Place(place.strip()) for place in row["in"].split(","))
        if "in" in row
        else frozenset(),
        symptom=row["symptom"],
        why=words(row.get("why", "")),
        fix=words(row["fix"]),
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
