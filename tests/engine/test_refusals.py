"""What AWS and Kubernetes refuse, the stand-ins refuse: without this the engine tests pass what AWS does not."""

import json

import pytest

from tests.engine.standin import refusals
from tests.engine.standin.cloud import CALLER
from tests.engine.standin.world import (
    ACCESS_ENTRY,
    DEFAULT_GROUP,
    FAILED,
    LOG_GROUP,
    TARGET,
    UPDATING,
    Thing,
    World,
)

VPC, OTHER_VPC = "vpc-00000000000000010", "vpc-00000000000000020"
GROUP, OTHER_GROUP = "sg-00000000000000010", "sg-00000000000000020"
GATEWAY, ADDRESS = "igw-00000000000000010", "eipalloc-00000000000000010"
A, B, C, ELSEWHERE, THERE = (f"subnet-000000000000000{n}0" for n in range(1, 6))
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
SUBNET = "aws:ec2/subnet:Subnet"
CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ADDON = "aws:eks/addon:Addon"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
NAT = "aws:ec2/natGateway:NatGateway"
IGW = "aws:ec2/internetGateway:InternetGateway"
LISTENER = "aws:lb/listener:Listener"
INSTANCE = "aws:ec2/instance:Instance"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"

RULE = {
    "securityGroupId": GROUP,
    "ipProtocol": "tcp",
    "fromPort": 80,
    "toPort": 80,
    "cidrIpv4": "203.0.113.0/24",
}
CONTROL_PLANE = {
    "name": "it",
    "version": "1.34",
    "vpcConfig": {"subnetIds": [A, B], "securityGroupIds": [GROUP]},
}
NODES = {
    "clusterName": "it",
    "nodeGroupName": "nodes",
    "subnetIds": [A, B],
    "version": "1.34",
    "instanceTypes": ["t4g.medium"],
    "scalingConfig": {"minSize": 1, "desiredSize": 2, "maxSize": 3},
}
ALB = {"name": "alb", "subnets": [A, B]}
ALB_ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/alb"
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/0123abcd"
FORWARD = {"type": "forward", "forward": {"targetGroups": []}}
TO_HTTPS = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
HTTP = {"loadBalancerArn": ALB_ARN, "port": 80, "protocol": "HTTP", "defaultActions": [TO_HTTPS]}
HTTPS = {
    "loadBalancerArn": ALB_ARN,
    "port": 443,
    "protocol": "HTTPS",
    "certificateArn": CERTIFICATE,
    "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "defaultActions": [FORWARD],
}
# A second listener that could be had, but for what a test changes in it.
MORE = {**HTTPS, "port": 8443}
COREDNS = {"clusterName": "it", "addonName": "coredns", "addonVersion": "v1.34.4-eksbuild.2"}
OBJECT = {"metadata": {"namespace": "kube-system", "name": "calico-config"}}


@pytest.fixture
def world(tmp_path):
    """Two VPCs, one of them with a cluster, its nodes and a load balancer."""
    made = World(tmp_path / "journal.jsonl")
    for token, identity, inputs in [
        ("aws:ec2/vpc:Vpc", VPC, {"cidrBlock": "10.10.0.0/16"}),
        ("aws:ec2/vpc:Vpc", OTHER_VPC, {"cidrBlock": "10.20.0.0/16"}),
        (IGW, GATEWAY, {"vpcId": VPC}),
        ("aws:ec2/eip:Eip", ADDRESS, {"domain": "vpc"}),
        *(
            (
                SUBNET,
                identity,
                {"vpcId": VPC, "cidrBlock": f"10.10.{n}.0/24", "availabilityZone": f"zone-{n}"},
            )
            for n, identity in enumerate((A, B, C), start=1)
        ),
        (SUBNET, ELSEWHERE, {"vpcId": OTHER_VPC, "cidrBlock": "10.20.1.0/24", "availabilityZone": "zone-1"}),
        (SUBNET, THERE, {"vpcId": OTHER_VPC, "cidrBlock": "10.20.2.0/24", "availabilityZone": "zone-2"}),
        ("aws:ec2/securityGroup:SecurityGroup", GROUP, {"vpcId": VPC}),
        ("aws:ec2/securityGroup:SecurityGroup", OTHER_GROUP, {"vpcId": OTHER_VPC}),
        (INGRESS, "sgr-1", RULE),
        (INGRESS, "sgr-2", {**RULE, "cidrIpv4": "198.51.100.0/24"}),
        (NAT, "nat-1", {"allocationId": ADDRESS, "subnetId": A}),
        (CLUSTER, "it", CONTROL_PLANE),
        (NODE_GROUP, "it:nodes", NODES),
        (ADDON, "it:coredns", COREDNS),
        (BALANCER, "arn:alb", ALB),
        (LISTENER, "alb", HTTP),
        (LISTENER, "alb-https", HTTPS),
        (LOG_GROUP, "/aws/eks/it/cluster", {"name": "/aws/eks/it/cluster"}),
        (CONFIG_MAP, "kube-system/calico-config", OBJECT),
    ]:
        made.add(Thing(token=token, id=identity, inputs=inputs))
    return made


