"""The order of creation, edge by edge; the reason stands beside each. Absent edges are minutes of a user's life."""

from collections.abc import Callable

import pytest

from ops.program.recorder import Recording, Resource

CLUSTER = "eks:index:Cluster"
ENTRY = "aws:eks/accessEntry:AccessEntry"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
INSTANCE = "aws:ec2/instance:Instance"
ACTIVATION = "aws:ssm/activation:Activation"
CLEANUP = "pulumi-python:dynamic/ekshybrid:NodeCleanup"
GROUP = "kubernetes:yaml/v2:ConfigGroup"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
ALB = "aws:lb/loadBalancer:LoadBalancer"
ADDON = "aws:eks/addon:Addon"


@pytest.fixture(scope="module")
def waits(dev: Recording) -> Callable[[Resource], set[str]]:
    """The "type name" of everything that a resource waits for, through any number of steps."""
    return lambda resource: {
        f"{dev.resources[urn].type} {dev.resources[urn].name}"
        for urn in dev.waits_for(resource.urn)
        if urn in dev.resources
    }


def instances(dev: Recording) -> list[Resource]:
    found = dev.of_type(INSTANCE)
    assert len(found) == 2, "the dev stack has two hybrid nodes; with none these tests would prove nothing"
    return found


def test_calico_needs_the_control_plane_and_no_node(dev, waits):
    found = waits(dev.one(GROUP, "calico"))
    assert f"{CLUSTER} eks" in found
    assert not any(item.startswith((NODE_GROUP, INSTANCE, ADDON)) for item in found)


def test_managed_nodes_come_after_calico(dev, waits):
    # A node group without a CNI never becomes Ready and fails after 15 to 30 minutes.
    assert f"{GROUP} calico" in waits(dev.one(NODE_GROUP))


def test_managed_nodes_have_a_way_to_the_internet_before_they_boot(dev, waits):
    found = waits(dev.one(NODE_GROUP))
    assert "aws:ec2/route:Route eks-private-internet" in found
    assert "aws:ec2/routeTableAssociation:RouteTableAssociation eks-private-2" in found


def test_managed_nodes_have_their_permissions_before_they_boot(dev, waits):
    found = waits(dev.one(NODE_GROUP))
    assert "aws:iam/rolePolicyAttachment:RolePolicyAttachment managed-node-AmazonEKSWorkerNodePolicy" in found
    assert sum(item.startswith("aws:iam/rolePolicyAttachment") for item in found) == 3


def test_managed_nodes_do_not_wait_for_hybrid_nodes(dev, waits):
    assert not any(item.startswith((INSTANCE, ACTIVATION)) for item in waits(dev.one(NODE_GROUP)))


def test_hybrid_nodes_wait_for_the_access_entry_of_the_active_cluster(dev, waits):
    for instance in instances(dev):
        assert {f"{CLUSTER} eks", f"{ENTRY} hybrid-nodes"} <= waits(instance)


def test_hybrid_nodes_have_routes_to_the_internet_and_to_the_cluster_before_they_boot(dev, waits):
    for instance in instances(dev):
        assert {
            "aws:ec2/route:Route on-prem-private-internet",
            "aws:ec2/routeTableAssociation:RouteTableAssociation on-prem-private-1",
            "aws:ec2/route:Route peering-on-prem-private",
            "aws:ec2/route:Route peering-vpc-private",
        } <= waits(instance)


def test_hybrid_nodes_have_their_permissions_before_they_boot(dev, waits):
    for instance in instances(dev):
        found = waits(instance)
        assert "aws:iam/rolePolicy:RolePolicy hybrid-node" in found
        assert sum("RolePolicyAttachment hybrid-node" in item for item in found) == 2


def test_hybrid_nodes_do_not_wait_for_the_managed_nodes_nor_for_calico(dev, waits):
    for instance in instances(dev):
        assert not any(item.startswith((NODE_GROUP, GROUP, ADDON, DEPLOYMENT)) for item in waits(instance))


def test_hybrid_nodes_do_not_wait_for_each_other(dev, waits):
    for instance in instances(dev):
        others = {r.name for r in instances(dev)} - {instance.name}
        assert not any(item.split()[-1] in others for item in waits(instance))


def test_the_clean_up_stands_between_activation_and_instance(dev):
    # On destroy: instance first (a live kubelet would put its Node back), then Node and mi-*, then the activation.
    for instance in instances(dev):
        cleanup = dev.one(CLEANUP, instance.name)
        activation = dev.one(ACTIVATION, instance.name)
        assert cleanup.urn in instance.property_dependencies["userData"]
        assert activation.urn in cleanup.property_dependencies["activation_id"]


def test_the_clean_up_is_done_while_the_cluster_is_still_there(dev):
    # By an output, because a depends_on a packaged component orders creation only (FACTS 7).
    entry = dev.one(ENTRY)
    for instance in instances(dev):
        assert entry.urn in dev.one(CLEANUP, instance.name).property_dependencies["cluster_name"]


@pytest.mark.parametrize(
    ("type_", "property_"), [(ENTRY, "clusterName"), (NODE_GROUP, "clusterName"), (ADDON, "clusterName")]
)
def test_what_must_go_before_the_cluster_takes_the_name_of_the_real_cluster_inside(dev, type_, property_):
    inside = [
        urn for urn in dev.one(type_).property_dependencies[property_] if "aws:eks/cluster:Cluster" in urn
    ]
    assert inside, "a dependency on the packaged component alone does not reach the cluster inside on destroy"


