"""The world as AWS shows it."""

from collections.abc import Iterator
from typing import Any

from tests.ops.standin.aws import Answer, AnsweringAws, Object
from tests.ops.standin.world import CLUSTER, CLUSTER_ARN, TRANSIT_GATEWAY, VPN_GATEWAY

# What leads to the other side.
_WAYS = {
    "": {"VpcPeeringConnectionId": "pcx-0a1b2c3d"},
    "transit": {"TransitGatewayId": TRANSIT_GATEWAY},
    "vpn": {"GatewayId": VPN_GATEWAY, "Origin": "EnableVgwRoutePropagation"},
    "none": {"NetworkInterfaceId": "eni-0a1b2c3d"},
}
_SIDES = {
    "managed": ("vpc-eks", "10.10.0.0/16", "10.90.0.0/16"),
    "hybrid": ("vpc-onprem", "10.90.0.0/16", "10.10.0.0/16"),
}


class StandInAws(AnsweringAws):
    """AWS answered from the world, as it is at the moment of the question."""

    def __init__(self, world: Any) -> None:
        super().__init__(
            {
                "sts get_caller_identity": lambda _: {"Account": world.account},
                "ec2 describe_vpc_peering_connections": lambda request: _peering(world, request),
                "ec2 describe_vpn_gateways": lambda request: _vpn_gateway(world, request),
                "ec2 describe_transit_gateway_vpc_attachments": lambda _: _attachments(world),
                "ec2 describe_subnets": lambda _: _subnets(),
                "ec2 describe_route_tables": lambda _: list(_route_tables(world)),
                "ec2 describe_instances": lambda _: [{"Instances": _instances(world)}],
                "ec2 describe_security_groups": lambda _: _security_groups(world),
                "eks describe_cluster": lambda request: _cluster(world, request),
                "eks describe_access_entry": lambda request: _access_entry(world, request),
                "ssm describe_instance_information": lambda _: list(_registrations(world)),
                "elbv2 describe_target_health": lambda request: _target_health(world, request),
            }
        )


def _peering(world: Any, request: Object) -> Answer:
    (ident,) = request["VpcPeeringConnectionIds"]
    if not world.peering or ident != "pcx-0a1b2c3d":
        return "InvalidVpcPeeringConnectionID.NotFound"
    return [{"VpcPeeringConnectionId": ident, "Status": {"Code": world.peering}}]


def _subnets() -> list[Object]:
    """A public and a private subnet in each VPC."""
    return [
        {"SubnetId": f"subnet-{kind}-{vpc}", "VpcId": vpc}
        for vpc, *_ in _SIDES.values()
        for kind in ("public", "private")
    ]


