"""What `--from` opens, and what it refuses: a text, a compressed one, a bundle; never data."""

import gzip
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.doctor import patterns, saved, speaker, texts
from ops.doctor.failures import FAILURES

QUOTA = "api error VpcLimitExceeded: The maximum number of VPCs has been reached."


def doctor(path: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["doctor", "--from", str(path), *arguments], env={"COLUMNS": "120"})


def ids(result: Any) -> list[str]:
    return [cause["id"] for cause in json.loads(result.stdout)["causes"]]


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (bytes(range(256)) * 64, "NUL bytes"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "NUL bytes"),
        (bytes(range(128, 256)) * 64, "neither UTF-8 nor UTF-16"),
        (gzip.compress(b"\0\1\2" * 99), "NUL bytes"),
        (gzip.compress(b"x" * 99)[:20], "not a text"),
        (b"\x1f\x8bnothing of the kind", "not a text"),
    ],
    # Names of their own: gzip writes the time into its data, and the workers of a run must collect the same tests.
    ids=["bytes", "picture", "no encoding", "compressed bytes", "compressed and cut", "not compressed"],
)
def test_what_is_no_text_is_refused(tmp_path: Path, raw: bytes, seen: str) -> None:
    path = tmp_path / "data"
    path.write_bytes(raw)
    result = doctor(path)
    assert result.exit_code == 2
    assert seen in result.stderr
    assert "not a text" in result.stderr
    assert not result.stdout


def test_a_text_with_a_few_letters_that_cannot_be_read_is_one(tmp_path: Path) -> None:
    path = tmp_path / "latin"
    path.write_bytes("Fehler beim Öffnen\n".encode("latin-1") + QUOTA.encode())
    assert ids(doctor(path, "-o", "json")) == ["vpc-quota"]


def test_a_compressed_text_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "up.log.gz"
    path.write_bytes(gzip.compress(QUOTA.encode()))
    assert ids(doctor(path, "-o", "json")) == ["vpc-quota"]


def test_a_bundle_is_opened_and_its_consoles_are_read(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "bundle.tgz"
    make.too_old().diagnosis(path)
    result = doctor(path, "-o", "json")
    assert "nodeadm-too-old" in ids(result)
    assert json.loads(result.stdout)["subject"]["from"].startswith("bundle.tgz: console/")


def test_what_is_larger_than_the_limit_is_refused_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "LIMIT_MIB", 1)
    path = tmp_path / "large"
    for raw in (b"x\n" * texts.MEBIBYTE, gzip.compress(b"x\n" * texts.MEBIBYTE)):
        path.write_bytes(raw)
        result = doctor(path)
        assert result.exit_code == 2
        assert "larger than 1 MiB" in result.stderr
        assert "tail --bytes" in result.stderr


def test_a_text_of_which_nothing_is_recognised_is_not_called_right(tmp_path: Path) -> None:
    path = tmp_path / "quiet"
    path.write_text("all is quiet\n" * 1200)
    result = doctor(path)
    assert result.exit_code == 0
    assert result.stdout.rstrip().endswith("nothing recognised in 1,200 lines")
    assert "nothing found wrong" not in result.stdout


def _long(lines: int) -> str:
    return "".join(
        f"2026-11-30 09:00:{n % 60:02} [INFO] request {n * 7919:x} took {n} ms\n" for n in range(lines)
    )


def test_a_cause_in_a_long_text_is_found(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_text(f"{_long(40_000)}{QUOTA}\n{_long(20_000)}")
    assert path.stat().st_size > texts.LONG
    result = doctor(path)
    assert "vpc-quota" in result.stdout
    assert "60,001 lines; only those that sound like a failure were read" in result.stdout


def test_a_long_text_says_each_second_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(1, 1000))
    monkeypatch.setattr(texts.time, "monotonic", lambda: next(clock))
    texts.shortened(_long(60_000), ["nothing"])
    said = capsys.readouterr().err.splitlines()
    assert said[1] == "ops doctor: 1,024 of 60,000 lines"
    assert len(said) > 10


def test_a_long_text_takes_time_in_proportion_to_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "LONG", 0)
    short, long = _long(10_000), _long(40_000)
    assert _seconds(lambda: texts.shortened(long, saved._TELLING)) < 8 * _seconds(
        lambda: texts.shortened(short, saved._TELLING)
    )


def _seconds(work: Callable[[], object], times: int = 3) -> float:
    """The least of some runs, in time of this process: other work on the machine does not count."""
    least = float("inf")
    for _ in range(times):
        begin = time.process_time()
        work()
        least = min(least, time.process_time() - begin)
    return least


def _patterns() -> list[Any]:
    rows = [
        pytest.param(pattern.search, failure.texts[0], id=f"{failure.id}-{kind}")
        for failure in FAILURES
        for kind, pattern in (("match", failure.match), ("with", failure.also), ("healed", failure.healed))
        if pattern
    ]
    said = "error: creating Warning Failed api error Get "
    return [*rows, *(pytest.param(pattern.match, said, id=name) for name, pattern in speaker.FORMS.items())]


@pytest.mark.parametrize(("find", "text"), _patterns())
def test_no_pattern_takes_more_than_linear_time(find: Callable[[str], object], text: str) -> None:
    """One line of a megabyte that begins as the row's own text does, again and again, and never ends so."""
    beginning = text.replace("\n", " ")[: len(text) * 2 // 3]
    line = beginning * (texts.MEBIBYTE // len(beginning))
    short, long = (_seconds(lambda part=part: find(line[: len(line) // part]), 1) for part in (4, 1))
    # Four times as much takes four times as long; sixteen times would be quadratic.
    assert long < max(9 * short, 0.05), (beginning, short, long)


def test_each_text_of_a_row_has_one_of_its_needles() -> None:
    for failure in FAILURES:
        for text in failure.texts:
            assert any(needle in text.lower() for needle in failure.needles), (failure.id, failure.needles)


def test_a_needle_is_what_each_match_must_have() -> None:
    assert patterns.needles(r"VpcLimitExceeded|(?:Head|Get) \S+ timeout") == ("vpclimitexceeded", " timeout")
    assert patterns.needles(r"(?:unable|denied).*x") == ("unable", "denied")
    assert patterns.needles(r"hosts? (?!never)\d") == ("host",)
    with pytest.raises(ValueError, match="no word of 4 letters"):
        patterns.needles(r"\d+|abcd")


def test_a_pattern_that_was_made_linear_matches_the_same() -> None:
    for pattern, yes, no in (
        (r"A\d.*B|C", ("xA1yB", "C", "x\nA1 A2 B"), ("B A1", "A1\nB")),
        (r"^(?!.*N).*A.*B.*C", ("A B C", "xA B yC"), ("N A B C", "A C B")),
        (r"(?:a.*b|c).*d", ("a b d", "c d"), ("a d", "d")),
    ):
        made = re.compile(patterns.linear(pattern), re.MULTILINE)
        for text in yes:
            assert made.search(text), (pattern, text)
            assert re.search(pattern, text, re.MULTILINE)
        for text in no:
            assert not made.search(text), (pattern, text)
            assert not re.search(pattern, text, re.MULTILINE)
