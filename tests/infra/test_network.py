"""Both VPCs and the peering."""

import re
from pathlib import Path

import pytest

from infra.outputs import readme
from infra.versions import RELEASE

DOCUMENT = Path(__file__).parents[2] / "docs" / "outputs.md"

ROUTE = "aws:ec2/route:Route"
SUBNET = "aws:ec2/subnet:Subnet"


def test_names_resolve_in_both_vpcs(dev):
    # EKS needs both: https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
    vpcs = dev.of_type("aws:ec2/vpc:Vpc")
    assert len(vpcs) == 2
    for vpc in vpcs:
        assert (vpc.inputs["enableDnsHostnames"], vpc.inputs["enableDnsSupport"]) == (True, True)


def test_subnets_are_where_the_picture_shows_them(dev):
    assert {r.name: (r.inputs["cidrBlock"], r.inputs["availabilityZone"]) for r in dev.of_type(SUBNET)} == {
        "eks-public-1": ("10.10.101.0/24", "ap-northeast-1a"),
        "eks-public-2": ("10.10.102.0/24", "ap-northeast-1b"),
        "eks-private-1": ("10.10.1.0/24", "ap-northeast-1a"),
        "eks-private-2": ("10.10.2.0/24", "ap-northeast-1b"),
        "on-prem-public-1": ("10.90.101.0/24", "ap-northeast-1a"),
        "on-prem-private-1": ("10.90.1.0/24", "ap-northeast-1a"),
    }


def test_zones_that_cannot_hold_a_control_plane_are_left_out(dev):
    # https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
    (asked,) = [args for token, args in dev.invokes if token.endswith(":getAvailabilityZones")]
    assert asked["excludeZoneIds"] == ["use1-az3", "usw1-az2", "cac1-az3"]
    assert asked["state"] == "available"
    # Local and Wavelength Zones have to be opted in to.
    assert asked["filters"] == [{"name": "opt-in-status", "values": ["opt-in-not-required"]}]


def test_a_third_zone_gets_subnets_and_leaves_the_others_where_they_are(record, dev):
    three = {r.name: r.inputs["cidrBlock"] for r in record(availabilityZones=3).of_type(SUBNET)}
    two = {r.name: r.inputs["cidrBlock"] for r in dev.of_type(SUBNET)}
    assert three == {**two, "eks-private-3": "10.10.3.0/24", "eks-public-3": "10.10.103.0/24"}


def test_a_subnet_stays_where_it_is_when_aws_opens_a_zone(dev):
    assert {r.options.ignore_changes for r in dev.of_type(SUBNET)} == {("availabilityZone",)}


def test_only_the_eks_vpc_is_marked_for_load_balancers(dev):
    for subnet in dev.of_type(SUBNET):
        roles = {key for key in subnet.inputs["tags"] if key.startswith("kubernetes.io/role/")}
        if subnet.name.startswith("on-prem"):
            assert roles == set()
        else:
            expected = "elb" if "public" in subnet.name else "internal-elb"
            assert roles == {f"kubernetes.io/role/{expected}"}


def test_every_route_table_of_both_vpcs_has_a_route_to_the_other(dev):
    peering = dev.one("aws:ec2/vpcPeeringConnection:VpcPeeringConnection")
    tables = {r.id: r.name for r in dev.of_type("aws:ec2/routeTable:RouteTable")}
    found = {
        tables[r.inputs["routeTableId"]]: r.inputs["destinationCidrBlock"]
        for r in dev.of_type(ROUTE)
        if r.inputs.get("vpcPeeringConnectionId") == peering.id
    }
    assert found == {
        "eks-public": "10.90.0.0/16",
        "eks-private": "10.90.0.0/16",
        "on-prem-public": "10.10.0.0/16",
        "on-prem-private": "10.10.0.0/16",
    }
    assert peering.inputs["autoAccept"] is True


def test_no_route_leads_to_the_pod_network(dev):
    # The overlay needs none; that is the point of it.
    assert {r.inputs["destinationCidrBlock"] for r in dev.of_type(ROUTE)} == {
        "0.0.0.0/0",
        "10.10.0.0/16",
        "10.90.0.0/16",
    }


@pytest.mark.parametrize("vpc", ["eks", "on-prem"])
def test_private_subnets_leave_by_nat_and_public_ones_by_the_gateway(dev, vpc):
    private = dev.one(ROUTE, f"{vpc}-private-internet").inputs
    assert private["natGatewayId"] == dev.one("aws:ec2/natGateway:NatGateway", f"{vpc}-nat").id
    public = dev.one(ROUTE, f"{vpc}-public-internet").inputs
    assert public["gatewayId"] == dev.one("aws:ec2/internetGateway:InternetGateway", vpc).id
    tables = {r.id: r.name for r in dev.of_type("aws:ec2/routeTable:RouteTable")}
    subnets = {r.id: r.name for r in dev.of_type(SUBNET)}
    for association in dev.of_type("aws:ec2/routeTableAssociation:RouteTableAssociation"):
        subnet, table = subnets[association.inputs["subnetId"]], tables[association.inputs["routeTableId"]]
        assert subnet.rpartition("-")[0] == table


