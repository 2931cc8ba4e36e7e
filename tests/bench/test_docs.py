"""The tables of the documents: they say what the program knows."""

import re
from pathlib import Path

import pytest

from bench import docs
from ops.doctor.failures import FAILURES
from settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", list(docs.DOCUMENTS))
def test_the_documents_say_what_the_program_knows(name):
    text = (ROOT / name).read_text()
    assert docs.render(text, docs.DOCUMENTS[name]) == text, "run: make docs"


def test_a_section_without_a_place_is_an_error():
    with pytest.raises(ValueError, match="no place for settings"):
        docs.render("# nothing here", docs.DOCUMENTS["docs/settings.md"])


def test_every_setting_is_in_its_table_with_its_default():
    table = docs.settings_table()
    assert "| `podCidr` | `192.168.0.0/16` |" in table
    assert "| `sampleNodePort` | `30080` |" in table
    own = [field for field in Settings.model_fields.values() if not str(field.alias).startswith("aws:")]
    assert len(table.splitlines()) - 2 == len(own)


def test_the_page_of_failures_has_a_row_for_each_that_does_not_only_wait():
    broken = [failure for failure in FAILURES if not failure.waits]
    head, rule, *rows = docs.failures_table().splitlines()
    assert head == "| What you see | Why | What to do |"
    assert rule == "|---|---|---|"
    assert 0 < len(rows) == len(broken) < len(FAILURES)
    for failure, row in zip(broken, rows, strict=True):
        cells = re.split(r"(?<!\\)\|", row)
        assert len(cells) == 5
        assert cells[2].strip().endswith(f"([source]({failure.source}))")
        # A bare ** would start bold text.
        assert "**" not in re.sub(r"`[^`]*`", "", row)


def test_the_flow_table_and_the_bill_are_those_of_the_plan():
    assert (
        "| 4 | control plane | hybrid nodes | tcp 10250 | kubectl logs and exec time out |"
        in docs.flows_table()
    )
    assert "| NAT gateway | 2 | hour, and GiB through it |" in docs.billed_table()