@pytest.mark.parametrize(
    ("token", "inputs", "words"),
    [
        (INGRESS, {**RULE, "description": "again"}, "InvalidPermission.Duplicate"),
        (INGRESS, {**RULE, "securityGroupId": "sg-0000000000000dead"}, "sg.NotFound"),
        (
            SUBNET,
            {"vpcId": VPC, "cidrBlock": "10.10.1.128/25", "availabilityZone": "a"},
            "InvalidSubnet.Conflict",
        ),
        (SUBNET, {"vpcId": VPC, "cidrBlock": "10.30.1.0/24", "availabilityZone": "a"}, "InvalidSubnet.Range"),
        (NAT, {"allocationId": ADDRESS, "subnetId": B}, "Resource.AlreadyAssociated"),
        (IGW, {"vpcId": VPC}, "Resource.AlreadyAssociated"),
        (CLUSTER, CONTROL_PLANE, "ResourceInUseException: Cluster already exists"),
        (
            CLUSTER,
            {**CONTROL_PLANE, "name": "b", "vpcConfig": {"subnetIds": [A]}},
            "at least two different AZs",
        ),
        (
            CLUSTER,
            {
                **CONTROL_PLANE,
                "name": "b",
                "vpcConfig": {"subnetIds": [A, B], "securityGroupIds": [OTHER_GROUP]},
            },
            "not in the VPC",
        ),
        (LOG_GROUP, {"name": "/aws/eks/it/cluster"}, "ResourceAlreadyExistsException"),
        (NODE_GROUP, NODES, "NodeGroup already exists"),
        (
            NODE_GROUP,
            {**NODES, "nodeGroupName": "b", "clusterName": "gone"},
            "No cluster found for name: gone",
        ),
        (NODE_GROUP, {**NODES, "nodeGroupName": "b", "version": "1.35"}, "newer than the cluster's 1.34"),
        (NODE_GROUP, {**NODES, "nodeGroupName": "b", "subnetIds": [ELSEWHERE]}, "not in the VPC"),
        (
            NODE_GROUP,
            {
                **NODES,
                "nodeGroupName": "b",
                "scalingConfig": {"minSize": 3, "desiredSize": 2, "maxSize": 3},
            },
            "not in order",
        ),
        (ADDON, COREDNS, "Addon already exists"),
        (BALANCER, ALB, "DuplicateLoadBalancerName"),
        (BALANCER, {"name": "b", "subnets": [A]}, "at least two different AZs"),
        (LISTENER, {**HTTPS, "port": 80}, "DuplicateListener"),
        (LISTENER, {**MORE, "certificateArn": None}, "A certificate must be specified for HTTPS listeners"),
        (LISTENER, {**MORE, "sslPolicy": None}, "SSLPolicyNotFound"),
        (LISTENER, {**MORE, "sslPolicy": "ELBSecurityPolicy-2016-08"}, "SSLPolicyNotFound"),
        (LISTENER, {**MORE, "protocol": "HTTP"}, "cannot be specified for HTTP listeners"),
        *(
            (LISTENER, {**MORE, "certificateArn": CERTIFICATE.replace(*change)}, words)
            for change, words in (
                (("eu-central-1", "us-east-1"), "us-east-1:123456789012:certificate/0123abcd' is not valid"),
                (("arn:aws:", "arn:aws-cn:"), "is not valid"),
                (("123456789012", "210987654321"), "CertificateNotFound"),
            )
        ),
        (
            LISTENER,
            {**MORE, "port": 443, "loadBalancerArn": f"{ALB_ARN}-2", "defaultActions": [TO_HTTPS]},
            "creates a loop",
        ),
        (
            "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
            {"vpcId": VPC, "peerVpcId": VPC},
            "CIDRs of the two VPCs overlap",
        ),
        (CONFIG_MAP, OBJECT, 'configmap "calico-config" already exists'),
        ("aws:ec2/vpc:Vpc", {"tagsAll": {f"key-{n}": "" for n in range(51)}}, "TagLimitExceeded"),
        ("aws:ec2/vpc:Vpc", {"tags": {"AWS:owner": "me"}}, "Tag keys starting with 'aws:' are reserved"),
        ("aws:iam/role:Role", {"tagsAll": {"Team": "a", "team": "b"}}, "Tag keys are case insensitive"),
    ],
)
def test_a_creation_that_aws_refuses_is_refused(world, token, inputs, words):
    assert words in (refusals.creation(world, token, inputs) or "")