@pytest.mark.parametrize("vpc", ["eks", "on-prem"])
def test_image_layers_do_not_pay_for_nat(dev, vpc):
    endpoint = dev.one("aws:ec2/vpcEndpoint:VpcEndpoint", f"{vpc}-s3").inputs
    assert endpoint["serviceName"] == "com.amazonaws.ap-northeast-1.s3"
    assert endpoint["vpcEndpointType"] == "Gateway"
    assert endpoint["routeTableIds"] == [dev.one("aws:ec2/routeTable:RouteTable", f"{vpc}-private").id]


def test_the_outputs_say_where_everything_is(dev):
    outputs = dev.stack_outputs
    assert set(outputs) == {
        "accountId",
        "albUrl",
        "apiEndpoint",
        "clusterArn",
        "clusterName",
        "hybridNodes",
        "hybridRoleArn",
        "kubeconfig",
        "kubernetesVersion",
        "managedNodeGroup",
        "nodeSecurityGroupId",
        "oidcIssuer",
        "oidcProviderArn",
        "opsOnly",
        "privateSubnetIds",
        "readme",
        "region",
        "release",
        "updateKubeconfig",
        "vpcId",
    }
    assert outputs["clusterName"] == "eks-hybrid"
    assert outputs["albUrl"].startswith("http://alb-")
    assert (
        outputs["updateKubeconfig"] == "aws eks update-kubeconfig --region ap-northeast-1 --name eks-hybrid"
    )
    assert [node["name"] for node in outputs["hybridNodes"]] == ["hybrid-1", "hybrid-2"]
    for node in outputs["hybridNodes"]:
        instance = next(
            r for r in dev.of_type("aws:ec2/instance:Instance") if r.name.startswith(node["name"] + ".")
        )
        assert node["instanceId"] == instance.id
        assert node["privateIp"] == instance.outputs["privateIp"]
        assert node["activationId"] == dev.one("aws:ssm/activation:Activation", instance.name).id
    assert outputs["managedNodeGroup"]["autoScalingGroup"].startswith("eks-managed")


def test_the_outputs_for_other_stacks_are_those_of_the_document(dev):
    rows = re.findall(
        r"^\| `(\w+)` \| (text|list of texts|secret text) \|", DOCUMENT.read_text(), re.MULTILINE
    )
    assert rows
    outputs = dev.stack_outputs
    for name, type_ in rows:
        assert isinstance(outputs[name], list if type_ == "list of texts" else str), name
    promised = {name for name, _ in rows}
    assert set(outputs) - promised == {
        "hybridNodes",
        "managedNodeGroup",
        "opsOnly",
        "readme",
        "updateKubeconfig",
    }
    vpc = dev.one("aws:ec2/vpc:Vpc", "eks")
    assert outputs["vpcId"] == vpc.id
    assert len(outputs["privateSubnetIds"]) == 2
    assert outputs["nodeSecurityGroupId"] == dev.one("aws:ec2/securityGroup:SecurityGroup", "managed").id
    assert outputs["clusterArn"].endswith(":cluster/eks-hybrid")
    assert outputs["apiEndpoint"].startswith("https://")
    assert outputs["release"] == RELEASE


def test_verify_is_told_what_it_cannot_read_from_the_cluster(dev):
    checks = dev.stack_outputs["opsOnly"]
    assert checks["remoteNodeNetworks"] == ["10.90.0.0/16"]
    assert checks["peeringId"] == dev.one("aws:ec2/vpcPeeringConnection:VpcPeeringConnection").id
    assert checks["tags"] == {"eks-hybrid-calico:stack": "eks-hybrid-calico/dev"}
    assert checks["managedNodes"] == {"min": 1, "max": 3}
    assert (checks["podCidr"], checks["serviceCidr"]) == ("192.168.0.0/16", "172.16.0.0/16")


def test_the_stacks_page_names_the_nodes_and_the_url(dev):
    page = dev.stack_outputs["readme"]
    assert dev.stack_outputs["albUrl"] in page
    for node in dev.stack_outputs["hybridNodes"]:
        assert f"| {node['name']} | `{node['instanceId']}` | {node['privateIp']} |" in page
    assert "${" not in page


def test_a_page_with_a_name_that_nobody_fills_in_is_an_error():
    with pytest.raises(KeyError):
        readme("${nothing}", {"stack": "", "hybridNodes": [], "clusterName": "", "updateKubeconfig": "", "albUrl": "",
                              "managedNodeGroup": {"name": ""}})  # fmt: skip


def test_the_default_groups_of_both_vpcs_hold_no_rule(dev):
    vpcs = {r.id: r.name for r in dev.of_type("aws:ec2/vpc:Vpc")}
    groups = dev.of_type("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert sorted(vpcs[group.inputs["vpcId"]] for group in groups) == ["eks", "on-prem"]
    for group in groups:
        assert not {"ingress", "egress"} & group.inputs.keys()
