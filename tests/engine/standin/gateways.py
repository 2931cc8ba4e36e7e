"""What EC2 refuses of a transit gateway or a virtual private gateway that leads to a data centre of one's own.

The gateways are somebody else's: a test says which exist (harness.Stack.there_is). One of another region, or of another
account that does not share it, does not exist for this account. Codes and texts:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, and what users quote of transit gateways
in hashicorp/terraform-provider-aws issue 10852, zoitech/terraform-aws-network issue 46 and of virtual private gateways
in cloudposse/terraform-aws-vpn-connection issue 22. What the AWS provider waits for (the code of a route to a gateway
that is not attached, and of a propagation from one) is in its internal/service/ec2/vpc_route_table.go.
"""

from collections.abc import Iterator
from typing import Any

from tests.engine.standin.world import PENDING, Thing, World

TRANSIT_GATEWAY = "aws:ec2transitgateway/transitGateway:TransitGateway"
TRANSIT_ATTACHMENT = "aws:ec2transitgateway/vpcAttachment:VpcAttachment"
VPN_GATEWAY = "aws:ec2/vpnGateway:VpnGateway"
VPN_ATTACHMENT = "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment"
_SUBNET = "aws:ec2/subnet:Subnet"
_TABLE = "aws:ec2/routeTable:RouteTable"


def transit_attachment(world: World, old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    """Tell why a VPC cannot be attached to a transit gateway."""
    identity, vpc = inputs["transitGatewayId"], inputs["vpcId"]
    gateway = world.get(TRANSIT_GATEWAY, identity)
    if gateway is None:
        yield _no_transit_gateway(identity)
        return
    if gateway.inputs["state"] != "available":
        yield f"IncorrectState: {identity} is in invalid state"
    for each in world.of(TRANSIT_ATTACHMENT):
        theirs = (each.inputs["transitGatewayId"], each.inputs["vpcId"])
        if each is not old and theirs == (identity, vpc):
            yield (
                f"DuplicateTransitGatewayAttachment: {identity} has non-deleted Transit Gateway Attachments with "
                "same VPC ID."
            )
    subnets = [each.inputs for each in world.of(_SUBNET) if each.id in inputs["subnetIds"]]
    zones = [each["availabilityZone"] for each in subnets]
    if len(zones) != len(set(zones)):
        yield "DuplicateSubnetsInSameZone: Duplicate Subnets for same AZ"
    # Its code could not be found: what is certain is that the interfaces must be in the VPC that is attached.
    if {each["vpcId"] for each in subnets} != {vpc}:
        yield f"the subnets are not in {vpc}"


def route(world: World, _old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    """Tell why a route cannot be made: its table, which is somebody else's, has one to that range already.

    A transit gateway does not exist for a VPC that is not attached to it.
    """
    table = world.get(_TABLE, inputs["routeTableId"])
    destination = inputs["destinationCidrBlock"]
    if table and destination in [each["cidrBlock"] for each in table.inputs.get("routes", ())]:
        yield f"RouteAlreadyExists: The route identified by {destination} already exists."
    identity = inputs.get("transitGatewayId")
    if not identity:
        return
    vpc = _vpc_of_table(world, inputs)
    gateway = world.get(TRANSIT_GATEWAY, identity)
    attached = any(
        (each.inputs["transitGatewayId"], each.inputs["vpcId"]) == (identity, vpc) and each.status != PENDING
        for each in world.of(TRANSIT_ATTACHMENT)
    )
    # The attachment to a gateway of another account is pendingAcceptance until its owner accepts it.
    if gateway is None or not gateway.inputs["accepts"] or not attached:
        yield _no_transit_gateway(identity)


def vpn_attachment(world: World, old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    """Tell why a virtual private gateway cannot be attached to a VPC: each has one of the other at most."""
    identity, vpc = inputs["vpnGatewayId"], inputs["vpcId"]
    gateway = world.get(VPN_GATEWAY, identity)
    if gateway is None:
        yield f"InvalidVpnGatewayID.NotFound: The vpnGateway ID '{identity}' does not exist"
        return
    if gateway.inputs["state"] != "available":
        yield f"InvalidVpnGatewayState: {identity} is not in an available state"
    others = [each.inputs for each in world.of(VPN_ATTACHMENT) if each is not old]
    theirs = {each["vpcId"] for each in others if each["vpnGatewayId"] == identity}
    if (theirs | {gateway.inputs.get("vpcId", vpc)}) - {vpc}:
        yield (
            "VpnGatewayAttachmentLimitExceeded: the limit on the number of VPCs that can be attached to "
            f"{identity} is reached"
        )
    if any(each["vpcId"] == vpc for each in others):
        yield f"InvalidVpcState: VPC {vpc} is currently attached to the Virtual Private Gateway."


def propagation(world: World, _old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    """Tell why a route table cannot take the routes of a virtual private gateway."""
    wanted = (inputs["vpnGatewayId"], _vpc_of_table(world, inputs))
    attached = [
        (each.inputs["vpnGatewayId"], each.inputs["vpcId"])
        for each in world.of(VPN_ATTACHMENT)
        if each.status != PENDING
    ]
    if wanted not in attached:
        yield f"Gateway.NotAttached: resource {wanted[0]} is not attached to network {wanted[1]}"


def _vpc_of_table(world: World, inputs: dict[str, Any]) -> str | None:
    return next(
        (each.inputs["vpcId"] for each in world.of(_TABLE) if each.id == inputs["routeTableId"]), None
    )


def _no_transit_gateway(identity: str) -> str:
    return f"InvalidTransitGatewayID.NotFound: The transitGateway ID '{identity}' does not exist."