@pytest.mark.parametrize(
    ("token", "identity", "change", "words"),
    [
        (INGRESS, "sgr-1", {"cidrIpv4": "198.51.100.0/24"}, "InvalidPermission.Duplicate"),
        (IGW, GATEWAY, {"vpcId": OTHER_VPC}, "has some mapped public address(es)"),
        (CLUSTER, "it", {"version": "1.36"}, "Unsupported Kubernetes minor version update from 1.34 to 1.36"),
        (CLUSTER, "it", {"version": "1.33"}, "Unsupported Kubernetes minor version update"),
        (CLUSTER, "it", {"vpcConfig": {"subnetIds": [A, B, C]}}, "exact set of AZs"),
        (CLUSTER, "it", {"vpcConfig": {"subnetIds": [A, C]}}, "exact set of AZs"),
        (CLUSTER, "it", {"vpcConfig": {"subnetIds": [ELSEWHERE, THERE]}}, "different VPC"),
        (IGW, GATEWAY, {"tagsAll": {f"key-{n}": "" for n in range(51)}}, "TagLimitExceeded"),
        (NODE_GROUP, "it:nodes", {"version": "1.35"}, "newer than the cluster's"),
        (NODE_GROUP, "it:nodes", {"version": "1.33"}, "cannot go down"),
        (ADDON, "it:coredns", {"addonVersion": "v1.35.4-eksbuild.2"}, "Addon version specified"),
        (BALANCER, "arn:alb", {"subnets": [A, B, C]}, "in other zones"),
        (BALANCER, "arn:alb", {"subnets": [A, A]}, "at least two different AZs"),
        (LISTENER, "alb", {"port": 443}, "DuplicateListener"),
        (LISTENER, "alb", {"protocol": "HTTPS"}, "A certificate must be specified for HTTPS listeners"),
        (LISTENER, "alb-https", {"certificateArn": CERTIFICATE.replace("eu", "us")}, "is not valid"),
        (LISTENER, "alb-https", {"defaultActions": [TO_HTTPS]}, "creates a loop"),
    ],
)
def test_a_change_that_aws_refuses_is_refused(world, token, identity, change, words):
    thing = world.get(token, identity)
    assert words in (refusals.update(world, thing, {**thing.inputs, **change}) or "")


@pytest.mark.parametrize(
    ("token", "identity", "words"),
    [
        ("aws:ec2/securityGroup:SecurityGroup", GROUP, "DependencyViolation"),
        (SUBNET, A, "DependencyViolation"),
        ("aws:ec2/vpc:Vpc", VPC, "DependencyViolation"),
        ("aws:ec2/eip:Eip", ADDRESS, "InvalidIPAddress.InUse"),
        (IGW, GATEWAY, "has some mapped public address(es)"),
        (CLUSTER, "it", "Cluster has nodegroups attached"),
    ],
)
def test_the_deletion_of_what_is_in_use_is_refused(world, token, identity, words):
    assert words in (refusals.deletion(world, world.get(token, identity)) or "")


@pytest.mark.parametrize(
    ("token", "identity", "change"),
    [
        (INGRESS, "sgr-1", {"cidrIpv4": "192.0.2.0/24"}),
        (INGRESS, "sgr-1", {"tagsAll": {"Team": "a", "team": "b", **{f"key-{n}": "" for n in range(48)}}}),
        (CLUSTER, "it", {"upgradePolicy": {"supportType": "STANDARD"}}),
        (CLUSTER, "it", {"version": "1.35"}),
        (CLUSTER, "it", {"vpcConfig": {"subnetIds": [B, A], "securityGroupIds": [GROUP]}}),
        (BALANCER, "arn:alb", {"tags": {"a": "b"}}),
        (LISTENER, "alb", {"defaultActions": [FORWARD]}),
        (LISTENER, "alb-https", {"certificateArn": CERTIFICATE.replace("0123", "4567")}),
        (LISTENER, "alb-https", {"defaultActions": [{"type": "redirect", "redirect": {"path": "/new"}}]}),
        (NODE_GROUP, "it:nodes", {"scalingConfig": {"minSize": 1, "desiredSize": 3, "maxSize": 3}}),
    ],
)
def test_a_change_that_aws_makes_is_made(world, token, identity, change):
    thing = world.get(token, identity)
    assert refusals.update(world, thing, {**thing.inputs, **change}) is None


