"""The likely cause stands first, and what it brings along stands behind it."""

from typing import Any

from ops.doctor.diagnosis import Diagnosis, diagnose, fix_for, recognise
from ops.doctor.symptoms import Gap, Place, Section, Symptom

SUBJECT = {"stack": "dev", "cluster": "eks-hybrid", "region": "ap-northeast-1"}


def _section(*symptoms: Symptom, gaps: tuple[Gap, ...] = ()) -> Section:
    return Section(title="x", symptoms=list(symptoms), gaps=list(gaps))


def _symptom(place: Place, text: str, **rest: Any) -> Symptom:
    lines = tuple(text.splitlines())
    return Symptom(place=place, subject=rest.pop("subject", "it"), statements=lines, quotes=lines, **rest)


def _fix(diagnosis: Diagnosis) -> str:
    return fix_for(diagnosis.findings[0], diagnosis)


NO_TARGET = _symptom(Place.TARGET, "it is unhealthy: Target.Timeout: Request timed out")
TOO_OLD = _symptom(Place.CONSOLE, "No matching signature in nodeadm v1.0.3", name="hybrid-1")
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
    waiting = _symptom(
        Place.JOIN, "still in step 4/7 install since 15:04:05 UTC, 3 min, as usual", name="hybrid-2"
    )
    broken = _symptom(Place.NODE_GROUP, "it is DEGRADED: IamNodeRoleNotFound: gone")
    found = diagnose([_section(waiting, broken)], subject=SUBJECT)
    assert [one.id for one in found.causes] == ["part-deleted", "join-running"]


def test_what_the_table_does_not_know_is_quoted_and_no_cause_is_claimed() -> None:
    found = diagnose([_section(_symptom(Place.NODE, "something new"))], subject=SUBJECT)
    assert not found.causes
    assert [(one.id, one.seen[0].text) for one in found.quoted] == [("unknown", "something new")]
    assert found.exit_code == 1
    assert "kubectl describe node" in _fix(found)


def test_a_text_that_says_what_and_not_why_is_quoted() -> None:
    found = diagnose(
        [_section(_symptom(Place.POD, "Running: CrashLoopBackOff: back-off 5m0s"))], subject=SUBJECT
    )
    assert not found.causes
    assert [one.id for one in found.quoted] == ["pod-crashes"]


def test_what_is_quoted_only_otherwise_is_left_out_beside_a_cause() -> None:
    for text, ids in (("no space left on device", ["disk-full"]), ("all is quiet", ["unknown"])):
        symptom = Symptom(place=Place.CONSOLE, subject="it", statements=(text,), otherwise=("the last line",))
        assert [one.id for one in diagnose([_section(symptom)], subject=SUBJECT).findings] == ids


def test_one_failure_of_many_nodes_is_one_finding() -> None:
    both = [_symptom(Place.CONSOLE, "No matching signature", subject=f"hybrid-{n}") for n in (1, 2)]
    (finding,) = diagnose([_section(*both)], subject=SUBJECT).findings
    assert [seen.subject for seen in finding.seen] == ["hybrid-1", "hybrid-2"]


def test_what_the_last_error_proves_is_believed_before_all_that_was_said() -> None:
    said = (
        "not authorized to perform: eks:ListAccessEntries",
        "node IP 10.91.0.4 is not in any of the remote network CIDR blocks",
    )
    for error, wanted in (
        (said[1], ["node-ip-outside"]),
        ("something new", ["list-access-entries-denied", "node-ip-outside"]),
    ):
        symptom = Symptom(place=Place.CONSOLE, subject="it", statements=(*said, error), error=error)
        assert [failure.id for failure, _ in recognise(symptom)] == wanted


def test_a_full_disk_counts_beside_the_last_error() -> None:
    error = "eks cluster is not active"
    symptom = Symptom(
        place=Place.CONSOLE,
        subject="it",
        statements=("tar: /opt/cni/bin/x: No space left on device", error),
        error=error,
    )
    assert {failure.id for failure, _ in recognise(symptom)} == {"disk-full", "cluster-not-active"}


