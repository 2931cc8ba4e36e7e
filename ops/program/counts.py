"""How many a plan has of what an account limits and AWS bills: `ops ready` and `ops plan` read the same figures."""

from collections import Counter
from dataclasses import dataclass

from infra.names import POD_IDENTITY_AGENT, POD_IDENTITY_RESOURCE
from ops.program.recorder import Recording, Resource


@dataclass(frozen=True, kw_only=True)
class NodeGroup:
    """A managed node group: its instance types, of which the first stands for its machines, and how many of these."""

    types: tuple[str, ...]
    desired: int
    most: int
    spot: bool
    disk_gib: int


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Numbers of things; `hybrid` are EC2 instances of hybrid nodes by type, `nat_gateways` go by zone."""

    hybrid: Counter[str]
    groups: tuple[NodeGroup, ...]
    addresses: int
    vpcs: int
    nat_gateways: Counter[str]
    balancers: int


def counts(recording: Recording) -> Counts:
    """Count what a recording asks for."""
    instances = recording.of_type("aws:ec2/instance:Instance")
    gateways = recording.of_type("aws:ec2/natGateway:NatGateway")
    subnets = recording.of_type("aws:ec2/subnet:Subnet")
    zones = {subnet.id: subnet.inputs["availabilityZone"] for subnet in subnets}
    return Counts(
        hybrid=Counter(instance.inputs["instanceType"] for instance in instances),
        groups=tuple(_group(recording, group) for group in recording.of_type("aws:eks/nodeGroup:NodeGroup")),
        addresses=len(recording.of_type("aws:ec2/eip:Eip")),
        vpcs=len(recording.of_type("aws:ec2/vpc:Vpc")),
        nat_gateways=Counter(zones[gateway.inputs["subnetId"]] for gateway in gateways),
        balancers=len(recording.of_type("aws:lb/loadBalancer:LoadBalancer")),
    )


def add_ons(recording: Recording) -> list[str]:
    """The names of EKS's add-ons, without kube-proxy, which comes with the cluster."""
    agents = [POD_IDENTITY_AGENT for _ in recording.of_type(POD_IDENTITY_RESOURCE)]
    return [*agents, *(add_on.inputs["addonName"] for add_on in recording.of_type("aws:eks/addon:Addon"))]


def _group(recording: Recording, group: Resource) -> NodeGroup:
    templates = {each.id: each for each in recording.of_type("aws:ec2/launchTemplate:LaunchTemplate")}
    disk = templates[group.inputs["launchTemplate"]["id"]].inputs["blockDeviceMappings"][0]["ebs"]
    sizes = group.inputs["scalingConfig"]
    return NodeGroup(
        types=tuple(group.inputs["instanceTypes"]),
        desired=sizes["desiredSize"],
        most=sizes["maxSize"],
        spot=group.inputs.get("capacityType") == "SPOT",
        disk_gib=disk["volumeSize"],
    )
