"""Several managed node groups on one stack, in the real engine: they come, change and go beside each other."""

import pytest

pytestmark = pytest.mark.engine

GROUP = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
ATTACHMENT = "aws:autoscaling/attachment:Attachment"
CHECK = ("kubernetes:apps/v1:Deployment", "nw-check-managed")
GPU = {
    "name": "gpu",
    "instanceType": "g6.xlarge",
    "ami": "nvidia",
    "desired": 1,
    "taints": ["gpu=yes:NoSchedule"],
}
BATCH = {"name": "batch", "instanceType": "m7i.large", "labels": {"pool": "batch"}}


@pytest.fixture(scope="module")
def rig(new_rig):
    return new_rig(small=True)


@pytest.fixture(scope="module")
def created(rig):
    """`pulumi up` with one group."""
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def added(rig, created):
    """The next one, with two more."""
    assert created.run.code == 0
    rig.stack.configure(moreManagedNodes=[GPU, BATCH])
    return rig.stack.step(rig.stack.up), rig.stack.step(rig.stack.preview)


@pytest.fixture(scope="module")
def labelled(rig, added):
    """Then with labels and taints on a group that is there, and on the first one."""
    step, _ = added
    assert step.run.code == 0
    batch = {**BATCH, "labels": {"pool": "night"}, "taints": ["batch=yes:NoExecute"]}
    rig.stack.configure(
        managedNodes={"labels": {"pool": "system"}, "taints": ["system=yes:PreferNoSchedule"]},
        moreManagedNodes=[GPU, batch],
    )
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def reimaged(rig, labelled):
    """Then with another image of one."""
    assert labelled.run.code == 0
    rig.stack.configure(moreManagedNodes=[{**GPU, "ami": "standard"}, BATCH])
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def removed(rig, reimaged):
    """Then without that one."""
    assert reimaged.run.code == 0
    rig.stack.configure(moreManagedNodes=[BATCH])
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def destroyed(rig, removed):
    """`pulumi destroy`."""
    assert removed.run.code == 0
    return rig.stack.step(rig.stack.destroy)


def made(step, token):
    return {call.name: call.details["inputs"] for call in step.of("Create", token)}


def test_a_group_comes_and_goes_beside_the_others(rig, added, removed):
    step, _ = added
    for token in (GROUP, TEMPLATE, ATTACHMENT):
        assert made(step, token).keys() == {"managed-gpu", "managed-batch"}, token
        assert [call.name for call in removed.of("Delete", token)] == ["managed-gpu"], token
        for each in (step, removed):
            assert each.of("Update", token) == []
    assert step.of("Delete") == []
    assert removed.of("Create") == []
    assert [group["name"] for group in rig.stack.outputs()["moreManagedNodeGroups"]] != []


def test_each_group_has_what_its_settings_say(added):
    groups = made(added[0], GROUP)
    gpu, batch = groups["managed-gpu"], groups["managed-batch"]
    assert (gpu["amiType"], batch["amiType"]) == ("AL2023_x86_64_NVIDIA", "AL2023_x86_64_STANDARD")
    # https://docs.aws.amazon.com/eks/latest/APIReference/API_Taint.html
    assert gpu["taints"] == [{"key": "gpu", "value": "yes", "effect": "NO_SCHEDULE"}]
    assert batch["labels"] == {"pool": "batch"}
    assert gpu["scalingConfig"]["desiredSize"] == 1


def test_the_check_runs_on_every_node_of_every_group_after_them_all(added):
    step, _ = added
    (check,) = step.of("Update", *CHECK)
    spec = check.details["inputs"]["spec"]
    # Two of the first group, one with a GPU, two of the third.
    assert spec["replicas"] == 5
    wanted = {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}
    assert wanted in spec["template"]["spec"]["tolerations"]
    assert max(call.ended for call in step.of("Create", GROUP)) <= check.started


def test_the_next_preview_is_empty(added):
    _, preview = added
    assert preview.changes == []
    assert not any(word in preview.run.text for word in ("to create", "to update", "to delete"))


def test_labels_and_taints_change_in_place(labelled):
    updates = {call.name: call.details["inputs"] for call in labelled.of("Update", GROUP)}
    assert updates.keys() == {"managed", "managed-batch"}
    assert updates["managed"]["labels"] == {"pool": "system"}
    assert updates["managed"]["taints"][0]["effect"] == "PREFER_NO_SCHEDULE"
    assert updates["managed-batch"]["taints"][0]["effect"] == "NO_EXECUTE"
    assert labelled.of("Create", GROUP) == labelled.of("Delete", GROUP) == []


def test_another_image_is_a_new_group(reimaged):
    (new,), (old,) = reimaged.of("Create", GROUP), reimaged.of("Delete", GROUP)
    assert (new.name, old.name) == ("managed-gpu", "managed-gpu")
    assert new.details["inputs"]["amiType"] == "AL2023_x86_64_STANDARD"
    assert new.ended <= old.started


def test_nothing_is_left(rig, destroyed):
    assert destroyed.run.code == 0
    assert rig.stack.left() == []
