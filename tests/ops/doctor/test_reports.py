"""The reports, as people and scripts get them.

To renew the golden files: DOCTOR_GOLDEN=write pytest tests/ops/doctor, then read them.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from ops.doctor.diagnosis import diagnose
from ops.doctor.symptoms import Gap, Line, Place, Section, State, Symptom, Tail

GOLDEN = Path(__file__).parent / "golden"
SCENARIOS = ("healthy", "nodeadm-too-old", "node-group-failed")
SUBJECT = {"stack": "dev", "cluster": "eks-hybrid", "region": "ap-northeast-1"}


def _compare(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("DOCTOR_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_pretty_report_is_as_it_was_last_read_by_a_person(
    make: Any, shown: Any, scenario: str, width: int
) -> None:
    text = shown.pretty(make.scenarios[scenario]().diagnosis(), width)
    _compare(f"{scenario}-{width}.txt", text)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_json_report_is_as_it_was_last_read_by_a_person(make: Any, shown: Any, scenario: str) -> None:
    _compare(f"{scenario}.json", shown.json(make.scenarios[scenario]().diagnosis()))


@pytest.mark.parametrize("width", [70, 80, 120])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_line_is_wider_than_the_terminal_but_what_people_copy_or_ends_in_blanks(
    make: Any, shown: Any, scenario: str, width: int
) -> None:
    text = shown.pretty(make.scenarios[scenario]().diagnosis(), width)
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    others = re.sub(r"^    (?:fix|from|next) .*(\n {9}\S.*)*", "", text, flags=re.MULTILINE)
    assert [line for line in others.splitlines() if len(line) > width] == []


def test_cause_and_fix_stand_before_all_that_was_looked_at(make: Any, shown: Any) -> None:
    text = shown.pretty(make.too_old().diagnosis(), 100)
    order = [
        text.index(words)
        for words in ("nodeadm-too-old", "Also seen", "target-timeout", "What was looked at")
    ]
    assert order == sorted(order)
    assert text.index("fix  pulumi config set nodeadmVersion") < text.index("Also seen")


def test_colours_come_only_when_asked_for(make: Any, shown: Any) -> None:
    diagnosis = make.too_old().diagnosis()
    assert "\x1b[" in shown.pretty(diagnosis, 80, color=True)
    assert "\x1b" not in shown.pretty(diagnosis, 80)


def test_what_only_waits_is_not_called_a_cause(shown: Any) -> None:
    symptom = Symptom(
        place=Place.JOIN,
        subject="hybrid-1",
        statements=("still in step 4/7 install, as usual",),
        name="hybrid-1",
    )
    text = shown.pretty(diagnose([Section(title="x", symptoms=[symptom])], subject=SUBJECT), 80)
    assert "Not finished yet" in text
    assert "Cause" not in text


def test_the_same_gap_of_many_questions_is_said_once(shown: Any) -> None:
    gaps = tuple(
        Gap(what=what, seen=f"{what}: no credentials", why="none found", fix="sign in")
        for what in ("a", "b", "c")
    )
    text = shown.pretty(diagnose([Section(title="x", gaps=list(gaps))], subject=SUBJECT), 80)
    said = "  a, b, c\n    seen a: no credentials (and 2 like it)\n    why  none found\n    fix  sign in\n"
    assert said in text
    assert text.count("none found") == 1
    assert text.endswith("3 things could not be looked at, nothing found wrong in the rest\n")


def test_a_look_without_anything_to_show_has_no_heading(shown: Any) -> None:
    shows = Section(title="Full", lines=[Line(state=State.GOOD, subject="it", text="fine")])
    text = shown.pretty(diagnose([shows, Section(title="Empty")], subject=SUBJECT), 80)
    assert "  Full\n    ✓ it  fine\n" in text
    assert "Empty" not in text


def test_many_nodes_with_one_failure_are_counted_not_listed(shown: Any) -> None:
    symptoms = tuple(
        Symptom(place=Place.CONSOLE, subject=f"hybrid-{n}", statements=("No matching signature",))
        for n in range(7)
    )
    text = shown.pretty(diagnose([Section(title="x", symptoms=list(symptoms))], subject=SUBJECT), 80)
    assert text.count("No matching signature") == 4
    assert "seen and 3 more" in text


def test_what_a_machine_said_cannot_command_the_terminal(world: Any, shown: Any) -> None:
    world.lost(1, "\x1b]0;owned\x07\x1b[2J2026-11-23T15:02:31Z join: failed at step 4/7 x: [bold]y[/bold]\n")
    text = shown.pretty(world.diagnosis(), 100)
    assert "\x1b" not in text
    assert "[bold]y[/bold]" in text


def test_an_ascii_terminal_gets_ascii(make: Any) -> None:
    import io

    from ops.doctor import report

    raw = io.BytesIO()
    written = io.TextIOWrapper(raw, encoding="ascii", errors="strict", write_through=True)
    report.write_pretty(make.too_old().diagnosis(), written, color=False, width=80)
    text = raw.getvalue().decode("ascii")
    assert "    x hybrid-1" in text
    assert "    + hybrid-2" in text
    assert "  | 2026-11-23T15:02:31Z join: failed" in text


def test_a_long_line_of_a_log_is_cut(shown: Any) -> None:
    section = Section(title="x", tails=[Tail(subject="log", lines=("y" * 5000,))])
    text = shown.pretty(diagnose([section], subject=SUBJECT), 80)
    assert 200 < text.count("y") < 260


def test_a_long_bad_line_is_cut_where_it_only_repeats_a_finding(shown: Any) -> None:
    lines = (
        Line(state=State.BAD, subject="it", text="word " * 100),
        Line(state=State.GOOD, subject="it", text="yes " * 60),
    )
    text = shown.pretty(diagnose([Section(title="x", lines=list(lines))], subject=SUBJECT), 80)
    assert text.count("word") < 40
    assert text.count("yes") == 60


def test_what_is_noted_stands_in_the_section() -> None:
    section = Section("x")
    section.bad(Place.NODE, "it", "bad", name="hybrid-1")
    section.good("it", "good")
    section.gap(Gap(what="that", seen="s", why="w", fix="f"))
    assert [line.state for line in section.lines] == [State.BAD, State.GOOD, State.UNKNOWN]
    assert [(one.statements, one.name) for one in section.symptoms] == [(("bad",), "hybrid-1")]
    assert [gap.what for gap in section.gaps] == ["that"]


def test_the_json_report_has_what_a_script_needs(make: Any, shown: Any) -> None:
    found = json.loads(shown.json(make.too_old().diagnosis()))
    assert found["exitCode"] == 1
    assert [one["id"] for one in found["causes"]] == ["nodeadm-too-old"]
    assert [one["id"] for one in found["consequences"]] == ["pod-unscheduled", "target-timeout"]
    assert found["quoted"] == []
    assert found["causes"][0]["fix"].startswith("pulumi config set nodeadmVersion")
    assert found["subject"] == SUBJECT
