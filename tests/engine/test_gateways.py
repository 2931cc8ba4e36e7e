"""What EC2 refuses of gateways to a data centre, the stand-in refuses. No engine is needed."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.engine.standin import refusals
from tests.engine.standin.gateways import TRANSIT_ATTACHMENT, TRANSIT_GATEWAY, VPN_ATTACHMENT, VPN_GATEWAY
from tests.engine.standin.world import PENDING, Thing, World

VPC, OTHER_VPC, BARE_VPC = (f"vpc-000000000000000{n}0" for n in range(1, 4))
TABLE, OTHER_TABLE = "rtb-00000000000000010", "rtb-00000000000000020"
A, B, SAME_ZONE, ELSEWHERE = (f"subnet-000000000000000{n}0" for n in range(1, 5))
TGW, FREE_TGW, NEW_TGW, CLOSED_TGW = (f"tgw-000000000000000{n}0" for n in range(1, 5))
VGW, FREE_VGW, FOREIGN_VGW, NEW_VGW, BARE_VGW = (f"vgw-000000000000000{n}0" for n in range(1, 6))
SUBNET, ROUTE = "aws:ec2/subnet:Subnet", "aws:ec2/route:Route"
PROPAGATION = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"
ACTIVATION = "aws:ssm/activation:Activation"

TRANSIT = {"transitGatewayId": TGW, "vpcId": VPC, "subnetIds": [A, B]}
TO_TGW = {"routeTableId": TABLE, "destinationCidrBlock": "10.80.0.0/16", "transitGatewayId": TGW}


@pytest.fixture
def world(tmp_path):
    """A VPC that is attached to a gateway of each kind, one that is attached to none, and one without anything else."""
    made = World(tmp_path / "journal.jsonl")
    there = {"state": "available", "accepts": True}
    for token, identity, inputs in [
        ("aws:ec2/vpc:Vpc", VPC, {}),
        ("aws:ec2/vpc:Vpc", OTHER_VPC, {}),
        ("aws:ec2/vpc:Vpc", BARE_VPC, {}),
        ("aws:ec2/routeTable:RouteTable", TABLE, {"vpcId": VPC}),
        ("aws:ec2/routeTable:RouteTable", OTHER_TABLE, {"vpcId": OTHER_VPC}),
        *(
            (SUBNET, identity, {"vpcId": vpc, "availabilityZone": zone})
            for identity, vpc, zone in (
                (A, VPC, "a"),
                (B, VPC, "b"),
                (SAME_ZONE, VPC, "b"),
                (ELSEWHERE, OTHER_VPC, "a"),
            )
        ),
        (TRANSIT_GATEWAY, TGW, there),
        (TRANSIT_GATEWAY, FREE_TGW, there),
        (TRANSIT_GATEWAY, NEW_TGW, {**there, "state": "pending"}),
        (TRANSIT_GATEWAY, CLOSED_TGW, {**there, "accepts": False}),
        (VPN_GATEWAY, VGW, there),
        (VPN_GATEWAY, FREE_VGW, there),
        (VPN_GATEWAY, FOREIGN_VGW, {**there, "vpcId": "vpc-0000000000000dead"}),
        (VPN_GATEWAY, NEW_VGW, {**there, "state": "pending"}),
        (TRANSIT_ATTACHMENT, "tgw-attach-00000000000000010", TRANSIT),
        (TRANSIT_ATTACHMENT, "tgw-attach-00000000000000020", {**TRANSIT, "transitGatewayId": CLOSED_TGW}),
        (VPN_GATEWAY, BARE_VGW, there),
        (VPN_ATTACHMENT, "attached", {"vpnGatewayId": VGW, "vpcId": VPC}),
        (VPN_ATTACHMENT, "bare", {"vpnGatewayId": BARE_VGW, "vpcId": BARE_VPC}),
    ]:
        made.add(Thing(token=token, id=identity, inputs=inputs))
    return made


@pytest.mark.parametrize(
    ("token", "inputs", "words"),
    [
        # One of another region, or of an account that does not share it, looks the same.
        (
            TRANSIT_ATTACHMENT,
            {**TRANSIT, "transitGatewayId": "tgw-0000000000000dead"},
            "InvalidTransitGatewayID.NotFound",
        ),
        (TRANSIT_ATTACHMENT, {**TRANSIT, "transitGatewayId": NEW_TGW}, "IncorrectState"),
        (TRANSIT_ATTACHMENT, TRANSIT, "DuplicateTransitGatewayAttachment"),
        (
            TRANSIT_ATTACHMENT,
            {**TRANSIT, "transitGatewayId": FREE_TGW, "subnetIds": [A, B, SAME_ZONE]},
            "DuplicateSubnetsInSameZone",
        ),
        (
            TRANSIT_ATTACHMENT,
            {**TRANSIT, "transitGatewayId": FREE_TGW, "subnetIds": [ELSEWHERE]},
            f"the subnets are not in {VPC}",
        ),
        (ROUTE, {**TO_TGW, "transitGatewayId": FREE_TGW}, "InvalidTransitGatewayID.NotFound"),
        (ROUTE, {**TO_TGW, "transitGatewayId": CLOSED_TGW}, "InvalidTransitGatewayID.NotFound"),
        (ROUTE, {**TO_TGW, "routeTableId": OTHER_TABLE}, "InvalidTransitGatewayID.NotFound"),
        (
            VPN_ATTACHMENT,
            {"vpnGatewayId": "vgw-0000000000000dead", "vpcId": OTHER_VPC},
            "InvalidVpnGatewayID.NotFound",
        ),
        (VPN_ATTACHMENT, {"vpnGatewayId": NEW_VGW, "vpcId": OTHER_VPC}, "InvalidVpnGatewayState"),
        (VPN_ATTACHMENT, {"vpnGatewayId": VGW, "vpcId": OTHER_VPC}, "VpnGatewayAttachmentLimitExceeded"),
        (
            VPN_ATTACHMENT,
            {"vpnGatewayId": FOREIGN_VGW, "vpcId": OTHER_VPC},
            "VpnGatewayAttachmentLimitExceeded",
        ),
        (VPN_ATTACHMENT, {"vpnGatewayId": FREE_VGW, "vpcId": VPC}, "InvalidVpcState"),
        (PROPAGATION, {"vpnGatewayId": FREE_VGW, "routeTableId": TABLE}, "Gateway.NotAttached"),
        (PROPAGATION, {"vpnGatewayId": VGW, "routeTableId": OTHER_TABLE}, "Gateway.NotAttached"),
    ],
)
def test_a_creation_that_ec2_refuses_is_refused(world, token, inputs, words):
    assert words in (refusals.creation(world, token, inputs) or "")


@pytest.mark.parametrize(
    ("token", "inputs"),
    [
        (TRANSIT_ATTACHMENT, {**TRANSIT, "transitGatewayId": FREE_TGW}),
        (TRANSIT_ATTACHMENT, {"transitGatewayId": TGW, "vpcId": OTHER_VPC, "subnetIds": [ELSEWHERE]}),
        (ROUTE, TO_TGW),
        (ROUTE, {**TO_TGW, "transitGatewayId": None, "natGatewayId": "nat"}),
        (VPN_ATTACHMENT, {"vpnGatewayId": FREE_VGW, "vpcId": OTHER_VPC}),
        (PROPAGATION, {"vpnGatewayId": VGW, "routeTableId": TABLE}),
    ],
)
def test_a_creation_that_ec2_takes_is_taken(world, token, inputs):
    assert refusals.creation(world, token, inputs) is None


@pytest.mark.parametrize(
    ("token", "inputs", "next_token", "needing", "words"),
    [
        (
            TRANSIT_ATTACHMENT,
            {**TRANSIT, "transitGatewayId": FREE_TGW},
            ROUTE,
            {**TO_TGW, "transitGatewayId": FREE_TGW},
            "InvalidTransitGatewayID.NotFound",
        ),
        (
            VPN_ATTACHMENT,
            {"vpnGatewayId": FREE_VGW, "vpcId": OTHER_VPC},
            PROPAGATION,
            {"vpnGatewayId": FREE_VGW, "routeTableId": OTHER_TABLE},
            "Gateway.NotAttached",
        ),
    ],
)
def test_an_attachment_that_is_under_way_carries_nothing_yet(
    world, token, inputs, next_token, needing, words
):
    attachment = Thing(token=token, id="new", inputs=inputs, status=PENDING)
    world.begun.append(attachment)
    assert words in (refusals.creation(world, next_token, needing) or "")
    attachment.status = "ACTIVE"
    assert refusals.creation(world, next_token, needing) is None


@pytest.mark.parametrize(
    ("token", "identity"),
    [(SUBNET, A), ("aws:ec2/vpc:Vpc", VPC), ("aws:ec2/vpc:Vpc", BARE_VPC)],
    ids=["a subnet with an interface of the gateway", "its VPC", "a VPC with nothing but a VPN gateway"],
)
def test_what_a_gateway_is_attached_to_is_not_deleted(world, token, identity):
    assert "DependencyViolation" in (refusals.deletion(world, world.get(token, identity)) or "")


def test_a_vpc_whose_gateway_is_detached_is_deleted(world):
    world.apply({"call": "Delete", "urn": f"urn:pulumi:a::b::{VPN_ATTACHMENT}::c", "id": "bare"})
    assert refusals.deletion(world, world.get("aws:ec2/vpc:Vpc", BARE_VPC)) is None


def test_a_gateway_of_somebody_else_is_what_the_journal_says_last(world):
    free = {**TRANSIT, "transitGatewayId": FREE_TGW}
    gone = {"state": "deleting", "accepts": True}
    world.apply({"call": "Exists", "type": TRANSIT_GATEWAY, "id": FREE_TGW, "inputs": gone})
    assert "IncorrectState" in (refusals.creation(world, TRANSIT_ATTACHMENT, free) or "")


@pytest.mark.parametrize(("hours", "taken"), [(-1, False), (1, True), (719, True), (721, False)])
def test_an_activation_ends_within_thirty_days_and_not_in_the_past(world, hours, taken):
    date = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (refusals.creation(world, ACTIVATION, {"expirationDate": date}) is None) is taken
