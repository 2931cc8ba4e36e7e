"""Rules of security groups change in the real engine without one that AWS has already, and without too many."""

import pytest

from tests.engine.proof import INGRESS
from tests.engine.standin.world import LOG_GROUP

pytestmark = pytest.mark.engine

PRESENT, OTHERS = ([f"{start}.{number}.0/24" for number in range(40)] for start in ("198.51", "203.0"))
BOTH_TIMES_OPEN = ("hybrid-ingress-tcp-30090-10.10.1.0/24", "hybrid-ingress-tcp-31000-10.10.1.0/24")


@pytest.fixture(scope="module")
def rig(new_rig):
    """A stack with many clients, a port for the sample app and another one for webhooks."""
    rig = new_rig()
    rig.stack.configure(albAllowedCidrs=PRESENT, sampleNodePort=31000, webhookPorts=[30090])
    return rig


@pytest.fixture(scope="module")
def built(rig):
    """The first `pulumi up`."""
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def crowded(rig, built):
    """`pulumi preview` with as many other clients."""
    assert built.run.code == 0
    with rig.stack.configured(albAllowedCidrs=OTHERS):
        return rig.stack.step(lambda: rig.stack.preview(succeeds=False))


@pytest.fixture(scope="module")
def moved(rig, crowded):
    """`pulumi up` after the first of the two steps that it names, no logs, and the two ports in each other's place."""
    assert crowded.run.code != 0
    rig.stack.configure(
        albAllowedCidrs=OTHERS[:20], sampleNodePort=30090, webhookPorts=[31000], controlPlaneLogs=[]
    )
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def finished(rig, moved):
    """`pulumi up` after the second step, and with logs again."""
    assert moved.run.code == 0
    rig.stack.configure(albAllowedCidrs=OTHERS, controlPlaneLogs=["audit"])
    return rig.stack.step(rig.stack.up)


def test_more_rules_than_a_group_takes_are_refused_in_the_preview(crowded):
    text = " ".join(crowded.run.text.split())
    assert "Security group load-balancer takes 60 ingress rules" in text
    assert "40 are there, and with the 40 of the new settings there would be 80 (albAllowedCidrs" in text
    assert "first leave 20 or more of the new rules out, then pulumi up; then add them, and pulumi up" in text
    assert crowded.changes == []
    assert "Traceback" not in crowded.run.text


def test_the_two_steps_of_the_message_work(moved, finished):
    assert len(moved.of("Create", INGRESS, "load-balancer-")) == 20
    assert len(moved.of("Delete", INGRESS, "load-balancer-")) == 40
    assert len(finished.of("Create", INGRESS, "load-balancer-")) == 20
    assert finished.of("Delete", INGRESS, "load-balancer-") == []


def test_a_rule_that_another_setting_asks_for_is_the_same_rule(moved):
    touched = {call.name: call.kind for call in moved.calls if call.type == INGRESS and call.kind != "Check"}
    assert all(touched.get(name) in ("Diff", "Update") for name in BOTH_TIMES_OPEN)


def test_logs_can_be_switched_off_and_on_again(moved, finished):
    # EKS makes the group again when it is deleted: so it stays.
    for step in (moved, finished):
        assert step.of("Create", LOG_GROUP) == step.of("Delete", LOG_GROUP) == []