def _route_tables(world: Any) -> Iterator[Object]:
    """A table per subnet, and the unused main table that AWS makes with a VPC."""
    for vpc, own, other in _SIDES.values():
        local = {"DestinationCidrBlock": own, "GatewayId": "local", "State": "active"}
        yield {
            "RouteTableId": f"rtb-main-{vpc}",
            "VpcId": vpc,
            "Routes": [local],
            "Associations": [{"Main": True}],
        }
        for kind in ("public", "private"):
            name = f"rtb-{kind}-{vpc}"
            routes = [
                local,
                {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"},
            ]
            if name not in world.lost_routes:
                state = "blackhole" if name in world.blackholes else "active"
                routes.append({"DestinationCidrBlock": other, "State": state, **_WAYS[world.way]})
            taken = world.way == "vpn" and name not in world.unpropagated
            yield {
                "RouteTableId": name,
                "VpcId": vpc,
                "Routes": [*routes, *world.extra_routes.get(name, [])],
                "Associations": [{"Main": False, "SubnetId": f"subnet-{kind}-{vpc}"}],
                "PropagatingVgws": [{"GatewayId": VPN_GATEWAY}] if taken else [],
            }


def _attachments(world: Any) -> list[Object]:
    """One that was deleted a while ago, and the present one."""
    return [
        {
            "TransitGatewayAttachmentId": f"tgw-attach-{number}",
            "TransitGatewayId": TRANSIT_GATEWAY,
            "VpcId": "vpc-eks",
            "State": state,
        }
        for number, state in enumerate(filter(None, ["deleted", world.attachment]))
    ]


def _vpn_gateway(world: Any, request: Object) -> Answer:
    """The virtual private gateway, and the VPC that it was attached to before."""
    if not world.vpn_gateway or request["VpnGatewayIds"] != [VPN_GATEWAY]:
        return "InvalidVpnGatewayID.NotFound"
    attachments = [{"VpcId": "vpc-before", "State": "detached"}]
    if world.vpn_attachment:
        attachments.append({"VpcId": "vpc-eks", "State": world.vpn_attachment})
    return [{"VpnGatewayId": VPN_GATEWAY, "State": "available", "VpcAttachments": attachments}]


def _cluster(world: Any, request: Object) -> Answer:
    if world.cluster_status is None or request["name"] != CLUSTER:
        return "ResourceNotFoundException"
    networks = [{"cidrs": world.remote_networks}]
    cluster = {
        "name": CLUSTER,
        "status": world.cluster_status,
        "version": "1.35",
        "remoteNetworkConfig": {"remoteNodeNetworks": networks},
    }
    return {"cluster": cluster}


def _access_entry(world: Any, request: Object) -> Answer:
    """The access entry of whom it is asked for."""
    if not world.access_entry or request["clusterName"] != CLUSTER:
        return "ResourceNotFoundException"
    return {"accessEntry": {**request, "type": world.access_entry}}


def _registrations(world: Any) -> Iterator[Object]:
    """One mi-* per hybrid node, and the strangers with the cluster's tag."""
    for machine in world.machines:
        if machine.side == "hybrid" and machine.alias not in world.unregistered:
            yield {
                "InstanceId": machine.name,
                "ActivationId": machine.activation,
                "PingStatus": world.ping_status.get(machine.alias, "Online"),
                "AgentVersion": "3.3.2299.0",
                "ComputerName": machine.alias,
            }
    for name in world.strangers:
        yield {
            "InstanceId": name,
            "ActivationId": "99999999-0000",
            "PingStatus": "Online",
            "ComputerName": "old-box",
            "Tags": [{"Key": "EKSClusterARN", "Value": CLUSTER_ARN}],
        }


def _instances(world: Any) -> list[Object]:
    """The nodes' instances, one security group per side."""
    return [
        {
            "InstanceId": machine.instance_id,
            "PrivateIpAddress": machine.ip,
            "SecurityGroups": [{"GroupId": f"sg-{machine.side}"}],
        }
        for machine in world.machines
    ]


def _security_groups(world: Any) -> list[Object]:
    """The rules of the two groups, without those the world has closed."""
    return [
        {
            "GroupId": f"sg-{side}",
            "IpPermissions": [
                {
                    "IpProtocol": protocol,
                    "FromPort": port,
                    "ToPort": port,
                    "IpRanges": [
                        {"CidrIp": _SIDES[source][1]}
                        for source in _SIDES
                        if (source, side, port) not in world.closed
                    ],
                }
                for protocol, port in (("udp", 4789), ("tcp", 30080))
            ],
            "IpPermissionsEgress": []
            if side in world.closed_egress
            else [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        }
        for side in _SIDES
    ]


def _target_health(world: Any, request: Object) -> Answer:
    """Hybrid nodes by address, managed ones by instance."""
    side = "hybrid" if "/hybrid/" in request["TargetGroupArn"] else "managed"
    targets = [
        machine.ip if side == "hybrid" else machine.instance_id
        for machine in [*world.machines, *world.unjoined]
        if machine.side == side
    ]
    described = []
    for name in [*targets, *(world.extra_targets if side == "hybrid" else [])]:
        if name in world.lost_targets:
            continue
        state, reason = world.target_states.get(name, ("healthy", ""))
        health = {"State": state, **({"Reason": reason} if reason else {})}
        described.append({"Target": {"Id": name, "Port": 30080}, "TargetHealth": health})
    return {"TargetHealthDescriptions": described}
