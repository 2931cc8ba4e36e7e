"""docs/changes.md and what the engine tests prove say the same of every setting. No engine is needed."""

import re
from pathlib import Path

from infra.changes import FIXED
from tests.engine import proof

TESTS = Path(__file__).parents[1]


def test_every_setting_has_a_row_in_the_document_and_a_proof():
    assert sorted(proof.documented(), key=str.lower) == proof.settings()
    assert list(proof.ROWS) == list(proof.documented())


def test_what_is_shown_elsewhere_is_shown_by_a_test_that_exists():
    for name, row in proof.ROWS.items():
        assert bool(row.step) is not bool(row.shown_by), name
        if row.shown_by:
            file, _, test = row.shown_by.partition("::")
            assert f"def {test}(" in (TESTS / file).read_text(encoding="utf-8"), name


def test_every_row_says_what_it_means_for_machines_of_ones_own():
    rows = re.findall(r"^\| `.*\|$", proof.DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(proof.ROWS)
    assert all(
        len(row.strip("|").split("|")) == 5 and all(map(str.strip, row.strip("|").split("|"))) for row in rows
    )


def test_the_document_says_what_is_proven():
    assert proof.documented() == {name: row.effect for name, row in proof.ROWS.items()}


def test_what_the_document_calls_refused_is_what_the_program_refuses():
    refused = {name for name, effect in proof.documented().items() if effect == "Refused"}
    # A key names a setting, or all that is in it.
    parts = {name for name in refused if name.partition(".")[0] in {fixed.key for fixed in FIXED.values()}}
    assert refused - parts | {name.partition(".")[0] for name in parts} == {
        fixed.key for fixed in FIXED.values()
    }