def test_a_row_counts_in_its_places_only() -> None:
    assert recognise(_symptom(Place.EVENT, "it is FAILED")) == []
    assert [failure.id for failure, _ in recognise(_symptom(Place.CONTROL_PLANE, "it is FAILED"))] == [
        "cluster-failed"
    ]


def test_what_is_said_again_and_again_counts_once() -> None:
    text = "\n".join(f"15:0{n} kubelet[{n}]: write x: no space left on device" for n in range(3))
    assert [text for _, text in recognise(_symptom(Place.CONSOLE, text))] == [
        "15:02 kubelet[2]: write x: no space left on device"
    ]


def test_while_the_stack_is_being_removed_nothing_is_advised_that_builds_it_again() -> None:
    state = _symptom(Place.STATE, "the last destroy did not come to its end: 41 resources are left")
    found = diagnose([_section(NO_TARGET, NO_NODE, state)], subject=SUBJECT)
    assert [one.id for one in found.causes] == ["destroy-incomplete"]
    assert len(found.consequences) == 2
    assert {fix_for(one, found) for one in found.consequences} == {"none while the stack is being removed"}


def test_a_fix_names_the_node_and_the_cluster_at_hand() -> None:
    expired = _symptom(
        Place.ACTIVATION, "the activation expired at x before any machine registered", name="hybrid-1"
    )
    assert "'**:Activation::hybrid-1.*'" in _fix(
        diagnose([_section(expired)], subject=SUBJECT, site="played")
    )
    outside = _symptom(Place.INSTANCE, "its address is outside the cluster's remote node networks")
    assert "--region ap-northeast-1 --name eks-hybrid " in _fix(
        diagnose([_section(outside)], subject=SUBJECT, site="played")
    )


def test_a_fix_names_the_exact_resource_where_the_state_is_known() -> None:
    head = "urn:pulumi:dev::p::a:HybridNode$aws:ssm/activation:Activation::"
    expired = _symptom(
        Place.ACTIVATION, "the activation expired at x before any machine registered", name="edge"
    )
    urns = [f"{head}edge.1a2b3c4d", f"{head}edge-2.5e6f7a8b", "urn:pulumi:dev::p::x:y/z:Z::edge.1a2b3c4d"]
    assert _fix(diagnose([_section(expired)], subject=SUBJECT, site="played", urns=urns)).endswith(
        f"--replace '{head}edge.1a2b3c4d'"
    )
    urns.append(f"{head}edge.99999999")
    assert "'**:Activation::edge.*'" in _fix(
        diagnose([_section(expired)], subject=SUBJECT, site="played", urns=urns)
    )


def test_a_fix_for_several_nodes_leaves_the_name_open() -> None:
    both = [
        _symptom(
            Place.ACTIVATION, "the activation expired at x before any machine registered", name=f"hybrid-{n}"
        )
        for n in (1, 2)
    ]
    assert "'**:Activation::NAME.*'" in _fix(diagnose([_section(*both)], subject=SUBJECT, site="played"))


def test_exit_codes_tell_nothing_wrong_from_findings_and_from_not_seen() -> None:
    assert diagnose([_section()], subject=SUBJECT).exit_code == 0
    assert diagnose([_section(gaps=(GAP,))], subject=SUBJECT).exit_code == 2
    assert diagnose([_section(TOO_OLD, gaps=(GAP,))], subject=SUBJECT).exit_code == 1


def test_what_pulumi_says_of_a_destroy_that_stopped_is_a_cause_beside_it() -> None:
    state = _symptom(Place.STATE, "the last destroy did not come to its end: 41 resources are left")
    held = _symptom(
        Place.TEXT, "DependencyViolation: The vpc 'vpc-1' has dependencies and cannot be deleted."
    )
    found = diagnose([_section(state, held, NO_NODE)], subject=SUBJECT)
    assert [one.id for one in found.causes] == ["destroy-incomplete", "destroy-dependency"]
    assert "ops verify --destroyed" in fix_for(found.causes[1], found)
