"""The sample app and its load balancer go from a stack that is up, and come again, in the real engine."""

import pytest

from k8s.images import images

pytestmark = pytest.mark.engine

MACHINES = ("aws:ec2/instance:", "aws:eks/nodeGroup:", "aws:eks/cluster:", "aws:ssm/activation:")


@pytest.fixture(scope="module")
def rig(new_rig):
    return new_rig(small=True)


@pytest.fixture(scope="module")
def created(rig):
    """`pulumi up` with the sample app, and what AWS and Kubernetes then have."""
    step = rig.stack.step(rig.stack.up)
    rig.join()
    return step, things(rig)


@pytest.fixture(scope="module")
def without(rig, created):
    """The next one, without it."""
    step, _ = created
    assert step.run.code == 0
    rig.stack.configure(sampleApp=False)
    step = rig.stack.step(rig.stack.up)
    return step, things(rig), rig.stack.outputs(), rig.stack.step(rig.stack.preview)


@pytest.fixture(scope="module")
def again(rig, without):
    """And with it once more."""
    step, *_ = without
    assert step.run.code == 0
    rig.stack.configure(sampleApp=True)
    step = rig.stack.step(rig.stack.up)
    return step, things(rig), rig.stack.outputs(), rig.stack.step(rig.stack.preview)


@pytest.fixture(scope="module")
def mirrored(rig, again):
    """Then with all images from another registry."""
    step, *_ = again
    assert step.run.code == 0
    rig.stack.configure(imageRegistry="registry.example.internal/mirror")
    return rig.stack.step(rig.stack.up), rig.stack.step(rig.stack.preview)


@pytest.fixture(scope="module")
def destroyed(rig, mirrored):
    """`pulumi destroy`, from a stack without it."""
    step, _ = mirrored
    assert step.run.code == 0
    rig.stack.configure(sampleApp=False)
    assert rig.stack.up().code == 0
    return rig.stack.step(rig.stack.destroy)


def things(rig):
    """Return kind and name of all that there is."""
    return sorted(f"{each.token}::{name(each.inputs)}" for each in rig.stack.world())


def name(inputs):
    named = inputs.get("metadata", {}).get("name") or (inputs.get("tags") or {}).get("Name")
    return named or inputs.get("port") or ""


def test_without_the_sample_app_all_of_it_goes_and_nothing_else(created, without):
    (_, before), (step, after, outputs, _) = created, without
    assert step.run.code == 0
    gone = [thing for thing in before if thing not in after]
    assert [thing for thing in after if thing not in before] == []
    assert gone
    parts = ("load-balancer", "30080", "sample", ":lb/", ":autoscaling/")
    assert all(any(part in thing for part in parts) for thing in gone), gone
    left = " ".join(after)
    assert not any(word in left for word in ("load-balancer", "30080", "sample", "aws:lb/"))
    assert not {"albUrl", "albDnsName"} & outputs.keys()
    assert {call.type.partition("/")[0] for call in step.of("Create")} == set()
    assert not [call.key for token in MACHINES for call in step.of("Update", token)]


def test_with_it_again_the_stack_is_what_it_was(created, again):
    (_, before), (step, after, outputs, _) = created, again
    assert after == before
    assert outputs["albUrl"].startswith("http://alb-")
    assert step.of("Delete") == []


def test_each_time_the_next_preview_is_empty(without, again):
    for _, _, _, preview in (without, again):
        assert preview.run.code == 0
        assert preview.changes == []
        assert "unchanged" in preview.run.text
        assert not any(word in preview.run.text for word in ("to create", "to update", "to delete"))


def test_another_registry_changes_images_in_place_and_nothing_else(mirrored):
    step, preview = mirrored
    kinds = {(kind, key.partition("::")[0].rpartition(":")[2]) for kind, key in step.changes}
    assert kinds == {("Update", "DaemonSet"), ("Update", "Deployment")}
    updates = step.of("Update")
    # calico-node, its controllers, metrics-server, coredns-hybrid, the sample app, two open and two closed checks.
    assert len(updates) == 9
    for call in updates:
        found = list(images(call.details["inputs"]))
        assert found, call.key
        assert all(image.startswith("registry.example.internal/mirror/") for image in found), call.key
    assert preview.changes == []
    assert "to update" not in preview.run.text


def test_a_stack_without_it_is_destroyed_to_the_last_thing(rig, destroyed):
    assert destroyed.run.code == 0
    assert rig.stack.left() == []
