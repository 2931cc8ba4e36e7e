"""A data centre of one's own in place of the VPC that plays one: what is built, and what is not."""

import base64
import pickle
from datetime import UTC, datetime, timedelta

import pytest

from infra.node_cleanup import NodeCleanupProvider, OwnMachineCleanupProvider
from infra.site import no_proxy
from ops.program.recorder import Recording
from tests.conftest import OWN_SITE
from tests.waits import waits_for

ACTIVATION = "aws:ssm/activation:Activation"
ATTACHMENT = "aws:ec2transitgateway/vpcAttachment:VpcAttachment"
CLEANUP = "pulumi-python:dynamic/ekshybrid:NodeCleanup"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
DRAIN = "pulumi-python:dynamic/ekshybrid:NodeDrain"
ENTRY = "aws:eks/accessEntry:AccessEntry"
PROPAGATION = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"
RACK_1, RACK_2 = OWN_SITE["hybridNodes"]
RANGES = ["10.80.0.0/16", "10.81.0.0/24"]
ROUTE = "aws:ec2/route:Route"
RULES = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)


@pytest.fixture(scope="module")
def by_vpn(record) -> Recording:
    site = {"nodeCidrs": RANGES, "vpnGatewayId": "vgw-0123456789abcdef0"}
    return record(**{**OWN_SITE, "site": site})


@pytest.fixture(scope="module")
def by_others(record) -> Recording:
    return record(**{**OWN_SITE, "site": {"nodeCidrs": RANGES, "routes": "none"}})


def test_there_is_one_vpc_one_nat_gateway_no_peering_and_no_instance(own):
    assert [vpc.name for vpc in own.of_type("aws:ec2/vpc:Vpc")] == ["eks"]
    assert len(own.of_type("aws:ec2/natGateway:NatGateway")) == 1
    for type_ in ("aws:ec2/vpcPeeringConnection:VpcPeeringConnection", "aws:ec2/instance:Instance"):
        assert own.of_type(type_) == []


def test_a_transit_gateway_gets_one_subnet_in_each_zone_and_leads_to_every_range_from_every_table(own):
    attachment = own.one(ATTACHMENT)
    assert attachment.inputs["transitGatewayId"] == "tgw-0123456789abcdef0"
    private = [r.id for r in own.of_type("aws:ec2/subnet:Subnet") if "private" in r.name]
    assert attachment.inputs["subnetIds"] == private
    tables = {r.id for r in own.of_type("aws:ec2/routeTable:RouteTable")}
    routes = [r for r in own.of_type(ROUTE) if r.inputs.get("transitGatewayId")]
    found = {(r.inputs["routeTableId"], r.inputs["destinationCidrBlock"]) for r in routes}
    assert found == {(table, cidr) for table in tables for cidr in RANGES}
    # AWS takes a route to a gateway only when the VPC is attached to it.
    assert all(attachment.urn in waits_for(own, route.urn) for route in routes)


def test_a_vpn_gateway_tells_its_routes_to_every_table(by_vpn):
    attachment = by_vpn.one("aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment")
    propagations = by_vpn.of_type(PROPAGATION)
    tables = {r.id for r in by_vpn.of_type("aws:ec2/routeTable:RouteTable")}
    assert {r.inputs["routeTableId"] for r in propagations} == tables
    assert all(attachment.urn in waits_for(by_vpn, r.urn) for r in propagations)


def test_routes_of_somebody_else_are_left_to_them(by_others):
    link = by_others.one("ekshybrid:site:DataCentreLink")
    assert [r for r in by_others.resources.values() if r.parent == link.urn] == []


def test_rules_admit_the_ranges_and_hybrid_nodes_have_no_group(own):
    groups = {r.id: r.name for r in own.of_type("aws:ec2/securityGroup:SecurityGroup")}
    assert "hybrid" not in groups.values()
    rules = [r for type_ in RULES for r in own.of_type(type_) if r.inputs.get("cidrIpv4") in RANGES]
    assert {r.inputs["cidrIpv4"] for r in rules} == set(RANGES)
    opened = {
        (
            groups[r.inputs["securityGroupId"]],
            r.inputs["fromPort"],
            "egress" if "Egress" in r.type else "ingress",
        )
        for r in rules
    }
    assert opened == {
        ("control-plane", 443, "ingress"),
        ("control-plane", 10250, "egress"),
        ("managed", 4789, "ingress"),
        ("managed", 4789, "egress"),
        ("managed", 10250, "egress"),
        ("managed", 30080, "ingress"),
        ("managed", 30080, "egress"),
        ("load-balancer", 30080, "egress"),
    }


def test_the_allow_list_has_the_one_nat_gateway(record):
    found = record(**{**OWN_SITE, "apiAllowedCidrs": ["203.0.113.0/24"]})
    cidrs = found.one("eks:index:Cluster").inputs["publicAccessCidrs"]
    assert len(cidrs) == 2


def test_each_machine_has_an_activation_that_comes_when_it_can_be_used(own):
    activations = own.of_type(ACTIVATION)
    assert {r.name for r in activations} == {"rack-1", "rack-2"}
    for activation in activations:
        assert activation.inputs["registrationLimit"] == 1
        assert own.one(ENTRY).urn in waits_for(own, activation.urn)
        # Any of these would be a new activation, and the clean-up of a machine that runs.
        assert {"expirationDate", "tags", "description"} <= set(activation.options.ignore_changes)
        # Not in 24 hours: AWS's own default.
        assert "expirationDate" not in activation.inputs


