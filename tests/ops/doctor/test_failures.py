"""The failure table: every row is found by its own words, and the README's table is made of it."""

import re
from pathlib import Path

import pytest
import yaml

from ops.doctor.diagnosis import recognise
from ops.doctor.failures import FAILURES, markdown_table
from ops.doctor.known.row import Failure
from ops.doctor.symptoms import Place, Symptom

PROJECT = Path(__file__).parents[3]
EACH = pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.id)


@EACH
def test_each_failure_is_recognised_by_its_example(failure: Failure) -> None:
    for place in failure.places:
        symptom = Symptom(place=place, subject="it", text=failure.example)
        found = [match.id for match, _ in recognise(symptom)]
        assert failure.id in found or place not in _place_of_example(failure)
    assert failure.seen_in(failure.example) is not None


def _place_of_example(failure: Failure) -> frozenset[Place]:
    """Where the example is from: a row may count in several places with other words in each."""
    return failure.places if len(failure.places) == 1 else frozenset()


@EACH
def test_the_example_is_not_taken_for_a_failure_further_up(failure: Failure) -> None:
    firsts = set()
    for place in failure.places:
        matches = recognise(Symptom(place=place, subject="it", text=failure.example))
        firsts |= {matches[0][0].id} if matches else set()
    assert firsts == {failure.id}


@EACH
def test_each_row_says_what_why_and_how_to_mend_it(failure: Failure) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", failure.id)
    for text in (failure.symptom, failure.cause, failure.fix, failure.source):
        assert text
        assert text == text.strip()
        assert "\n" not in text
    if failure.source.startswith("https://"):
        assert " " not in failure.source
    else:
        assert (PROJECT / failure.source).is_file()


def test_checks_that_a_fix_names_exist() -> None:
    from ops.checks.model import select
    from ops.verify.catalogue import CHECKS

    wanted = [found for failure in FAILURES for found in re.findall(r"--only '?([^'\s]+)", failure.fix)]
    assert wanted
    for one in {part for names in wanted for part in names.split("|")}:
        assert select(CHECKS, only=f"^{one}", skip=None), one


def test_settings_that_a_fix_names_exist() -> None:
    schema = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
    pattern = r"pulumi config (?:set|rm) (?:--path )?'?([A-Za-z0-9]+)"
    wanted = {found for failure in FAILURES for found in re.findall(pattern, failure.fix)}
    assert len(wanted) >= 4
    assert wanted <= schema.keys()


def test_ids_are_unique() -> None:
    assert len({failure.id for failure in FAILURES}) == len(FAILURES)


def test_an_ordinary_boot_is_no_failure() -> None:
    text = (
        "[    0.000000] Linux version 6.14.0-1018-aws\n"
        "[   14.220184] cloud-init[812]: Cloud-init v. 25.2 running 'modules:final'\n"
        "2026-11-23T15:01:02Z join: step 2/7 download nodeadm\n"
    )
    assert not [
        failure.id for failure in FAILURES if Place.CONSOLE in failure.places and failure.seen_in(text)
    ]


# What the project's facts name as traps, in the words they come in.
KNOWN = {
    "Signature Verification Error: No matching signature": (Place.CONSOLE, "nodeadm-too-old"),
    "node IP 10.91.0.4 is not in any of the remote network CIDR blocks: [10.90.0.0/16]": (
        Place.CONSOLE,
        "node-ip-outside",
    ),
    "dial tcp 172.16.0.1:443: i/o timeout": (Place.LOG, "pods-no-api"),
    'plugin type="calico" failed (add): dial tcp 172.16.0.1:443: i/o timeout': (Place.CONSOLE, "pods-no-api"),
    "dial tcp 10.10.1.20:443: connect: no route to host": (Place.EVENT, "pods-no-api"),
    "dial tcp 54.64.12.9:443: i/o timeout": (Place.CONSOLE, "kubelet-no-api"),
    "it is CREATE_FAILED: NodeCreationFailure: Unhealthy nodes in the kubernetes cluster": (
        Place.NODE_GROUP,
        "node-group-unhealthy",
    ),
    "coredns is DEGRADED: InsufficientNumberOfReplicas: unhealthy": (Place.ADD_ON, "coredns-degraded"),
    "the activation expired at 2026-11-22 15:00 UTC before any machine registered": (
        Place.ACTIVATION,
        "activation-expired",
    ),
    "ActivationExpired: status code: 400": (Place.CONSOLE, "activation-expired"),
    "Registration limit exceeded": (Place.CONSOLE, "activation-used-up"),
    "InvalidActivation": (Place.CONSOLE, "activation-invalid"),
    "User: x is not authorized to perform: eks:ListAccessEntries on resource: y": (
        Place.CONSOLE,
        "list-access-entries-denied",
    ),
    "AccessDeniedException: User: x is not authorized to perform: eks:DescribeCluster": (
        Place.CONSOLE,
        "role-denied",
    ),
    "wrong sha256 of https://hybrid-assets.eks.amazonaws.com/x: 00, but the pinned digest says ff": (
        Place.CONSOLE,
        "nodeadm-checksum",
    ),
    "checksum mismatch with latest ssm-setup-cli": (Place.CONSOLE, "ssm-checksum"),
    "nodeadm init returned 0 but kubelet does not stay up": (Place.CONSOLE, "kubelet-not-active"),
    "error dialing backend: dial tcp 10.90.1.182:10250: i/o timeout": (Place.LOG, "kubelet-unreachable"),
    'failed calling webhook "x": Post "https://x.svc:443/": Address is not allowed': (
        Place.EVENT,
        "webhook-address",
    ),
    "there is a DaemonSet aws-node": (Place.POD, "vpc-cni"),
    "it is unhealthy: Target.Timeout: Request timed out": (Place.TARGET, "target-timeout"),
    "it is unhealthy: Target.ResponseCodeMismatch: Health checks failed with these codes: [503]": (
        Place.TARGET,
        "target-failed",
    ),
    "it is unused: Target.NotInUse": (Place.TARGET, "target-unused"),
    "it is initial: Elb.InitialHealthChecking": (Place.TARGET, "target-starting"),
    "FailedScheduling: 0/1 nodes are available: 1 Too many pods.": (Place.EVENT, "too-many-pods"),
}


@pytest.mark.parametrize("text", KNOWN)
def test_what_is_known_to_go_wrong_is_recognised(text: str) -> None:
    place, wanted = KNOWN[text]
    assert [failure.id for failure, _ in recognise(Symptom(place=place, subject="it", text=text))] == [wanted]


def test_the_readme_table_has_a_row_for_each_failure_that_does_not_only_wait() -> None:
    broken = [failure for failure in FAILURES if not failure.waits]
    head, rule, *rows = markdown_table().splitlines()
    assert head == "| What you see | Why | What to do |"
    assert rule == "|---|---|---|"
    assert 0 < len(rows) == len(broken) < len(FAILURES)
    for failure, row in zip(broken, rows, strict=True):
        cells = re.split(r"(?<!\\)\|", row)
        assert len(cells) == 5
        assert cells[2].strip().endswith(f"([source]({failure.source}))")
        # A bare ** would start bold text.
        assert "**" not in re.sub(r"`[^`]*`", "", row)


def test_the_join_script_says_what_the_table_looks_for() -> None:
    said = (PROJECT / "userdata" / "join.sh").read_text()
    for words in (
        "wrong sha256 of $url",
        "choose a release",
        "cannot download",
        "apt-get update failed",
        "does not accept $config",
        "returned 0 but left no",
        "kubelet does not stay up",
        "cannot read $parameters",
    ):
        assert words in said