def test_an_activation_is_made_when_it_can_be_used_because_it_expires_after_24_hours(dev, waits):
    for activation in dev.of_type(ACTIVATION):
        found = waits(activation)
        assert {"aws:iam/role:Role hybrid-node", f"{ENTRY} hybrid-nodes", f"{CLUSTER} eks"} <= found
        assert not any(item.startswith((NODE_GROUP, GROUP)) for item in found)


def test_the_load_balancer_does_not_wait_for_the_cluster(dev, waits):
    found = waits(dev.one(ALB))
    assert not any(item.startswith((CLUSTER, INSTANCE, NODE_GROUP)) for item in found)
    # AWS refuses an internet-facing one in a VPC without an internet gateway.
    assert "aws:ec2/internetGateway:InternetGateway eks" in found
    assert not any("on-prem" in item for item in found)


def test_a_nat_gateway_waits_for_its_internet_gateway(dev, waits):
    for name in ("eks", "on-prem"):
        nat = dev.one("aws:ec2/natGateway:NatGateway", f"{name}-nat")
        assert f"aws:ec2/internetGateway:InternetGateway {name}" in waits(nat)


def test_the_control_plane_waits_for_its_subnets_and_security_group_only(dev, waits):
    assert waits(dev.one(CLUSTER)) == {
        "aws:ec2/vpc:Vpc eks",
        "aws:ec2/subnet:Subnet eks-private-1",
        "aws:ec2/subnet:Subnet eks-private-2",
        "aws:ec2/securityGroup:SecurityGroup control-plane",
    }


def test_an_api_that_is_not_open_to_all_waits_for_the_nat_addresses(record):
    recording = record(apiAllowedCidrs=["203.0.113.0/24"])
    cluster = recording.one(CLUSTER)
    addresses = {r.outputs["publicIp"] for r in recording.of_type("aws:ec2/eip:Eip")}
    assert set(cluster.inputs["publicAccessCidrs"]) == {"203.0.113.0/24", *(f"{a}/32" for a in addresses)}
    assert len(addresses) == 2
    assert {recording.resources[u].name for u in cluster.property_dependencies["publicAccessCidrs"]} == {
        "eks-nat",
        "on-prem-nat",
    }


@pytest.mark.parametrize(
    ("type_", "name"), [(ADDON, "coredns"), (GROUP, "calico-controllers"), (DEPLOYMENT, "nw-check-managed")]
)
def test_what_runs_on_managed_nodes_waits_for_them_and_not_for_hybrid_nodes(dev, waits, type_, name):
    found = waits(dev.one(type_, name))
    assert f"{NODE_GROUP} managed" in found
    assert not any(item.startswith((INSTANCE, ACTIVATION)) for item in found)


@pytest.mark.parametrize("name", ["nw-check-hybrid", "sample-app"])
def test_what_runs_on_hybrid_nodes_waits_for_all_of_them_and_not_for_managed_nodes(dev, waits, name):
    found = waits(dev.one(DEPLOYMENT, name))
    assert {f"{INSTANCE} {instance.name}" for instance in instances(dev)} <= found
    assert not any(item.startswith((NODE_GROUP, ADDON)) for item in found)


@pytest.mark.parametrize(
    ("type_", "name"), [(DEPLOYMENT, "coredns-hybrid"), ("kubernetes:core/v1:ServicePatch", "kube-dns")]
)
def test_names_on_the_hybrid_side_come_after_the_add_on_and_wait_for_no_hybrid_node(dev, waits, type_, name):
    found = waits(dev.one(type_, name))
    assert f"{ADDON} coredns" in found
    assert not any(item.startswith((INSTANCE, ACTIVATION)) for item in found)
    # Nor does an up wait for its pods.
    assert dev.one(type_, name).inputs["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}


def test_the_sample_app_comes_after_the_check_of_the_hybrid_nodes(dev, waits):
    # Before it, the first node to join would get all its pods and keep them.
    assert f"{DEPLOYMENT} nw-check-hybrid" in waits(dev.one(DEPLOYMENT, "sample-app"))
    assert f"{DEPLOYMENT} sample-app" not in waits(dev.one(DEPLOYMENT, "nw-check-hybrid"))


def test_the_closed_pods_hold_up_nobody_and_come_after_the_pods_that_are_awaited_on_their_nodes(dev, waits):
    # On a small node the last free place is for the pod that `up` waits for.
    assert f"{DEPLOYMENT} nw-check-managed" in waits(dev.one(DEPLOYMENT, "nw-check-closed-managed"))
    assert not any(item.startswith(INSTANCE) for item in waits(dev.one(DEPLOYMENT, "nw-check-closed-hybrid")))
    closed = {
        r.urn for r in dev.resources.values() if r.type.startswith("kubernetes:") and "closed" in r.name
    }
    assert len(closed) == 3
    assert not [r for r in dev.resources.values() if closed & dev.waits_for(r.urn)]


def test_every_kubernetes_resource_goes_down_with_the_cluster(dev):
    # Deleted one by one, Calico's DaemonSet can vanish while nodes still drain: long hangs.
    cluster = dev.one(CLUSTER)
    found = [r for r in dev.resources.values() if r.type.startswith("kubernetes:") or r.type == ADDON]
    assert len(found) == 18
    assert {r.options.deleted_with for r in found} == {cluster.urn}


def test_targets_wait_for_their_own_node_only(dev, waits):
    for number in (1, 2):
        found = waits(
            dev.one("aws:lb/targetGroupAttachment:TargetGroupAttachment", f"hybrid-hybrid-{number}")
        )
        assert any(f"hybrid-{number}." in item for item in found)
        assert not any(f"hybrid-{3 - number}." in item for item in found)
        assert not any(item.startswith(ALB) for item in found)
