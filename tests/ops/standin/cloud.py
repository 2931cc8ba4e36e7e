"""The world as AWS shows it. A question that has no answer here fails for want of a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ops.clients.aws import Aws
from tests.ops.standin.world import TRANSIT_GATEWAY, VPN_GATEWAY

Object = dict[str, Any]
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


class StandInAws(Aws):
    """AWS answered from the world."""

    def __init__(self, world: Any) -> None:
        self.world = world

    def account(self) -> str:
        """The account of the credentials."""
        return self.world.account

    def peering(self, peering_id: str) -> Object | None:
        """The peering."""
        status = self.world.peering
        return {"VpcPeeringConnectionId": peering_id, "Status": {"Code": status}} if status else None

    def subnets(self, vpc_ids: Sequence[str]) -> list[Object]:
        """A public and a private subnet in each VPC."""
        return [
            {"SubnetId": f"subnet-{kind}-{vpc}", "VpcId": vpc}
            for vpc in vpc_ids
            for kind in ("public", "private")
        ]

    def route_tables(self, vpc_ids: Sequence[str]) -> list[Object]:
        """A table per subnet, and the unused main table that AWS makes with a VPC."""
        tables = []
        for vpc, own, other in _SIDES.values():
            if vpc not in vpc_ids:
                continue
            local = {"DestinationCidrBlock": own, "GatewayId": "local", "State": "active"}
            tables.append(
                {
                    "RouteTableId": f"rtb-main-{vpc}",
                    "VpcId": vpc,
                    "Routes": [local],
                    "Associations": [{"Main": True}],
                }
            )
            for kind in ("public", "private"):
                name = f"rtb-{kind}-{vpc}"
                routes = [
                    local,
                    {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"},
                ]
                if name not in self.world.lost_routes:
                    state = "blackhole" if name in self.world.blackholes else "active"
                    routes.append({"DestinationCidrBlock": other, "State": state, **_WAYS[self.world.way]})
                routes += self.world.extra_routes.get(name, [])
                association = {"Main": False, "SubnetId": f"subnet-{kind}-{vpc}"}
                taken = self.world.way == "vpn" and name not in self.world.unpropagated
                tables.append(
                    {
                        "RouteTableId": name,
                        "VpcId": vpc,
                        "Routes": routes,
                        "Associations": [association],
                        "PropagatingVgws": [{"GatewayId": VPN_GATEWAY}] if taken else [],
                    }
                )
        return tables

    def transit_attachments(self, gateway_id: str, vpc_id: str) -> list[Object]:
        """One that was deleted a while ago, and the present one."""
        states = ["deleted", *([self.world.attachment] if self.world.attachment else [])]
        return [
            {
                "TransitGatewayAttachmentId": f"tgw-attach-{number}",
                "TransitGatewayId": gateway_id,
                "VpcId": vpc_id,
                "State": state,
            }
            for number, state in enumerate(states)
        ]

    def vpn_gateway(self, gateway_id: str) -> Object | None:
        """The virtual private gateway, and the VPC that it was attached to before."""
        if not self.world.vpn_gateway:
            return None
        attachments = [{"VpcId": "vpc-before", "State": "detached"}]
        if self.world.vpn_attachment:
            attachments.append({"VpcId": "vpc-eks", "State": self.world.vpn_attachment})
        return {"VpnGatewayId": gateway_id, "State": "available", "VpcAttachments": attachments}

    def cluster(self, name: str) -> Object | None:
        """The EKS cluster."""
        status = self.world.cluster_status
        if status is None:
            return None
        networks = [{"cidrs": self.world.remote_networks}]
        return {
            "name": name,
            "status": status,
            "version": "1.35",
            "remoteNetworkConfig": {"remoteNodeNetworks": networks},
        }

    def access_entry(self, cluster: str, principal_arn: str) -> Object | None:
        """The access entry of the hybrid role."""
        kind = self.world.access_entry
        return {"clusterName": cluster, "principalArn": principal_arn, "type": kind} if kind else None

    def registrations(self, *, activation_ids: Sequence[str], cluster_arn: str) -> list[Object]:
        """One mi-* per hybrid node, and the strangers with the cluster's tag."""
        assert cluster_arn.endswith(":cluster/eks-hybrid")
        ours = [
            {
                "InstanceId": one.name,
                "ActivationId": one.activation,
                "PingStatus": self.world.ping_status.get(one.alias, "Online"),
                "AgentVersion": "3.3.2299.0",
                "ComputerName": one.alias,
            }
            for one in self.world.machines
            if one.activation in activation_ids and one.alias not in self.world.unregistered
        ]
        others = [
            {
                "InstanceId": name,
                "ActivationId": "99999999-0000",
                "PingStatus": "Online",
                "ComputerName": "old-box",
            }
            for name in self.world.strangers
        ]
        return ours + others

    def instances(self, instance_ids: Sequence[str]) -> list[Object]:
        """The nodes' instances, one security group per side."""
        return [
            {
                "InstanceId": one.instance_id,
                "PrivateIpAddress": one.ip,
                "SecurityGroups": [{"GroupId": f"sg-{one.side}"}],
            }
            for one in self.world.machines
            if one.instance_id in instance_ids
        ]

    def security_groups(self, group_ids: Sequence[str]) -> list[Object]:
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
                            if (source, side, port) not in self.world.closed
                        ],
                    }
                    for protocol, port in (("udp", 4789), ("tcp", 30080))
                ],
                "IpPermissionsEgress": []
                if side in self.world.closed_egress
                else [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
            }
            for side in _SIDES
            if f"sg-{side}" in group_ids
        ]

    def target_health(self, target_group_arn: str) -> list[Object]:
        """Hybrid nodes by address, managed ones by instance."""
        side = "hybrid" if "/hybrid/" in target_group_arn else "managed"
        ids = [
            one.ip if side == "hybrid" else one.instance_id
            for one in [*self.world.machines, *self.world.unjoined]
            if one.side == side
        ]
        found = []
        for name in [*ids, *(self.world.extra_targets if side == "hybrid" else [])]:
            if name in self.world.lost_targets:
                continue
            state, reason = self.world.target_states.get(name, ("healthy", ""))
            health = {"State": state, **({"Reason": reason} if reason else {})}
            found.append({"Target": {"Id": name, "Port": 30080}, "TargetHealth": health})
        return found
