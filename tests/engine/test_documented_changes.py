"""docs/changes.md and what the engine tests prove say the same of every setting. No engine is needed."""

from infra.changes import FIXED
from tests.engine import proof


def test_every_setting_has_a_row_in_the_document_and_a_proof():
    assert list(proof.documented()) == proof.settings()
    assert list(proof.ROWS) == proof.settings()


def test_the_document_says_what_is_proven():
    assert proof.documented() == {name: row.effect for name, row in proof.ROWS.items()}


def test_what_the_document_calls_refused_is_what_the_program_refuses():
    refused = {name for name, effect in proof.documented().items() if effect == "Refused"}
    assert refused == {fixed.key for fixed in FIXED.values()}
