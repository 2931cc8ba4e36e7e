"""Matches what was seen against the failure table, and tells causes from what they bring along. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ops.doctor.failures import FAILURES
from ops.doctor.known.row import Failure
from ops.doctor.symptoms import Gap, Place, Section, Symptom

_QUOTED_CHARACTERS = 240
# Many lines, so several causes may stand in them; elsewhere a symptom is one sentence and has one cause.
_LONG = frozenset({Place.CONSOLE, Place.LOG})
# These only repeat what another symptom of the same machine says, and are no finding of their own.
_SILENT = frozenset({Place.CONSOLE})


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Where a failure was seen, and the words it was known by."""

    subject: str
    text: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something wrong.

    `failure` is None when the table does not know it. `consequence`: another finding explains it.
    """

    failure: Failure | None
    seen: tuple[Seen, ...]
    consequence: bool = False

    @property
    def id(self) -> str:
        """Name the finding."""
        return self.failure.id if self.failure else "unknown"

    @property
    def waits(self) -> bool:
        """Tell whether it may well pass by itself."""
        return self.failure is not None and self.failure.waits


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The result, most likely cause first. `subject`: stack, cluster, region. `notes`: what was not to be had."""

    subject: Mapping[str, str]
    findings: tuple[Finding, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()

    @property
    def causes(self) -> tuple[Finding, ...]:
        """Give the findings that nothing else explains."""
        return tuple(finding for finding in self.findings if not finding.consequence)

    @property
    def consequences(self) -> tuple[Finding, ...]:
        """Give the findings that a cause explains."""
        return tuple(finding for finding in self.findings if finding.consequence)

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
    sections: Sequence[Section], *, subject: Mapping[str, str], notes: Sequence[str] = ()
) -> Diagnosis:
    """Make the diagnosis out of what was looked at."""
    known: dict[str, list[Seen]] = {}
    unknown: list[Finding] = []
    symptoms = [symptom for section in sections for symptom in section.symptoms]
    for symptom in symptoms:
        matches = recognise(symptom)
        for failure, text in matches:
            seen = Seen(subject=symptom.subject, text=text, name=symptom.name)
            known.setdefault(failure.id, []).append(seen)
        if not matches and not (symptom.place in _SILENT and _says_more(symptom, symptoms)):
            text = _quote(symptom.text.strip().splitlines()[-1] if symptom.text.strip() else "nothing")
            seen = Seen(subject=symptom.subject, text=text, name=symptom.name)
            unknown.append(Finding(failure=None, seen=(seen,)))
    findings = [
        Finding(failure=failure, seen=tuple(known[failure.id])) for failure in FAILURES if failure.id in known
    ]
    return Diagnosis(
        subject=subject,
        findings=(*_ranked(findings, unknown),),
        sections=tuple(sections),
        notes=tuple(notes),
    )


def recognise(symptom: Symptom) -> list[tuple[Failure, str]]:
    """Find the rows of the table that know a symptom, each with the line it was known by.

    A long text may hold several causes; a general row counts only where no cause was found.
    """
    for text in (symptom.recent, symptom.text):
        found = [
            (failure, _quote(line, failure.signature))
            for failure in FAILURES
            if symptom.place in failure.places and (line := failure.seen_in(text)) is not None
        ]
        causes = [match for match in found if not match[0].follows]
        if causes and symptom.place in _LONG:
            return causes
        if causes or (found and text is symptom.text):
            return found[:1]
    return []


def fix_for(finding: Finding, subject: Mapping[str, str]) -> str:
    """Give the fix with the names at hand in place of NAME, CLUSTER and REGION."""
    if finding.failure is None:
        return "ops doctor --bundle FILE.tgz, and attach the file to an issue of this project"
    names = {seen.name for seen in finding.seen} - {""}
    words = {"CLUSTER": subject.get("cluster", ""), "REGION": subject.get("region", "")}
    if len(names) == 1:
        words["NAME"] = names.pop()
    return re.sub(
        r"\b(?:CLUSTER|REGION|NAME)\b", lambda word: words.get(word[0]) or word[0], finding.failure.fix
    )


def _ranked(known: Sequence[Finding], unknown: Sequence[Finding]) -> Iterable[Finding]:
    """Put causes before what waits, and both before consequences; within each, the order of the table."""
    causes = [finding for finding in known if finding.failure and not finding.failure.follows]
    consequences: list[Finding] = []
    for finding in known:
        failure = finding.failure
        if failure is None or not failure.follows:
            continue
        if any(_explains(cause, finding) for cause in causes):
            consequences.append(Finding(failure=failure, seen=finding.seen, consequence=True))
        else:
            causes.append(finding)
    order = {failure.id: place for place, failure in enumerate(FAILURES)}
    causes.sort(key=lambda finding: (finding.waits, order[finding.id]))
    first = [finding for finding in causes if not finding.waits]
    later = [finding for finding in causes if finding.waits]
    return (*first, *unknown, *later, *consequences)


def _explains(cause: Finding, finding: Finding) -> bool:
    """Tell whether a cause brings a finding along: of a group it follows, and not about other machines only."""
    if cause.failure is None or finding.failure is None or cause.failure.group not in finding.failure.follows:
        return False
    about, other = ({seen.name for seen in one.seen} - {""} for one in (cause, finding))
    return not about or not other or bool(about & other)


def _says_more(symptom: Symptom, symptoms: Iterable[Symptom]) -> bool:
    """Tell whether another symptom is about the same subject."""
    return any(other is not symptom and other.subject == symptom.subject for other in symptoms)


def _quote(line: str, signature: str = "") -> str:
    """Cut a long line to the part around the signature; of nodeadm's JSON lines, the error is that part."""
    for error in re.findall(r'"error":"((?:[^"\\]|\\.)*)"', line):
        if signature and re.search(signature, error, re.IGNORECASE):
            line = error.replace('\\"', '"')
    if len(line) <= _QUOTED_CHARACTERS:
        return line
    found = re.search(signature, line, re.IGNORECASE) if signature else None
    middle = (found.start() + found.end()) // 2 if found else _QUOTED_CHARACTERS // 2
    start = min(max(0, middle - _QUOTED_CHARACTERS // 2), len(line) - _QUOTED_CHARACTERS)
    cut = line[start : start + _QUOTED_CHARACTERS]
    return f"{'... ' if start else ''}{cut}{' ...' if start + _QUOTED_CHARACTERS < len(line) else ''}"
