"""The first `pulumi up`: what is asked of the providers, and in which order."""

import pytest

from ops.clients import stack_outputs
from tests.engine.harness import needs

pytestmark = pytest.mark.engine

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
INSTANCE = "aws:ec2/instance:Instance"
DAEMON_SET = "kubernetes:apps/v1:DaemonSet"


def test_every_input_is_one_that_the_sdks_know(previewed, created):
    refused = {
        call.key: call.details["failures"]
        for call in [*previewed.of("Check"), *created.of("Check")]
        if call.details["failures"]
    }
    assert refused == {}


def test_the_transform_reaches_the_cluster_inside_the_packaged_component(created):
    inputs = created.one("Create", CLUSTER).details["inputs"]
    assert inputs["remoteNetworkConfig"] == {"remoteNodeNetworks": {"cidrs": ["10.90.0.0/16"]}}


def test_the_transform_leaves_the_librarys_own_options_alone(repeated):
    ignored = repeated.one("Diff", CLUSTER).details["ignored"]
    assert sorted(ignored) == [
        "accessConfig.bootstrapClusterCreatorAdminPermissions",
        "bootstrapSelfManagedAddons",
    ]


def test_the_cluster_is_created_without_aws_node_and_outside_the_wide_open_default_groups(created):
    inputs = created.one("Create", CLUSTER).details["inputs"]
    assert inputs["bootstrapSelfManagedAddons"] is False
    assert [call.details["inputs"]["addonName"] for call in created.of("Create", "aws:eks/addon:")] == [
        "kube-proxy",
        "coredns",
    ]
    names = {call.name for call in created.of("Create", "aws:ec2/securityGroup:")}
    assert names == {"control-plane", "managed", "hybrid", "load-balancer"}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        # EKS would make the group itself, and leave it behind.
        (("aws:cloudwatch/logGroup:", "control-plane"), (CLUSTER, "")),
        ((CLUSTER, ""), ("aws:eks/accessEntry:", "hybrid-nodes")),
        ((CLUSTER, ""), (DAEMON_SET, "")),
        (("kubernetes:apiextensions.k8s.io/v1:", ""), (DAEMON_SET, "")),
        (("kubernetes:core/v1:ConfigMap", "calico:"), (DAEMON_SET, "")),
        ((DAEMON_SET, ""), (NODE_GROUP, "")),
        (("kubernetes:core/v1:ConfigMap", "calico:"), (NODE_GROUP, "")),
        (("aws:ec2/natGateway:", "eks"), (NODE_GROUP, "")),
        (("aws:iam/rolePolicyAttachment:", "managed-node"), (NODE_GROUP, "")),
        (("aws:eks/accessEntry:", "hybrid-nodes"), (INSTANCE, "")),
        (("aws:ssm/activation:", ""), (INSTANCE, "")),
        # Its code is good for 24 hours: a first run that fails at the control plane must not have used them up.
        (("aws:eks/accessEntry:", "hybrid-nodes"), ("aws:ssm/activation:", "")),
        (("aws:iam/rolePolicyAttachment:", "hybrid-node"), (INSTANCE, "")),
        (("aws:iam/rolePolicy:", "hybrid-node"), (INSTANCE, "")),
        (("aws:ec2/natGateway:", "on-prem"), (INSTANCE, "")),
        (("aws:ec2/route:", "peering-on-prem-private"), (INSTANCE, "")),
        (("aws:ec2/route:", "peering-vpc-private"), (INSTANCE, "")),
        ((NODE_GROUP, ""), ("aws:eks/addon:", "coredns")),
        ((NODE_GROUP, ""), ("kubernetes:apps/v1:Deployment", "calico-controllers:")),
        ((NODE_GROUP, ""), ("kubernetes:apps/v1:Deployment", "nw-check-managed")),
        ((NODE_GROUP, ""), ("aws:autoscaling/attachment:", "managed")),
        ((INSTANCE, ""), ("kubernetes:apps/v1:Deployment", "nw-check-hybrid")),
        (
            ("kubernetes:apps/v1:Deployment", "nw-check-hybrid"),
            ("kubernetes:apps/v1:Deployment", "sample-app"),
        ),
    ],
)
def test_one_is_ready_before_the_other_is_begun(created, first, then):
    earlier, later = created.of("Create", *first), created.of("Create", *then)
    assert earlier
    assert later
    assert max(call.ended for call in earlier) <= min(call.started for call in later)
    # That may be luck; this is not.
    for call in later:
        assert {each.urn for each in earlier} <= needs(created.resources, call.urn, whole_components=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((INSTANCE, ""), (NODE_GROUP, "")),
        (("aws:lb/loadBalancer:", ""), (CLUSTER, "")),
        (("kubernetes:apps/v1:Deployment", "nw-check-hybrid"), (NODE_GROUP, "")),
        (("kubernetes:apps/v1:Deployment", "sample-app"), (NODE_GROUP, "")),
    ],
)
def test_one_does_not_wait_for_the_other(created, one, other):
    eager, slow = created.one("Create", *one), created.one("Create", *other)
    assert eager.started < slow.ended
    assert slow.urn not in needs(created.resources, eager.urn, whole_components=True)


def test_every_kubernetes_object_goes_with_the_cluster(created):
    # Children of yaml.v2 groups get this from the engine, not from the program: mocks cannot show it.
    objects = [
        resource
        for resource in created.resources
        if resource["type"].startswith("kubernetes:") and resource["custom"]
    ]
    assert objects
    lost = [
        resource["urn"]
        for resource in objects
        if "eks:index:Cluster::" not in resource.get("deletedWith", "")
    ]
    assert lost == []


def test_a_hybrid_nodes_instance_stands_after_its_clean_up_and_that_after_its_activation(created):
    by_type = {resource["type"]: resource for resource in created.resources}
    instance, cleanup = by_type[INSTANCE], by_type["pulumi-python:dynamic/ekshybrid:NodeCleanup"]
    activation = by_type["aws:ssm/activation:Activation"]
    assert cleanup["urn"] in instance["dependencies"]
    assert activation["urn"] in cleanup["dependencies"]


def test_ops_verify_reads_what_pulumi_stack_output_prints(created, rig):
    deployment = stack_outputs.deployment(outputs=str(rig.stack.folder / "outputs.json"), stack=None)
    assert deployment.checks.account_id == "123456789012"
    assert deployment.hybrid_nodes[0].instance_id == created.one("Create", INSTANCE).details["id"]
    assert deployment.kubeconfig["users"][0]["user"]["exec"]["command"] == "aws"


def test_the_outputs_name_what_was_created(created):
    instance = created.one("Create", INSTANCE)
    activation = created.one("Create", "aws:ssm/activation:")
    stack = next(each for each in created.resources if each["type"] == "pulumi:pulumi:Stack")
    node = stack["outputs"]["hybridNodes"][0]
    assert node == {
        "name": "hybrid-1",
        "instanceId": instance.details["id"],
        "privateIp": instance.details["outputs"]["privateIp"],
        "activationId": activation.details["id"],
        "zone": "onprem",
    }
    assert stack["outputs"]["managedNodeGroup"]["autoScalingGroup"].startswith("eks-managed-")
