"""The causes that commands name, each in one place: why it happens, and what fixes it.

The rows are data, in known/*.yaml. doctor recognises them in texts and in what AWS and Kubernetes answer, the checks
of verify and ready prove some of them, and a client that cannot ask names one by its id.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from infra.names import LEAVE
from infra.versions import NODEADM_DEFAULT, NODEADM_FLOOR, NODEADM_SIGNING_KEY_EXPIRES
from ops.clients.errors import AskError

# In the order in which causes rank; the last file has those that only a client names.
_FILES: Final = ("person", "pulumi", "aws", "machines", "in_cluster", "asking")
_WORDS: Final = {
    "{default}": NODEADM_DEFAULT,
    "{floor}": NODEADM_FLOOR,
    "{expires}": str(NODEADM_SIGNING_KEY_EXPIRES),
    "{again}": "The node tries again by itself; at once: sudo systemctl restart eks-hybrid-join on it",
    # No node's name holds a dot, so this pattern means one node: edge.* is never edge-2's.
    "{replace}": "pulumi up --replace '**:Activation::NAME.*'",
    "{leave}": LEAVE,
    # That of a machine of one's own has no generation, so it is the name and nothing else.
    "{replace-own}": "pulumi up --replace '**:Activation::NAME', then ops join NAME and what it writes, on the machine",
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong: what was seen, why that happens, and what fixes it."""

    seen: str
    why: str
    fix: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Cause:
    """A cause.

    Args:
        id: stable name; the JSON reports and scripts rely on it.
        why: what is the matter.
        fix: what fixes it, whatever the site. NAME, CLUSTER, REGION and the like stand for what is at hand.
        fixes: what fixes it on a site of one kind, `played` or `own`; empty where both are the same.
        adds: what a command adds to the fix of its own options, by its name.

    """

    id: str
    why: str
    fix: str
    fixes: Mapping[str, str]
    adds: Mapping[str, str]

    def fix_on(self, site: str) -> str:
        """Give the fix on a site, `played` or `own`; both, named, where the kind of the site is not known."""
        return self.fixes.get(site, self.fix)

    def problem(self, seen: str, *, site: str = "", command: str = "", **names: str) -> Problem:
        """Say what was seen, with `names` in the place of words such as NAME, in the words of a command."""
        fix = "; ".join(filter(None, [self.fix_on(site), self.adds.get(command)]))
        return Problem(seen=seen, why=named(self.why, names), fix=named(fix, names))


def named(text: str, names: Mapping[str, str]) -> str:
    """Put names in the place of the words that stand for them; those that are empty or not there stay open."""
    return re.sub(r"\b[A-Z]+\b(?!-)", lambda word: names.get(word[0]) or word[0], text)


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


def _words(text: str) -> str:
    for word, meaning in _WORDS.items():
        text = text.replace(word, meaning)
    return text


def _cause(row: Mapping[str, Any]) -> Cause:
    fix, by_site = fixes(row["fix"])
    return Cause(
        id=row["id"],
        why=_words(row.get("why", "")),
        fix=_words(fix),
        fixes={site: _words(advice) for site, advice in by_site.items()},
        adds=row.get("adds", {}),
    )


# libyaml, where PyYAML has it, reads the rows fifteen times as fast.
_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ROWS: Final[tuple[Mapping[str, Any], ...]] = tuple(
    row
    for name in _FILES
    for row in _Loader((Path(__file__).parent / "known" / f"{name}.yaml").read_bytes()).get_single_data()
)
CAUSES: Final[Mapping[str, Cause]] = {row["id"]: _cause(row) for row in ROWS}


def problem_of(error: AskError, command: str) -> Problem:
    """Say why a question could not be put, and what helps who ran this command."""
    return CAUSES[error.code].problem(error.seen, command=command, **error.names)
