"""The corpus of silence: other tools' texts, and each row's own text from somebody else or about something else."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from ops.clients.redaction import Redactor
from ops.doctor import console, saved, speaker
from ops.doctor.diagnosis import diagnose
from ops.doctor.failures import FAILURES, Failure
from ops.doctor.symptoms import Place

OTHERS = [
    (name, text)
    for item in yaml.safe_load(Path(__file__).with_name("silence.yaml").read_text(encoding="utf-8"))
    for name, text in item.items()
]
# Tools that no row is about, as they begin a line.
FOREIGN = (
    "docker: Error response from daemon: ",
    "#12 4.210 ",
    "fatal: unable to access 'https://git.corp.example/app.git/': ",
    "npm ERR! ",
    "│ Error: ",
    "fatal: [edge-1]: FAILED! => ",
    "Nov 30 09:00:00 build-7 gitlab-runner[77]: ",
    "+ grep --count '",
    "$ ",
    "# ",
    "2026-11-30T09:00:00.1234567Z ##[command]",
    "Caused by: java.io.IOException: ",
)
# Speakers that rows are about, as they begin a line; a row that names others is not told by these.
OWN = (
    "Nov 30 09:00:00 edge-1 kubelet[77]: ",
    "Nov 30 09:00:00 edge-1 cloud-init[77]: ",
    "[ERROR] plugin/errors: 2 ",
    "2026-11-30 09:00:00.100 [ERROR][60] felix/x.go 1: ",
    "curl: (22) ",
)
HOST = "grafana.corp.example"
ADDRESS = "10.77.3.9"
# What cannot be taken back: such a fix needs a text that means nothing else.
DESTRUCTIVE = re.compile(
    r"--replace|\bdelete\b|terminate-|deregister|\buninstall\b|\bdestroy\b|DELETE_UNREACHABLE|rm -rf"
)


def causes(text: str) -> list[str]:
    section = saved.section("x", Redactor().text(console.clean(text)))
    return [finding.id for finding in diagnose([section], subject={}).causes]


def by_others(failure: Failure) -> Iterator[str]:
    """Each text of a row, said by tools that no row is about."""
    for text in failure.texts:
        for before in FOREIGN:
            yield "\n".join(f"{before}{line}" for line in text.splitlines())


def about_others(failure: Failure) -> Iterator[str]:
    """Each text of a row whose host counts, about a host and an address that are nobody's here."""
    if failure.about.get("host", frozenset({"none"})) & {"none", "other", "private"}:
        return
    for text in failure.texts:
        moved = text
        for host in sorted(set(speaker.HOST.findall(text)), key=len, reverse=True):
            moved = moved.replace(host, ADDRESS if re.fullmatch(r"[\d.]+", host) else HOST)
        yield moved


GENERATED = [
    (f"{failure.id}, {kind} {number}", text)
    for failure in FAILURES
    for kind, texts in (("said by another", by_others), ("about another", about_others))
    for number, text in enumerate(texts(failure))
]


def test_the_corpus_is_large() -> None:
    assert len(OTHERS) >= 60
    assert len(GENERATED) >= 1500


@pytest.mark.parametrize(("name", "text"), OTHERS, ids=[name for name, _ in OTHERS])
def test_no_cause_is_claimed_from_what_other_tools_say(name: str, text: str) -> None:
    assert causes(text) == [], name


def test_no_cause_is_claimed_from_the_words_of_a_row_by_another_or_about_another() -> None:
    claimed = {name: found for name, text in GENERATED if (found := causes(text))}
    assert claimed == {}


def test_what_passed_later_in_the_same_text_is_no_cause() -> None:
    healed = [failure for failure in FAILURES if failure.healed]
    assert healed
    (journal,) = (text for name, text in OTHERS if name == "journal of a healthy node's boot")
    assert causes("\n".join(line for line in journal.splitlines() if "Successfully" not in line)) == [
        "kubelet-unauthorized"
    ]


def _elsewhere(failure: Failure) -> Iterator[tuple[str, Place]]:
    """Each text of a row as others say it, in other places and about other things."""
    for text in failure.texts:
        for line in text.splitlines():
            yield from ((line, place) for place in Place)
            yield from ((f"{before}{line}", Place.TEXT) for before in OWN)
            for other in (HOST, ADDRESS, "hybrid-assets.eks.amazonaws.com"):
                moved = line
                for host in set(speaker.HOST.findall(line)):
                    moved = moved.replace(host, other)
                yield from ((moved, place) for place in (Place.TEXT, Place.CONSOLE))
            roles = ("assumed-role/x/mi-0123456789abcdef0", "user/dev")
            yield from (
                (re.sub(r"(?:assumed-role/[^/ ]+/\S+|user/\w+)(?= is not)", role, line), Place.TEXT)
                for role in roles
            )
            yield f"{line}: lookup {HOST} on 172.16.0.10:53", Place.TEXT
            servers = (" on 172.16.0.10:53", " on 10.90.0.2:53")
            yield from (
                (re.sub(r" on \S+:53(?=:)", server, line), place)
                for server in servers
                for place in (Place.TEXT, Place.CONSOLE)
            )


GUARDED = [
    (failure, guard)
    for failure in FAILURES
    for guard in (*(("places",) if failure.places else ()), *(("by",) if failure.by else ()), *failure.about)
]


@pytest.mark.parametrize(
    ("failure", "guard"), GUARDED, ids=[f"{failure.id}-{guard}" for failure, guard in GUARDED]
)
def test_each_guard_of_a_row_keeps_some_text_out(failure: Failure, guard: str) -> None:
    if guard in ("places", "by"):
        open_ = dataclasses.replace(failure, **{guard: frozenset()})
    else:
        about = {part: kinds for part, kinds in failure.about.items() if part != guard}
        open_ = dataclasses.replace(failure, about=MappingProxyType(about))
    kept_out = [
        text
        for text, place in _elsewhere(failure)
        if open_.knows(text, place) and not failure.knows(text, place)
    ]
    assert kept_out, f"{failure.id} does not need its {guard}"


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.id)
def test_a_fix_that_cannot_be_taken_back_needs_a_text_that_means_nothing_else(failure: Failure) -> None:
    if not DESTRUCTIVE.search(failure.fix) or failure.places or (failure.by and "nobody" not in failure.by):
        return
    for text in failure.texts:
        found = failure.match.search(text)
        assert found, text
        # A sentence, or two things that stand together nowhere else; never a word.
        assert len(found[0].split()) >= 3, found[0]


@pytest.mark.parametrize("host", ["quay.io", "sts.eu-west-1.amazonaws.com", "ssm.eu-west-1.amazonaws.com"])
def test_what_the_name_server_of_the_cluster_says_is_not_about_a_node(host: str) -> None:
    for end, wanted in (
        ("read udp 192.168.35.4:41->172.16.0.10:53: i/o timeout", ["cluster-dns-silent"]),
        ("server misbehaving", ["cluster-dns-upstream"]),
        ("no such host", []),
    ):
        assert causes(f'Get "https://{host}/": dial tcp: lookup {host} on 172.16.0.10:53: {end}') == wanted


def test_speakers_and_subjects_of_the_rows_exist() -> None:
    for failure in FAILURES:
        assert failure.by <= speaker.SPEAKERS, failure.id
        for part, kinds in failure.about.items():
            assert kinds <= speaker.ABOUT[part], failure.id
