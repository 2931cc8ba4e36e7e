"""Settings under the real CLI: its schema check, and our own messages through it."""

import pytest

from tests.engine.harness import PROJECT

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def stack(new_rig):
    """A stack that is never brought up."""
    return new_rig().stack


def test_the_schema_in_the_project_file_is_accepted_and_its_defaults_reach_the_program(previewed):
    cidrs = {call.name: call.details["inputs"]["cidrBlock"] for call in previewed.of("Check", "aws:ec2/vpc:")}
    assert cidrs == {"eks": "10.10.0.0/16", "on-prem": "10.90.0.0/16"}


def test_a_preview_creates_nothing(previewed):
    assert previewed.changes == []
    assert previewed.resources == []


def test_a_preview_says_what_would_be_created(previewed):
    for line in ("aws:ec2:Instance hybrid-1.", "aws:eks:Cluster eks-eksCluster", "aws:eks:NodeGroup managed"):
        assert line in previewed.run.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"podCidr": "10.10.0.0/16"},
            f"{PROJECT}:podCidr 10.10.0.0/16 overlaps vpcCidr 10.10.0.0/16",
        ),
        ({"calicoVersion": "3.20.0"}, f"{PROJECT}:calicoVersion 3.20.0"),
        ({"podCIDR": "192.168.0.0/16"}, f"{PROJECT}:podCIDR is not a setting. Do you mean podCidr?"),
    ],
)
def test_a_bad_value_is_rejected_with_our_message_and_without_a_traceback(stack, settings, message):
    file = stack.project / f"Pulumi.{stack.name}.yaml"
    good = file.read_text(encoding="utf-8")
    stack.configure(**settings)
    run = stack.preview(succeeds=False)
    file.write_text(good, encoding="utf-8")
    assert message in run.text
    assert "Traceback" not in run.text
    assert stack.journal() == []


def test_a_value_of_the_wrong_type_is_rejected_by_the_cli_itself(stack):
    file = stack.project / f"Pulumi.{stack.name}.yaml"
    good = file.read_text(encoding="utf-8")
    stack.configure(availabilityZones="two")
    run = stack.preview(succeeds=False)
    file.write_text(good, encoding="utf-8")
    assert "availabilityZones' must be of type 'integer'" in run.text


@pytest.mark.parametrize(
    ("zones", "message"),
    [
        (
            ["us-west-1a", "us-west-1c"],
            "2 (us-west-1a, us-west-1c). Set no more than there are, e.g. pulumi config set availabilityZones 2",
        ),
        (["us-west-1a"], "1 (us-west-1a). Choose another region"),
        ([], "none. Choose another region"),
    ],
)
def test_zones_that_the_account_lacks_are_refused_and_those_there_are_named(stack, zones, message):
    stack.order(zones=zones)
    with stack.configured(availabilityZones=3, aws_region="us-west-1"):
        step = stack.step(lambda: stack.preview(succeeds=False))
    stack.order()
    assert message in " ".join(step.run.text.split())
    assert "Traceback" not in step.run.text
    assert step.of("Check") == []