def test_an_activation_lives_as_long_as_the_settings_say(record):
    found = record(**OWN_SITE, activationHours=240)
    for activation in found.of_type(ACTIVATION):
        date = datetime.strptime(activation.inputs["expirationDate"], "%Y-%m-%dT%H:%M:%S%z")
        assert timedelta(hours=239) < date - datetime.now(UTC) < timedelta(hours=241)


def test_the_activation_does_not_follow_from_what_shapes_the_machine(own, record):
    other = record(**OWN_SITE, kubernetesVersion="1.35", nodeadmVersion="v1.0.19")
    urns = {r.urn for r in own.of_type(ACTIVATION)}
    assert {r.urn for r in other.of_type(ACTIVATION)} == urns


@pytest.mark.parametrize(
    "change",
    [
        {"nodeadmVersion": "v1.0.19"},
        {"hybridNodes": [RACK_1, {**RACK_2, "os": "ubuntu-24.04", "architecture": "amd64"}]},
        {"hybridNodes": [RACK_1, {**RACK_2, "zone": "osaka", "labels": {"rack": "r1"}}]},
        {"site": {**OWN_SITE["site"], "httpsProxy": "http://other.example.internal:3128"}},
        {"site": {**OWN_SITE["site"], "noProxy": ".other.internal"}},
    ],
    ids=["nodeadm", "machine", "labels", "proxy", "exceptions"],
)
def test_what_only_the_join_reads_changes_nothing_that_exists(own, record, change):
    def made(recording):
        # The component's own inputs are notes for a reader; what remembers the settings follows them.
        return {
            each.urn: each.inputs
            for each in recording.resources.values()
            if not each.type.startswith(("ekshybrid:", "pulumi:")) and "FixedSettings" not in each.type
        }

    other = record(**{**OWN_SITE, **change})
    assert made(other) == made(own)
    assert other.stack_outputs["joins"] != own.stack_outputs["joins"]


def test_the_clean_up_knows_that_there_is_no_instance(own, dev):
    for recording, provider in ((own, OwnMachineCleanupProvider), (dev, NodeCleanupProvider)):
        for cleanup in recording.of_type(CLEANUP):
            # What the program itself has written.
            stored = base64.b64decode(cleanup.inputs["__provider"])
            assert type(pickle.loads(stored)) is provider  # noqa: S301  this program has written it


def test_the_targets_are_the_addresses_and_go_before_the_drain(own):
    targets = own.of_type("aws:lb/targetGroupAttachment:TargetGroupAttachment")
    assert {r.inputs["targetId"]: r.inputs["availabilityZone"] for r in targets} == {
        "10.80.0.11": "all",
        "10.81.0.12": "all",
    }
    drains = {r.inputs["address"]: r.urn for r in own.of_type(DRAIN)}
    assert all(drains[r.inputs["targetId"]] in waits_for(own, r.urn) for r in targets)


def test_nobody_waits_for_a_person(own, dev):
    def skipped(recording):
        return {
            r.name
            for type_ in (DEPLOYMENT, "kubernetes:core/v1:Service")
            for r in recording.of_type(type_)
            if r.inputs["metadata"].get("annotations", {}).get("pulumi.com/skipAwait") == "true"
        }

    everywhere = {"coredns-hybrid", "metrics-server", "nw-check-closed-hybrid", "nw-check-closed-managed"}
    assert skipped(own) == everywhere | {"nw-check-hybrid", "sample-app", "sample-svc"}
    assert skipped(dev) == everywhere


def test_what_a_machine_needs_to_join_is_a_secret_output(own, dev):
    assert "joins" in own.secret_outputs
    join = own.stack_outputs["joins"]["rack-2"]
    config = join["config"]
    assert (join["address"], config["os"], config["architecture"]) == ("10.81.0.12", "al2023", "arm64")
    assert join["activation_code"]
    assert config["proxy"]["url"] == "http://proxy.example.internal:3128"
    assert own.stack_outputs["machinesToJoin"] == (
        "2 machines of your own to join, unless they have: ops join --all --out FOLDER (rack-1, rack-2)"
    )
    assert "joins" not in dev.stack_outputs


def test_the_code_of_an_activation_is_in_no_other_output(own):
    codes = [join["activation_code"] for join in own.stack_outputs["joins"].values()]
    others = {name: value for name, value in own.stack_outputs.items() if name != "joins"}
    assert not any(code in str(others) for code in codes)


def test_verify_learns_of_the_site(own):
    checks = own.stack_outputs["opsOnly"]
    assert checks["remoteNodeNetworks"] == RANGES
    assert checks["podMtu"] == 1356
    assert checks["transitGatewayId"] == "tgw-0123456789abcdef0"
    assert "onPremVpcId" not in checks


def test_the_stacks_page_says_whose_machine_it_is(own):
    assert "| rack-1 | a machine of your own | 10.80.0.11 |" in own.stack_outputs["readme"]


def test_no_proxy_holds_what_a_proxy_does_not_reach(own):
    words = own.stack_outputs["joins"]["rack-1"]["config"]["proxy"]["exceptions"].split(",")
    assert {
        "localhost",
        "10.10.0.0/16",
        *RANGES,
        "192.168.0.0/16",
        "172.16.0.0/16",
        ".example.internal",
    } <= set(words)
    assert no_proxy("localhost,a", ["10.0.0.0/8"]).split(",").count("localhost") == 1