def test_a_node_group_that_failed_takes_no_change_and_no_change_is_no_error(world):
    world.add(Thing(token=NODE_GROUP, id="it:nodes", inputs=NODES, status=FAILED))
    group = world.get(NODE_GROUP, "it:nodes")
    assert refusals.update(world, group, NODES) is None
    assert "CREATE_FAILED" in (refusals.update(world, group, {**NODES, "tags": {"a": "b"}}) or "")


def test_a_security_group_takes_sixty_rules_in_each_direction(world):
    for number in range(58):
        world.add(Thing(token=INGRESS, id=f"sgr-more-{number}", inputs={**RULE, "fromPort": number}))
    new = {**RULE, "fromPort": 1000}
    assert "RulesPerSecurityGroupLimitExceeded" in (refusals.creation(world, INGRESS, new) or "")
    assert refusals.creation(world, INGRESS, {**new, "securityGroupId": OTHER_GROUP}) is None
    assert refusals.creation(world, EGRESS, new) is None
    assert refusals.update(world, world.get(INGRESS, "sgr-1"), {**RULE, "description": "another"}) is None


def test_an_object_that_exists_is_taken_over_with_upsert_only(world):
    assert refusals.creation(world, CONFIG_MAP, OBJECT, upsert=True) is None
    assert refusals.creation(world, CONFIG_MAP, OBJECT, upsert=False)


def test_what_is_being_created_counts(world):
    new = {**RULE, "cidrIpv4": "192.0.2.0/24"}
    assert refusals.creation(world, INGRESS, new) is None
    world.begun.append(Thing(token=INGRESS, id="sgr-3", inputs=new))
    assert "Duplicate" in (refusals.creation(world, INGRESS, new) or "")


