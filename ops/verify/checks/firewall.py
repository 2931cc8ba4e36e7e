"""aws: the security groups let the overlay and the NodePort through between every two nodes, each direction apart.

A security group is stateful per flow, but VXLAN is not one flow: the answer to a packet to udp 4789 is another packet
to udp 4789. So a rule that is missing on one side breaks both directions of every ping across it, and only the rules
themselves say which side it is. A flow needs an egress rule where it starts and an ingress rule where it ends.
"""

import itertools
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from ops.checks.model import Findings, check, listed
from ops.verify import parsers
from ops.verify.context import Context

Object = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Something that must get in: protocol, port, and what breaks without it."""

    name: str
    protocol: str
    port: int
    breaks: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An EC2 instance as a firewall sees it."""

    side: str
    ip: IPv4Address
    groups: tuple[str, ...]


@check(
    "aws.node-firewall",
    "the security groups let udp 4789 and the NodePort through, between every two nodes",
    needs=("aws.identity", "node.api"),
)
def node_firewall(context: Context, findings: Findings) -> str:
    machines = _machines(context)
    wanted = sorted({group for machine in machines for group in machine.groups})
    groups = {group["GroupId"]: group for group in _described(context, wanted)}
    flows = [
        Flow(name="VXLAN", protocol="udp", port=4789, breaks="pod-to-pod traffic and DNS across these nodes")
    ]
    if port := context.deployment.checks.node_port:
        breaks = "requests to the sample app at these nodes' addresses"
        flows.append(Flow(name="NodePort", protocol="tcp", port=port, breaks=breaks))
    for flow in flows:
        closed: dict[tuple[str, str, str, tuple[str, ...]], set[IPv4Address]] = {}
        for source, target in itertools.permutations(machines, 2):
            # (direction, whose groups, who is on the other end)
            for direction, own, peer in (("egress", source, target), ("ingress", target, source)):
                if not allows([groups[one] for one in own.groups if one in groups], flow, direction, peer):
                    closed.setdefault((direction, source.side, target.side, own.groups), set()).add(peer.ip)
        for (direction, source_side, target_side, at), peers in closed.items():
            findings.fail(
                f"{flow.name} ({flow.protocol} {flow.port}) from {source_side} to {target_side} nodes is closed: "
                f"{listed(at)} has no {direction} rule for {listed(sorted(peers), most=3)}",
                why=f"it breaks {flow.breaks}, in both directions",
                fix=f"pulumi up --refresh (or aws ec2 authorize-security-group-{direction} --group-id {at[0]} "
                f"--protocol {flow.protocol} --port {flow.port} --cidr {min(peers)}/32)",
            )
    pairs = len(machines) * (len(machines) - 1)
    only = " between managed nodes; EC2 knows nothing of your own machines" if _own(context) else ""
    opened = " and ".join(f"{flow.protocol} {flow.port}" for flow in flows)
    return f"{opened} open on {pairs} of {pairs} paths{only}"


def _described(context: Context, group_ids: list[str]) -> list[Object]:
    """Describe security groups; ids that do not exist are left out."""
    wanted = [{"Name": "group-id", "Values": group_ids}]
    return (
        context.aws.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=wanted)
        if group_ids
        else []
    )


def _own(context: Context) -> bool:
    return context.deployment.checks.own_site


def allows(groups: list[Object], flow: Flow, direction: str, peer: Machine) -> bool:
    """Tell whether a rule of these groups lets `flow` through from (ingress) or to (egress) `peer`."""
    rules = "IpPermissions" if direction == "ingress" else "IpPermissionsEgress"
    return any(
        _covers(rule, flow) and _names(rule, peer) for group in groups for rule in group.get(rules) or []
    )


def _covers(rule: Object, flow: Flow) -> bool:
    if rule.get("IpProtocol") == "-1":
        return True
    low, high = rule.get("FromPort", -1), rule.get("ToPort", -1)
    return rule.get("IpProtocol") == flow.protocol and low <= flow.port <= high


def _names(rule: Object, peer: Machine) -> bool:
    ranges = (IPv4Network(one["CidrIp"]) for one in rule.get("IpRanges") or [])
    pairs = {one.get("GroupId") for one in rule.get("UserIdGroupPairs") or []}
    return any(peer.ip in network for network in ranges) or bool(pairs & set(peer.groups))


def _machines(context: Context) -> list[Machine]:
    """List the instances behind the nodes: hybrid ones by the outputs, managed ones by their providerID."""
    hybrid = {node.instance_id for node in context.deployment.hybrid_nodes if node.instance_id}
    managed = {node.instance_id for node in context.cluster.nodes if not node.hybrid}
    found = context.aws.instances(sorted(hybrid | managed))
    machines = []
    for instance in sorted(found, key=lambda one: one["InstanceId"]):
        name, ip = instance["InstanceId"], parsers.address(instance.get("PrivateIpAddress", ""))
        if ip is not None:
            machines.append(
                Machine(
                    side="hybrid" if name in hybrid else "managed",
                    ip=ip,
                    groups=tuple(sorted(one["GroupId"] for one in instance.get("SecurityGroups") or [])),
                )
            )
    return machines
