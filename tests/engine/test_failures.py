"""Runs that end half way: the next one goes on, and a destroy leaves nothing."""

import re
import shlex

import pytest

from tests.engine.stopping import INSTANCE, interrupt, kill, settle

pytestmark = pytest.mark.engine

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ACTIVATION = "aws:ssm/activation:Activation"
ACCOUNT = "kubernetes:core/v1:ServiceAccount"


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
    with rig.stack.configured(clusterName="second", podCidr="192.168.0.0/17", kubernetesVersion="1.36"):
        looked = rig.stack.step(rig.stack.preview)
    return rig, failed, looked, rig.stack.step(rig.stack.destroy)


@pytest.fixture(scope="module")
def taken_back(given_up):
    """In the same stack a `pulumi up` that is interrupted, and a `pulumi destroy`."""
    rig, *_ = given_up
    rig.stack.order(hang=[INSTANCE, NODE_GROUP])
    interrupted = rig.stack.step(lambda: interrupt(rig.stack))
    rig.stack.order()
    return rig, interrupted, rig.stack.step(rig.stack.destroy)


@pytest.fixture(scope="module")
def killed(new_rig):
    """A first `pulumi up` whose engine is killed: while the control plane is made, and once more in Calico."""
    rig = new_rig()
    # As an earlier release of this program named its rules.
    present, former = (
        "rule, name, cidr = opening.rule, opening.name,",
        "rule, name, cidr = opening.rule, opening.former_names[1],",
    )
    rig.stack.edit("infra/firewall.py", present, former)
    rig.stack.order(hang=[CLUSTER])
    first = rig.stack.step(lambda: kill(rig.stack, CLUSTER))
    rig.stack.order()
    rig.stack.edit("infra/firewall.py", former, present)
    settled = rig.stack.step(lambda: settle(rig.stack))
    # The API server has made this object without the engine's knowledge.
    rig.stack.order(unrecorded=[f"{ACCOUNT}::calico:kube-system/calico-node"])
    second = rig.stack.step(lambda: kill(rig.stack, ACCOUNT))
    rig.stack.order()
    return rig, first, settled, second, rig.stack.step(lambda: settle(rig.stack))


@pytest.fixture(scope="module")
def half_made(killed):
    """The next `pulumi up`, in which EKS makes the node group and reports it failed."""
    rig, *_ = killed
    rig.stack.order(fail_after={f"{NODE_GROUP}::managed": "NodeCreationFailure: Instances failed to join"})
    step = rig.stack.step(lambda: rig.stack.up(succeeds=False))
    rig.stack.order()
    return rig, step


@pytest.fixture(scope="module")
def repeated_up(half_made):
    """The next one, which has nothing to change about the node group."""
    rig, _ = half_made
    step = rig.stack.step(lambda: rig.stack.up(succeeds=False))
    return rig, step


@pytest.fixture(scope="module")
def replaced(repeated_up):
    """The command that it says."""
    rig, step = repeated_up
    return rig, rig.stack.step(lambda: told(rig.stack, step))


@pytest.fixture(scope="module")
def regrouped(replaced):
    """`pulumi up` with another instance type, whose new group EKS makes and reports failed."""
    rig, _ = replaced
    rig.join()
    rig.stack.configure(managedNodes={"instanceType": "t3.medium"})
    rig.stack.order(fail_after={f"{NODE_GROUP}::managed": "NodeCreationFailure: Instances failed to join"})
    step = rig.stack.step(lambda: rig.stack.up(succeeds=False))
    rig.stack.order()
    return rig, step


@pytest.fixture(scope="module")
def insisted(regrouped):
    """What somebody does then who reads nothing: the preview, the same `up` again, and one that refreshes."""
    rig, _ = regrouped
    looked = rig.stack.step(lambda: rig.stack.preview(succeeds=False))
    again = rig.stack.step(lambda: rig.stack.up(succeeds=False))
    refreshed = rig.stack.step(
        lambda: rig.stack.pulumi("up", "--yes", "--skip-preview", "--refresh", succeeds=False)
    )
    return rig, (looked, again, refreshed)


@pytest.fixture(scope="module")
def mended_group(insisted):
    """The command that it says, and an `up` after it."""
    rig, (_, _, last) = insisted
    step = rig.stack.step(lambda: told(rig.stack, last))
    return rig, step, rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def not_updated(mended_group):
    """`pulumi up` with larger disks, which EKS gives up; then the same once more."""
    rig, *_ = mended_group
    rig.stack.order(fail_update={f"{NODE_GROUP}::managed": "NodeCreationFailure: Instances failed to join"})
    rig.stack.configure(managedNodes={"instanceType": "t3.medium", "diskGiB": 50})
    failed = rig.stack.step(lambda: rig.stack.up(succeeds=False))
    rig.stack.order()
    return rig, failed, rig.stack.step(rig.stack.up)


def told(stack, step):
    """Run the command with which a failed node group is made again, as the message has it."""
    (command,) = set(re.findall(r"pulumi (up --replace '[^']+')", " ".join(step.run.text.split())))
    return stack.pulumi(*shlex.split(command), "--yes", "--skip-preview")


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