def test_the_world_is_what_the_journal_says(world, tmp_path):
    urn = f"urn:pulumi:test::it::a$b${CLUSTER}::c"
    lines = [
        {"call": "Create", "urn": urn, "id": "new", "inputs": {"name": "new"}, "outputs": {"arn": "x"}},
        {
            "call": "Create",
            "urn": urn,
            "id": "refused",
            "inputs": {"name": "refused"},
            "error": "AccessDenied",
        },
        {"call": "Update", "urn": urn, "id": "new", "inputs": {"name": "new", "version": "1.35"}},
        {"call": "Delete", "urn": urn, "id": "it"},
    ]
    (tmp_path / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    world.refresh()
    assert {each.id: each.inputs.get("version") for each in world.of(CLUSTER)} == {"new": "1.35"}
    # With a cluster goes what lived in it.
    assert world.get(CONFIG_MAP, "kube-system/calico-config") is None
    assert world.get(ADDON, "it:coredns") is None


def test_a_target_that_was_registered_twice_is_one_target(world):
    place = {"targetGroupArn": "arn:group", "targetId": "10.80.0.11", "port": 30080}
    for identity, inputs in (
        ("first", place),
        ("second", place),
        ("other", {**place, "targetId": "10.80.0.12"}),
    ):
        world.add(Thing(token=TARGET, id=identity, inputs=inputs))
    world.apply({"call": "Delete", "urn": f"urn:pulumi:test::it::{TARGET}::hybrid", "id": "first"})
    assert {each.id for each in world.of(TARGET)} == {"other"}


def test_eks_admits_whoever_makes_a_cluster_and_takes_no_second_entry(world):
    second = {"clusterName": "new", "principalArn": CALLER, "tags": {}}
    assert refusals.creation(world, ACCESS_ENTRY, second) is None
    made = {"call": "Create", "urn": f"urn:pulumi:test::it::{CLUSTER}::eks", "id": "new"}
    world.apply({**made, "inputs": {**CONTROL_PLANE, "name": "new"}})
    assert "ResourceInUseException" in (refusals.creation(world, ACCESS_ENTRY, second) or "")
    assert refusals.creation(world, ACCESS_ENTRY, {**second, "principalArn": f"{CALLER}-2"}) is None
    world.apply({**made, "call": "Delete"})
    assert refusals.creation(world, ACCESS_ENTRY, second) is None


def test_eks_makes_the_log_group_of_a_living_control_plane_again(world):
    group = {"name": "/aws/eks/it/cluster"}
    (made,) = world.of(LOG_GROUP)
    world.apply({"call": "Delete", "urn": f"urn:pulumi:test::it::{LOG_GROUP}::logs", "id": made.id})
    assert "ResourceAlreadyExistsException" in (refusals.creation(world, LOG_GROUP, group) or "")
    (again,) = world.of(LOG_GROUP)
    world.apply({"call": "Delete", "urn": f"urn:pulumi:test::it::{CLUSTER}::eks", "id": "it"})
    world.apply({"call": "Delete", "urn": f"urn:pulumi:test::it::{LOG_GROUP}::logs", "id": again.id})
    assert refusals.creation(world, LOG_GROUP, group) is None


def test_eks_takes_no_update_to_the_version_that_it_has_reached_by_itself(world):
    asked = {**CONTROL_PLANE, "version": "1.35"}
    world.add(Thing(token=CLUSTER, id="it", inputs=asked))
    refused = refusals.update(world, world.get(CLUSTER, "it"), asked, CONTROL_PLANE)
    assert "Unsupported Kubernetes minor version update from 1.35 to 1.35" in (refused or "")
    assert refusals.update(world, world.get(CLUSTER, "it"), asked, asked) is None


def test_standard_support_is_for_versions_that_are_in_it(world):
    cluster, standard = (
        world.get(CLUSTER, "it"),
        {**CONTROL_PLANE, "upgradePolicy": {"supportType": "STANDARD"}},
    )
    world.orders = {"extended": ["1.34"]}
    assert "in extended support" in (refusals.update(world, cluster, standard) or "")
    assert refusals.update(world, cluster, {**standard, "upgradePolicy": {"supportType": "EXTENDED"}}) is None
    world.add(Thing(token=CLUSTER, id="it", inputs=standard))
    assert refusals.update(world, world.get(CLUSTER, "it"), standard) is None


def test_a_control_plane_takes_one_update_at_a_time(world):
    cluster = world.get(CLUSTER, "it")
    cluster.status = UPDATING
    assert "update in progress" in (
        refusals.update(world, cluster, {**CONTROL_PLANE, "version": "1.35"}) or ""
    )


def test_quotas_are_those_that_a_test_sets(world):
    address, vpc, instance = {"domain": "vpc"}, {"cidrBlock": "10.30.0.0/16"}, {"instanceType": "t4g.xlarge"}
    asked = [("aws:ec2/eip:Eip", address), ("aws:ec2/vpc:Vpc", vpc), (INSTANCE, instance)]
    assert [refusals.creation(world, *each) for each in asked] == [None] * 3
    # Two managed nodes of 2 vCPUs run, and the new instance has 4.
    world.orders = {"quotas": {"aws:ec2/eip:Eip": 1, "aws:ec2/vpc:Vpc": 2, "vcpus": 7}}
    words = ("AddressLimitExceeded", "VpcLimitExceeded", "VcpuLimitExceeded")
    for each, word in zip(asked, words, strict=True):
        assert (refusals.creation(world, *each) or "").startswith(word)
    world.orders = {"quotas": {"aws:ec2/eip:Eip": 2, "aws:ec2/vpc:Vpc": 3, "vcpus": 8}}
    assert [refusals.creation(world, *each) for each in asked] == [None] * 3


def test_a_launch_template_that_is_in_use_can_be_deleted(world):
    template = Thing(token="aws:ec2/launchTemplate:LaunchTemplate", id="lt-00000000000000010", inputs={})
    world.add(template)
    world.add(Thing(token=NODE_GROUP, id="it:b", inputs={**NODES, "launchTemplate": {"id": template.id}}))
    assert refusals.deletion(world, template) is None


def test_a_vpc_goes_with_the_security_group_that_aws_has_made_in_it(tmp_path):
    world = World(tmp_path / "none")
    vpc = Thing(token="aws:ec2/vpc:Vpc", id=VPC, inputs={"cidrBlock": "10.10.0.0/16"})
    for thing in (vpc, Thing(token=DEFAULT_GROUP, id=GROUP, inputs={"vpcId": VPC})):
        world.add(thing)
    assert refusals.deletion(world, vpc) is None
    world.apply({"call": "Delete", "urn": f"urn:pulumi:test::it::{vpc.token}::eks", "id": VPC})
    assert list(world) == []
