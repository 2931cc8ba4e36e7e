"""The likely cause stands first, and what it brings along stands behind it."""

from typing import Any

from ops.doctor.diagnosis import diagnose, fix_for, recognise
from ops.doctor.symptoms import Gap, Place, Section, Symptom

SUBJECT = {"stack": "dev", "cluster": "eks-hybrid", "region": "ap-northeast-1"}


def _section(*symptoms: Symptom, gaps: tuple[Gap, ...] = ()) -> Section:
    return Section(title="x", symptoms=symptoms, gaps=gaps)


def _symptom(place: Place, text: str, **rest: Any) -> Symptom:
    return Symptom(place=place, subject=rest.pop("subject", "it"), text=text, **rest)


NO_TARGET = _symptom(Place.TARGET, "it is unhealthy: Target.Timeout: Request timed out")
TOO_OLD = _symptom(Place.CONSOLE, "No matching signature", name="hybrid-1")
NO_NODE = _symptom(Place.JOIN, "no Node of the cluster carries its label", name="hybrid-2")
GAP = Gap(what="cluster", seen="denied", why="w", fix="f")


def test_a_consequence_stands_behind_its_cause() -> None:
    found = diagnose([_section(NO_TARGET, TOO_OLD)], subject=SUBJECT)
    assert [(one.id, one.consequence) for one in found.findings] == [
        ("nodeadm-too-old", False),
        ("target-timeout", True),
    ]


def test_without_its_cause_a_consequence_is_a_cause() -> None:
    found = diagnose([_section(NO_TARGET)], subject=SUBJECT)
    assert [(one.id, one.consequence) for one in found.findings] == [("target-timeout", False)]


def test_the_failure_of_one_node_does_not_explain_that_of_another() -> None:
    found = diagnose([_section(TOO_OLD, NO_NODE)], subject=SUBJECT)
    assert [one.id for one in found.causes] == ["nodeadm-too-old", "node-vanished"]


def test_the_failure_of_a_node_explains_its_own() -> None:
    same = _symptom(Place.JOIN, "no Node of the cluster carries its label", name="hybrid-1")
    found = diagnose([_section(TOO_OLD, same)], subject=SUBJECT)
    assert [one.id for one in found.consequences] == ["node-vanished"]


def test_what_waits_stands_behind_what_is_broken() -> None:
    waiting = _symptom(Place.JOIN, "still in step 4/7 install since 15:04:05 UTC, 3 min", name="hybrid-2")
    broken = _symptom(Place.NODE_GROUP, "it is DEGRADED: IamNodeRoleNotFound: gone")
    found = diagnose([_section(waiting, broken)], subject=SUBJECT)
    assert [one.id for one in found.causes] == ["node-group-issue", "join-running"]


def test_what_the_table_does_not_know_is_said_all_the_same() -> None:
    found = diagnose([_section(_symptom(Place.NODE, "something new"))], subject=SUBJECT)
    assert [(one.id, one.seen[0].text) for one in found.findings] == [("unknown", "something new")]
    assert found.exit_code == 1
    assert "--bundle" in fix_for(found.findings[0], SUBJECT)


def test_a_console_without_a_known_line_is_no_finding_beside_another_of_its_machine() -> None:
    quiet = _symptom(Place.CONSOLE, "nothing known here", subject="hybrid-1")
    running = _symptom(Place.JOIN, "still in step 2/7 download nodeadm", subject="hybrid-1")
    assert [one.id for one in diagnose([_section(quiet, running)], subject=SUBJECT).findings] == [
        "join-running"
    ]
    assert [one.id for one in diagnose([_section(quiet)], subject=SUBJECT).findings] == ["unknown"]


def test_one_failure_of_many_nodes_is_one_finding() -> None:
    both = [_symptom(Place.CONSOLE, "No matching signature", subject=f"hybrid-{n}") for n in (1, 2)]
    (finding,) = diagnose([_section(*both)], subject=SUBJECT).findings
    assert [seen.subject for seen in finding.seen] == ["hybrid-1", "hybrid-2"]


def test_what_passed_between_two_attempts_is_not_the_cause() -> None:
    old = "not authorized to perform: eks:ListAccessEntries"
    new = "node IP 10.91.0.4 is not in any of the remote network CIDR blocks"
    symptom = _symptom(Place.CONSOLE, f"{old}\n{new}\n", recent=f"{new}\n")
    assert [failure.id for failure, _ in recognise(symptom)] == ["node-ip-outside"]


def test_an_earlier_attempt_counts_when_the_last_says_nothing() -> None:
    text = "No matching signature\njoin: failed at step 4/7 x\n"
    symptom = _symptom(Place.CONSOLE, text, recent="join: failed at step 4/7 x\n")
    assert [failure.id for failure, _ in recognise(symptom)] == ["nodeadm-too-old"]


def test_a_console_may_hold_two_causes() -> None:
    symptom = _symptom(Place.CONSOLE, "No space left on device\nOut of memory: Killed process 1\n")
    assert [failure.id for failure, _ in recognise(symptom)] == ["disk-full", "out-of-memory"]


def test_a_signature_counts_in_its_places_only() -> None:
    assert recognise(_symptom(Place.NODE, "No matching signature")) == []


def test_the_error_of_a_json_line_is_what_is_quoted() -> None:
    line = '{"level":"fatal","msg":"Command failed","error":"bad \\"key\\": No matching signature"}'
    ((_, quoted),) = recognise(_symptom(Place.CONSOLE, f"first\n{line}\nlast"))
    assert quoted == 'bad "key": No matching signature'


def test_a_long_line_is_cut_around_its_signature() -> None:
    ((_, quoted),) = recognise(_symptom(Place.CONSOLE, f"{'x' * 900} No matching signature {'y' * 900}"))
    assert len(quoted) < 260
    assert " No matching signature " in quoted
    assert quoted.startswith("... x")
    assert quoted.endswith("y ...")


def test_a_fix_names_the_node_and_the_cluster_at_hand() -> None:
    expired = _symptom(Place.ACTIVATION, "the activation expired at x", name="hybrid-1")
    (finding,) = diagnose([_section(expired)], subject=SUBJECT).findings
    assert "'**:Activation::hybrid-1-*'" in fix_for(finding, SUBJECT)
    outside = _symptom(Place.INSTANCE, "its address is outside the cluster's remote node networks")
    (finding,) = diagnose([_section(outside)], subject=SUBJECT).findings
    assert "--name eks-hybrid " in fix_for(finding, SUBJECT)


def test_a_fix_for_several_nodes_leaves_the_name_open() -> None:
    both = [_symptom(Place.ACTIVATION, "the activation expired at x", name=f"hybrid-{n}") for n in (1, 2)]
    (finding,) = diagnose([_section(*both)], subject=SUBJECT).findings
    assert "'**:Activation::NAME-*'" in fix_for(finding, SUBJECT)


def test_exit_codes_tell_nothing_wrong_from_findings_and_from_not_seen() -> None:
    assert diagnose([_section()], subject=SUBJECT).exit_code == 0
    assert diagnose([_section(gaps=(GAP,))], subject=SUBJECT).exit_code == 2
    assert diagnose([_section(TOO_OLD, gaps=(GAP,))], subject=SUBJECT).exit_code == 1
