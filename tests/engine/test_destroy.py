"""`pulumi destroy`: the order, and that nothing is left."""

import pytest

from tests.engine.harness import needs

pytestmark = pytest.mark.engine

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
INSTANCE = "aws:ec2/instance:Instance"
ACTIVATION = "aws:ssm/activation:Activation"


def test_the_state_is_empty_afterwards(destroyed, rig):
    assert destroyed.resources == []
    assert rig.stack.state().get("pending_operations", []) == []


@pytest.mark.usefixtures("destroyed")
def test_everything_that_was_ever_created_was_deleted(rig):
    assert rig.stack.left() == []


@pytest.mark.usefixtures("destroyed")
def test_no_registration_and_no_node_object_is_left(rig):
    assert rig.apis.machines == {}
    assert rig.apis.nodes == {}


def test_the_clean_up_runs_out_of_process_and_reports_each_step(destroyed):
    activation = destroyed.one("Delete", ACTIVATION).details["id"]
    machine = destroyed.one("Deregister", "").name
    assert f"clean-up of activation {activation}: {machine}: Kubernetes Node deleted" in destroyed.run.text
    assert f"clean-up of activation {activation}: {machine}: SSM registration removed" in destroyed.run.text


def test_a_destroy_of_the_whole_stack_drains_no_node(destroyed, rig):
    assert (destroyed.of("Cordon"), destroyed.of("Evict")) == ([], [])
    assert rig.apis.pods, "there was a pod that could have been evicted"


def test_kubernetes_objects_are_not_deleted_one_by_one(destroyed):
    assert destroyed.of("Delete", "kubernetes:") == []


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ((INSTANCE, ""), ("DeleteNode", "", "")),
        (("DeleteNode", "", ""), ("Deregister", "", "")),
        (("Deregister", "", ""), (ACTIVATION, "")),
        # The clean-up needs a role for the registration and an API for the Node object.
        (("Deregister", "", ""), (CLUSTER, "")),
        (("Deregister", "", ""), ("aws:iam/role:", "hybrid-node")),
        ((INSTANCE, ""), ("aws:eks/accessEntry:", "")),
        ((NODE_GROUP, ""), (CLUSTER, "")),
        # Nodes that are being drained still need their permissions and their way out.
        ((NODE_GROUP, ""), ("aws:iam/rolePolicyAttachment:", "managed-node")),
        ((NODE_GROUP, ""), ("aws:ec2/natGateway:", "eks")),
        ((NODE_GROUP, ""), ("aws:ec2/route:", "eks-private-internet")),
        ((INSTANCE, ""), ("aws:ec2/natGateway:", "on-prem")),
        ((CLUSTER, ""), ("aws:iam/rolePolicyAttachment:", "eks-eksRole")),
        # A control plane that still writes logs would make its group again.
        ((CLUSTER, ""), ("aws:cloudwatch/logGroup:", "control-plane")),
        ((CLUSTER, ""), ("aws:ec2/subnet:", "eks-private")),
        ((CLUSTER, ""), ("aws:ec2/securityGroup:", "control-plane")),
        # AWS does not detach an internet gateway while the VPC has public addresses in use.
        (("aws:lb/loadBalancer:", ""), ("aws:ec2/internetGateway:", "eks")),
        (("aws:ec2/natGateway:", "eks"), ("aws:ec2/internetGateway:", "eks")),
        (("aws:ec2/natGateway:", "on-prem"), ("aws:ec2/internetGateway:", "on-prem")),
        (("aws:lb/listener:", ""), ("aws:lb/targetGroup:", "")),
        (("aws:autoscaling/attachment:", ""), (NODE_GROUP, "")),
    ],
)
def test_one_is_gone_before_the_other_goes(remade, destroyed, first, then):
    earlier, later = of(destroyed, first), of(destroyed, then)
    assert earlier
    assert later
    assert max(call.ended for call in earlier) <= min(call.started for call in later)
    # That may be luck; this is not.
    for call in earlier:
        if call.kind == "Delete":
            assert {each.urn for each in later if each.kind == "Delete"} <= needs(
                remade.resources, call.urn, whole_components=False
            )


def of(step, what):
    """Return the deletions of (type, name), or the calls of (kind, type, name)."""
    return step.of(*what) if len(what) == 3 else step.of("Delete", *what)


def test_nothing_is_deleted_while_something_that_names_it_still_lives(destroyed, rig):
    # By value, not by the engine's record of dependencies: a name passed as plain text would show here.
    # A tag is only a label: the activation's says which cluster it was for.
    created = {call.urn: call for call in rig.stack.journal() if call.kind == "Create" and not call.failed}
    deleted = {call.urn: call for call in destroyed.of("Delete")}
    labels = {}
    for urn in deleted:
        outputs = {"id": created[urn].details["id"], **created[urn].details["outputs"]}
        for key in ("id", "arn", "name"):
            if len(str(outputs.get(key, ""))) > len("eks-hybri"):
                labels.setdefault(outputs[key], urn)
    early = [
        f"{labels[value]} was deleted before {user}"
        for user in deleted
        for value in strings(without_tags(created[user].details["inputs"]))
        if value in labels and labels[value] != user
        if deleted[user].ended > deleted[labels[value]].started
    ]
    assert early == []


def without_tags(inputs):
    """Return inputs without their tags."""
    return {key: value for key, value in inputs.items() if key not in ("tags", "tagsAll")}


def strings(value):
    """Yield every text in a value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value
