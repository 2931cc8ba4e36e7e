"""The failure table: every row is found by its own words, and the README's table is made of it."""

import re
from pathlib import Path

import pytest

from ops.doctor import console, speaker
from ops.doctor.diagnosis import recognise
from ops.doctor.failures import FAILURES, Failure
from ops.doctor.symptoms import Place, Symptom

PROJECT = Path(__file__).parents[3]
EACH = pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.id)


@EACH
def test_each_row_is_known_by_each_of_its_texts_and_no_other_row_is(failure: Failure) -> None:
    for text in failure.texts:
        statements = console.statements(text.splitlines())
        # Where a row names speakers, in each place where one of them says it.
        places = failure.places or {
            place for place in Place if not failure.by or speaker.read(statements[-1], place).by in failure.by
        }
        assert places, text
        for place in places:
            symptom = Symptom(place=place, subject="it", statements=statements)
            found = [
                match.id for match, _ in recognise(symptom) if match.id == failure.id or not match.follows
            ]
            assert found == [failure.id], (place, text)


@EACH
def test_each_row_says_what_why_and_how_to_fix_it_with_a_public_source(failure: Failure) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", failure.id)
    assert bool(failure.why) is not failure.general
    for text in (failure.symptom, failure.fix, failure.source):
        assert text
        assert text == text.strip()
        assert "\n" not in text
    assert re.fullmatch(r"https://\S+", failure.source)
    assert "{" not in failure.why + failure.fix


def test_ids_are_unique() -> None:
    assert len({failure.id for failure in FAILURES}) == len(FAILURES)


def test_the_join_script_says_what_the_table_looks_for() -> None:
    said = (PROJECT / "userdata" / "join.sh").read_text()
    for words in (
        "wrong sha256 of $url",
        "choose a release",
        "returned 0 but left no",
        "cannot read $parameters",
    ):
        assert words in said


ONLY_PLAYED = re.compile(r"NAT gateway|onPremVpcCidr|reboot-instances|hybridNodes\[N\]|NAME\.\*")
ONLY_OWN = re.compile(
    r"site\.|ops join|data centre of your own|machine of your own|apiAllowedCidrs|nodeadm uninstall"
)


def test_no_site_is_told_what_fits_the_other_kind_and_an_unknown_one_is_told_both_by_name() -> None:
    differ = [failure for failure in FAILURES if failure.fixes]
    assert len(differ) >= 15
    for failure in differ:
        assert not ONLY_PLAYED.search(failure.fix_on("own")), failure.id
        assert not ONLY_OWN.search(failure.fix_on("played")), failure.id
        both = failure.fix_on("")
        assert both.startswith("with machines that the stack makes: "), failure.id
        assert "; with machines of your own: " in both, failure.id
    for failure in FAILURES:
        # A row that only a machine in EC2 can have may speak of EC2; any other must say for which kind it is.
        if not failure.fixes and failure.id not in {"instance-not-running"}:
            assert not ONLY_PLAYED.search(failure.fix), failure.id