def test_a_failed_up_ends_in_its_error_and_not_in_one_of_the_program(broken):
    # The program is still waiting for other resources when the engine gives up.
    _, step = broken
    for noise in ("Program failed", "unhandled exception", "resource monitor", "__main__.py"):
        assert noise not in step.run.text


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
    _, failed, _, destroyed = given_up
    assert "ResourceLimitExceededException" in failed.run.text
    assert created(failed) <= kept(failed)
    assert destroyed.resources == []
    assert {call.urn for call in destroyed.of("Delete")} == created(failed)


def test_a_destroy_after_a_cancelled_up_leaves_nothing(taken_back):
    rig, interrupted, destroyed = taken_back
    assert interrupted.run.code != 0
    assert destroyed.resources == []
    assert rig.stack.left() == []


def test_a_killed_up_leaves_the_stack_as_far_as_it_had_come(killed):
    _, first, settled, second, _ = killed
    for step in (first, second):
        assert step.run.code != 0
        assert created(step)
    assert settled.changes == []
    assert settled.run.code == 0


def test_after_a_kill_nothing_is_made_twice_and_nothing_is_lost(killed, half_made):
    rig, first, _, second, _ = killed
    _, third = half_made
    assert len([call for step in (first, second, third) for call in step.of("Create", CLUSTER)]) == 1
    # What the API server had made without the engine's knowledge is taken over.
    unheard = {f"{ACCOUNT}::calico:kube-system/calico-node"}
    keys = [{call.key for call in step.of("Create")} for step in (first, second, third)]
    assert keys[0] & keys[1] == keys[0] & keys[2] == set()
    assert keys[1] & keys[2] == unheard
    # By id: the rules have other names since.
    made = {call.details["id"] for step in (first, second, third) for call in step.of("Create")}
    assert made <= {resource.get("id") for resource in third.resources}
    assert rig.stack.state().get("pending_operations", []) == []


def test_a_node_group_that_failed_stays_failed_and_the_next_up_says_so(half_made, repeated_up):
    _, failed = half_made
    assert "NodeCreationFailure: Instances failed to join" in failed.run.text
    assert NODE_GROUP in {resource["type"] for resource in failed.resources}
    _, after = repeated_up
    text = " ".join(after.run.text.split())
    assert "is CREATE_FAILED, not ACTIVE. NodeCreationFailure: Instances failed to join." in text
    assert "Program failed" not in text
    assert after.of("Create", NODE_GROUP) == []
    assert after.of("Delete", NODE_GROUP) == []


def test_while_a_new_node_group_has_failed_no_run_deletes_the_old_one(regrouped, insisted):
    rig, failed = regrouped
    _, steps = insisted
    new, (old,) = (
        failed.one("Create", NODE_GROUP),
        [each for each in rig.stack.world().of(NODE_GROUP) if each.status == "ACTIVE"],
    )
    assert new.details["id"] != old.id
    for step in (failed, *steps):
        assert step.of("Delete", NODE_GROUP) == []
    for step in steps:
        assert "Until it is, the node group that it replaces stays" in " ".join(step.run.text.split())
        assert "Program failed" not in step.run.text


def test_the_old_node_group_goes_when_the_new_one_is_active(regrouped, mended_group):
    rig, step, after = mended_group
    gone = {call.details["id"] for call in step.of("Delete", NODE_GROUP)}
    assert regrouped[1].one("Create", NODE_GROUP).details["id"] in gone
    assert len(gone) == 2
    (left,) = rig.stack.world().of(NODE_GROUP)
    assert (left.status, left.inputs["instanceTypes"]) == ("ACTIVE", ["t3.medium"])
    assert after.changes == []


def test_an_update_of_the_node_group_that_eks_gave_up_is_made_by_the_next_up(not_updated):
    rig, failed, again = not_updated
    assert "NodeCreationFailure" in failed.run.text
    assert again.one("Update", NODE_GROUP).details["inputs"]["launchTemplate"]["version"] == "2"
    (group,) = rig.stack.world().of(NODE_GROUP)
    assert group.inputs["launchTemplate"]["version"] == "2"


def test_a_node_group_that_failed_is_made_again_by_that_command_and_nothing_else_is(
    replaced, repeated_up, half_made
):
    _, step = replaced
    (failed,) = half_made[1].of("Create", NODE_GROUP)
    new, old = step.one("Create", NODE_GROUP), step.one("Delete", NODE_GROUP)
    assert old.details["id"] == failed.details["id"] != new.details["id"]
    # The rest is what had waited for it.
    assert created(step) & kept(repeated_up[1]) == {new.urn}
    assert {call.urn for call in step.of("Delete")} == {old.urn}


def test_a_first_up_that_failed_before_the_control_plane_may_go_on_with_other_settings(given_up):
    _, _, looked, _ = given_up
    assert looked.run.code == 0
    assert "cannot change" not in looked.run.text


def test_rules_of_an_earlier_release_keep_what_they_are_under_their_new_names(killed):
    _, first, _, second, _ = killed
    assert first.of("Create", "aws:vpc/", "hybrid-ingress-vxlan-from-managed-1")
    assert second.of("Create", "aws:vpc/") == second.of("Delete", "aws:vpc/") == []
    # Their Name tags follow.
    assert len(second.of("Update", "aws:vpc/")) == len(first.of("Create", "aws:vpc/"))
