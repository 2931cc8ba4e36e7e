"""Matches what was seen against the failure table, and tells causes from what they may bring along. Pure.

A cause is claimed only where a text proves it. What no row knows, or what says only that something is wrong and not
why, is quoted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from ops.causes import fixes, named
from ops.doctor.failures import FAILURES, Failure
from ops.doctor.symptoms import Gap, Place, Section, Symptom

# Where to read on about what no row knows, by place.
_NEXT = yaml.safe_load(Path(__file__).with_name("next.yaml").read_text(encoding="utf-8"))
_DIGITS = re.compile(r"\d+")
_ORDER = {failure.id: number for number, failure in enumerate(FAILURES)}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Where something was seen, and the words it was known by."""

    subject: str
    text: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something wrong.

    `failure` is None when the table does not know it; `place` then tells where to read on. `consequence`: another
    finding may explain it.
    """

    failure: Failure | None
    seen: tuple[Seen, ...]
    place: Place = Place.TEXT
    consequence: bool = False

    @property
    def id(self) -> str:
        """Name the finding."""
        return self.failure.id if self.failure else "unknown"

    @property
    def waits(self) -> bool:
        """Tell whether it may well pass by itself."""
        return self.failure is not None and self.failure.waits

    @property
    def quoted(self) -> bool:
        """Tell whether its words are all that is known."""
        return self.failure is None or self.failure.general


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The result, most likely cause first.

    `subject`: stack, cluster, region, or the texts. `notes`: what was not to be had. `urns`: those of the state.
    `site`: `played` by a VPC, one's `own`, or empty where that is not known. `lines`: of the texts that were
    read, where nobody was asked.
    """

    subject: Mapping[str, str]
    findings: tuple[Finding, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    urns: tuple[str, ...] = field(default=(), repr=False)
    site: str = ""
    lines: int = 0

    @property
    def causes(self) -> tuple[Finding, ...]:
        """Give the findings that nothing else explains and whose cause is known."""
        return tuple(one for one in self.findings if not one.consequence and not one.quoted)

    @property
    def quoted(self) -> tuple[Finding, ...]:
        """Give the findings whose words are all that is known."""
        return tuple(one for one in self.findings if not one.consequence and one.quoted)

    @property
    def consequences(self) -> tuple[Finding, ...]:
        """Give the findings that a cause may explain."""
        return tuple(one for one in self.findings if one.consequence)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Give what could not be seen."""
        return tuple(gap for section in self.sections for gap in section.gaps)

    @property
    def exit_code(self) -> int:
        """Give 0 nothing found wrong, 1 findings, 2 nothing found, but not everything could be looked at."""
        if self.findings:
            return 1
        return 2 if self.gaps else 0


def diagnose(
    sections: Sequence[Section],
    *,
    subject: Mapping[str, str],
    notes: Sequence[str] = (),
    urns: Sequence[str] = (),
    site: str = "",
    lines: int = 0,
) -> Diagnosis:
    """Make the diagnosis out of what was looked at."""
    known: dict[str, tuple[Failure, Place, list[Seen]]] = {}
    unknown: list[Finding] = []
    for symptom in (symptom for section in sections for symptom in section.symptoms):
        matches = recognise(symptom)
        for failure, text in matches:
            seen = known.setdefault(failure.id, (failure, symptom.place, []))[2]
            seen.append(Seen(subject=symptom.subject, text=text, name=symptom.name))
        for text in dict.fromkeys((*symptom.quotes, *(() if matches else symptom.otherwise))):
            if all(text != matched for _, matched in matches):
                quote = Seen(subject=symptom.subject, text=text, name=symptom.name)
                unknown.append(Finding(failure=None, seen=(quote,), place=symptom.place))
    findings = [
        Finding(failure=failure, seen=tuple(dict.fromkeys(seen)), place=place)
        for failure, place, seen in sorted(known.values(), key=lambda item: _ORDER[item[0].id])
    ]
    return Diagnosis(
        subject=subject,
        findings=(*_ranked(findings, unknown),),
        sections=tuple(sections),
        notes=tuple(notes),
        urns=tuple(urns),
        site=site,
        lines=lines,
    )


def recognise(symptom: Symptom) -> list[tuple[Failure, str]]:
    """Find the rows of the table that know a symptom, each with the statements it knows.

    Where one error ended everything, what that error proves counts, and besides it only what is always a failure.
    """
    if symptom.error:
        rows = _matches(FAILURES, (symptom.error,), symptom)
        if any(not failure.general for failure, _ in rows):
            hard = [failure for failure in FAILURES if failure.always]
            return list(dict.fromkeys([*rows, *_matches(hard, symptom.statements, symptom)]))
    return _matches(FAILURES, symptom.statements, symptom)


def _matches(
    rows: Sequence[Failure], statements: Sequence[str], symptom: Symptom
) -> list[tuple[Failure, str]]:
    """Find what rows know of the statements; `with` and `healed` look at all that the symptom holds."""
    found: list[tuple[Failure, str]] = []
    # What is said again and again, with another time or process id each, counts once.
    for statement in {_DIGITS.sub("0", statement): statement for statement in statements}.values():
        known = [
            row for row in rows if row.knows(statement, symptom.place) and _holds(row, statement, symptom)
        ]
        special = [row for row in known if not row.general and not row.follows][:1]
        special += [row for row in known if row.follows and not row.general]
        found += [(row, statement) for row in special or known[:1]]
    return found


def _holds(row: Failure, statement: str, symptom: Symptom) -> bool:
    """Tell whether a row's failure has what it needs besides, and has not passed since."""
    if row.also and not any(row.also.search(text) for text in (*symptom.around, *symptom.statements)):
        return False
    if row.healed is None or statement not in symptom.statements:
        return True
    last = len(symptom.statements) - 1 - symptom.statements[::-1].index(statement)
    return not any(row.healed.search(text) for text in symptom.statements[last:])


def fix_for(finding: Finding, diagnosis: Diagnosis) -> str:
    """Give the fix with the names at hand in place of NAME, CLUSTER and REGION, and URNs in place of patterns."""
    if finding.consequence and any(one.id == "destroy-incomplete" for one in diagnosis.findings):
        return "none while the stack is being removed"
    if finding.failure:
        fix = finding.failure.fix_on(diagnosis.site)
    else:
        both, by_site = fixes(_NEXT.get(finding.place, _NEXT[Place.TEXT]))
        fix = by_site.get(diagnosis.site, both)
    names = {seen.name for seen in finding.seen} - {""}
    words = {"CLUSTER": diagnosis.subject.get("cluster", ""), "REGION": diagnosis.subject.get("region", "")}
    if len(names) == 1:
        words["NAME"] = names.pop()
    return re.sub(
        r"'\*\*([^']*)'", lambda pattern: f"'{_urn(pattern[1], diagnosis.urns)}'", named(fix, words)
    )


def _urn(pattern: str, urns: Iterable[str]) -> str:
    """Give the one URN that a pattern means; the pattern itself when that is not clear.

    The name of an instance's activation ends with its generation, that of a machine of one's own does not.
    """
    for meant in (pattern, pattern.removesuffix(".*")):
        wanted = re.compile("[^:]*".join(re.escape(part) for part in meant.split("*")) + r"\Z")
        found = [urn for urn in urns if wanted.search(urn)]
        if len(found) == 1:
            return found[0]
    return f"**{pattern}"


def _ranked(known: Sequence[Finding], unknown: Sequence[Finding]) -> Iterable[Finding]:
    """Put causes first, then what is quoted, then what waits, then what a cause may bring along."""
    roots = [one for one in known if one.failure and not one.failure.follows]
    consequences: list[Finding] = []
    first: list[Finding] = list(roots)
    for finding in known:
        if finding in roots:
            continue
        if any(_may_explain(cause, finding) for cause in first):
            consequences.append(replace(finding, consequence=True))
        else:
            first.append(finding)
    removing = next((one for one in first if one.id == "destroy-incomplete"), None)
    if removing is not None:
        # What else Pulumi itself says is about the destroy too: a lock, what holds the VPC.
        own = [one for one in first if one.failure and one.failure.group == "stack"]
        rest = [one for one in (*first, *unknown, *consequences) if one not in own]
        return (*own, *(replace(one, consequence=True) for one in rest))
    first.sort(key=lambda one: _ORDER[one.id])
    causes = [one for one in first if not one.waits and not one.quoted]
    general = [one for one in first if not one.waits and one.quoted]
    waits = [one for one in first if one.waits]
    return (*causes, *general, *unknown, *waits, *consequences)


def _may_explain(cause: Finding, finding: Finding) -> bool:
    """Tell whether a cause may bring a finding along: of a group it follows, and not about other machines only."""
    if cause.failure is None or finding.failure is None or cause.failure.group not in finding.failure.follows:
        return False
    about, other = ({seen.name for seen in one.seen} - {""} for one in (cause, finding))
    return not about or not other or bool(about & other)
