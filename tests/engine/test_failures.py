"""Runs that end half way: the next one goes on, and a destroy leaves nothing."""

import os
import signal
import time

import pytest

pytestmark = pytest.mark.engine

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
INSTANCE = "aws:ec2/instance:Instance"
ACTIVATION = "aws:ssm/activation:Activation"


@pytest.fixture(scope="module")
def cancelled(new_rig):
    """A first `pulumi up` that is interrupted while nodes of both kinds are being created."""
    rig = new_rig()
    rig.stack.order(hang=[INSTANCE, NODE_GROUP])
    return rig, rig.stack.step(lambda: interrupt(rig.stack))


@pytest.fixture(scope="module")
def broken(cancelled):
    """The next one, in which AWS refuses the node group, as when its nodes never become Ready."""
    rig, _ = cancelled
    reason = "NodeCreationFailure: Unhealthy nodes in the kubernetes cluster"
    rig.stack.order(fail={f"{NODE_GROUP}::managed": reason})
    return rig, rig.stack.step(lambda: rig.stack.up(succeeds=False))


@pytest.fixture(scope="module")
def mended(broken):
    """The next `pulumi up`, after the cause is gone."""
    rig, _ = broken
    rig.stack.order()
    step = rig.stack.step(rig.stack.up)
    rig.join()
    return rig, step


@pytest.fixture(scope="module")
def denied(mended):
    """A `pulumi destroy` by somebody who may not deregister machines."""
    rig, _ = mended
    rig.apis.denied = "ssm:DeregisterManagedInstance"
    step = rig.stack.step(lambda: rig.stack.destroy(succeeds=False))
    rig.apis.denied = ""
    return rig, step


@pytest.fixture(scope="module")
def allowed(denied):
    """The next `pulumi destroy`, by somebody who may."""
    rig, _ = denied
    return rig, rig.stack.step(rig.stack.destroy)


@pytest.fixture(scope="module")
def given_up(new_rig):
    """A `pulumi up` in which AWS refuses the control plane, inside the packaged component, and a `pulumi destroy`."""
    rig = new_rig()
    rig.stack.order(fail={f"{CLUSTER}::eks-eksCluster": "ResourceLimitExceededException: 100 clusters"})
    failed = rig.stack.step(lambda: rig.stack.up(succeeds=False))
    rig.stack.order()
    return rig, failed, rig.stack.step(rig.stack.destroy)


@pytest.fixture(scope="module")
def taken_back(given_up):
    """In the same stack a `pulumi up` that is interrupted, and a `pulumi destroy`."""
    rig, *_ = given_up
    rig.stack.order(hang=[INSTANCE, NODE_GROUP])
    interrupted = rig.stack.step(lambda: interrupt(rig.stack))
    rig.stack.order()
    return rig, interrupted, rig.stack.step(rig.stack.destroy)


def interrupt(stack):
    """Start `pulumi up` and press Ctrl-C once as soon as the creation of an instance hangs."""
    started = time.monotonic()
    process = stack.start("up", "--yes", "--skip-preview")
    while not any((call.kind, call.type) == ("Hang", INSTANCE) for call in stack.journal()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() - started < 600
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    return stack.finish(process, started)


def kept(step):
    """Return the URNs in the state after a step."""
    return {resource["urn"] for resource in step.resources}


def created(*steps):
    """Return the URNs of what was created in the steps."""
    return {call.urn for step in steps for call in step.of("Create")}


def test_a_cancelled_up_ends_and_keeps_what_was_created(cancelled):
    _, step = cancelled
    assert step.run.code != 0
    assert created(step)
    assert created(step) <= kept(step)


def test_the_up_after_a_cancelled_one_goes_on(cancelled, broken):
    _, before = cancelled
    _, after = broken
    assert not created(before) & created(after)
    assert after.one("Create", INSTANCE)
    assert after.of("Delete") == []


def test_a_failed_creation_says_why(broken):
    _, step = broken
    assert "NodeCreationFailure: Unhealthy nodes in the kubernetes cluster" in step.run.text


def test_a_failed_creation_keeps_what_was_created(broken):
    _, step = broken
    assert created(step) <= kept(step)
    assert NODE_GROUP not in {resource["type"] for resource in step.resources}


def test_the_next_up_creates_only_what_is_missing(cancelled, broken, mended):
    _, step = mended
    assert not created(cancelled[1], broken[1]) & created(step)
    assert step.one("Create", NODE_GROUP)
    assert step.of("Delete") == []
    assert step.of("Update") == []


def test_a_clean_up_without_permission_says_what_to_allow(denied):
    _, step = denied
    assert "Allow ssm:DeregisterManagedInstance to the identity that runs pulumi" in step.run.text


def test_a_clean_up_without_permission_keeps_the_activation(denied):
    _, step = denied
    types = {resource["type"] for resource in step.resources}
    assert {ACTIVATION, "pulumi-python:dynamic/ekshybrid:NodeCleanup"} <= types
    assert step.of("Delete", ACTIVATION) == []


def test_the_next_destroy_goes_on_and_leaves_nothing(allowed):
    rig, step = allowed
    assert step.resources == []
    assert rig.stack.left() == []
    assert rig.apis.machines == rig.apis.nodes == {}


def test_a_destroy_after_a_failure_inside_the_packaged_component_leaves_nothing(given_up):
    _, failed, destroyed = given_up
    assert "ResourceLimitExceededException" in failed.run.text
    assert created(failed) <= kept(failed)
    assert destroyed.resources == []
    assert {call.urn for call in destroyed.of("Delete")} == created(failed)


def test_a_destroy_after_a_cancelled_up_leaves_nothing(taken_back):
    rig, interrupted, destroyed = taken_back
    assert interrupted.run.code != 0
    assert destroyed.resources == []
    assert rig.stack.left() == []
