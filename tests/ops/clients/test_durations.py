"""The file of measured durations: what one command writes the other reads, and what is none is refused."""

import json

import pytest

from ops.clients.durations import Durations, DurationsError, Measured, read, write

FOUND = Durations(
    where="stack acceptance-1a2b3c in eu-central-1, 2026-11-25",
    created={"eks:index:Cluster": Measured(low=500, typical=520, high=540, count=3)},
)


def test_what_was_written_is_read(tmp_path):
    write(tmp_path / "durations.json", FOUND, operations=[])
    assert read(tmp_path / "durations.json") == FOUND


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": 2}, "its schema is 2, not 1"),
        ({"created": {"x": {"low": 3, "typical": 2, "high": 4, "count": 1}}}, "not in this order"),
        ({"created": {"x": {"low": -1, "typical": 2, "high": 4, "count": 1}}}, "whole numbers"),
        ({"created": {"x": {"low": "1", "typical": 2, "high": 4, "count": 1}}}, "whole numbers"),
        ({"created": {"x": {"low": 1}}}, "no durations.json"),
        ({"created": []}, "no durations.json"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_command_that_writes_one(tmp_path, change, reason):
    path = tmp_path / "durations.json"
    write(path, FOUND)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DurationsError, match=reason) as refused:
        read(path)
    assert "make acceptance" in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "3", '"created"', "{}"])
def test_any_other_text_is_refused(tmp_path, text):
    (tmp_path / "x").write_text(text)
    with pytest.raises(DurationsError, match="no durations"):
        read(tmp_path / "x")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DurationsError, match="No such file"):
        read(tmp_path / "x")
