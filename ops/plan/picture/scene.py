"""What the picture shows of a recorded plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.plan.flows.facts import Facts, Subnet
from ops.plan.waits.order import on_hybrid_nodes
from ops.program.recorder import Recording

# Above this many, nodes that are alike share one box.
NODES_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class SubnetView:
    """A subnet; `nat` says whether a NAT gateway stands in it."""

    cidr: str
    zone: str
    nat: bool


@dataclass(frozen=True, kw_only=True)
class VpcView:
    """One VPC with its public and private subnets, in the order of their addresses."""

    name: str
    cidr: str
    public: tuple[SubnetView, ...]
    private: tuple[SubnetView, ...]


@dataclass(frozen=True, kw_only=True)
class NodeView:
    """A hybrid node, or `count` of them which are alike."""

    title: str
    details: tuple[str, ...]
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that gets a place in the picture."""

    stack: str
    region: str
    cluster: str
    kubernetes: str
    api_clients: str
    alb_clients: str
    listener: str
    node_port: int
    weights: tuple[int, int]
    vpc: VpcView
    on_prem: VpcView
    managed: str
    hybrid: tuple[NodeView, ...]
    managed_pods: Mapping[str, str]
    hybrid_pods: Mapping[str, str]
    pod_cidr: str
    service_cidr: str


def scene_of(recording: Recording, facts: Facts) -> Scene:
    """Read the scene from a recording and its facts.

    Errors: LookupError when the plan lacks what every stack has (two VPCs, a cluster, a load balancer).
    """
    checks = recording.stack_outputs["checks"]
    cluster = recording.one("eks:index:Cluster").inputs
    listener = recording.one("aws:lb/listener:Listener").inputs
    group = recording.one("aws:eks/nodeGroup:NodeGroup").inputs
    forward = listener["defaultActions"][0]["forward"]["targetGroups"]
    weight = {target["arn"]: target["weight"] for target in forward}
    pods = {r.inputs["addonName"]: "EKS add-on" for r in recording.of_type("aws:eks/addon:Addon")}
    deployments = sorted(recording.of_type("kubernetes:apps/v1:Deployment"), key=lambda d: d.name)
    pods |= {d.name: _pods(d.inputs["spec"]["replicas"]) for d in deployments}
    on_hybrid = {d.name for d in deployments if on_hybrid_nodes(d)}
    alb_groups = next((i.groups for i in facts.interfaces if i.kind == "ALB"), frozenset())
    clients = [str(r.peer) for r in facts.rules if r.direction == "in" and r.group in alb_groups]
    return Scene(
        stack=recording.stack,
        region=checks["region"],
        cluster=cluster["name"],
        kubernetes=cluster["version"],
        api_clients=_some(cluster.get("publicAccessCidrs") or ["0.0.0.0/0"]),
        alb_clients=_some(clients),
        listener=f"{listener['protocol']} {listener['port']}",
        node_port=checks["nodePort"],
        weights=(weight[checks["targetGroups"]["managed"]], weight[checks["targetGroups"]["hybrid"]]),
        vpc=_vpc(recording, facts, checks["vpcId"]),
        on_prem=_vpc(recording, facts, checks["onPremVpcId"]),
        managed=_managed(group),
        hybrid=_hybrid(recording),
        managed_pods={name: words for name, words in pods.items() if name not in on_hybrid},
        hybrid_pods={name: words for name, words in pods.items() if name in on_hybrid},
        pod_cidr=checks["podCidr"],
        service_cidr=checks["serviceCidr"],
    )


def _pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"


def _some(cidrs: list[str]) -> str:
    return cidrs[0] if len(cidrs) == 1 else f"{cidrs[0]} +{len(cidrs) - 1}"


def _vpc(recording: Recording, facts: Facts, id_: str) -> VpcView:
    vpc = facts.vpc_by_id[id_]
    zones = {r.id: r.inputs["availabilityZone"] for r in recording.of_type("aws:ec2/subnet:Subnet")}
    doors = {gateway.id for gateway in facts.internet_gateways}
    nats = {nat.subnet for nat in facts.nat_gateways}

    def is_public(subnet: Subnet) -> bool:
        association = facts.association_of.get(subnet.id)
        routes = facts.routes_of.get(association.table, ()) if association else ()
        return any(route.via in doors for route in routes)

    def view(subnet: Subnet) -> SubnetView:
        return SubnetView(cidr=str(subnet.cidr), zone=zones[subnet.id], nat=subnet.id in nats)

    subnets = sorted((s for s in facts.subnets if s.vpc == id_), key=lambda s: s.cidr)
    return VpcView(
        name=vpc.name,
        cidr=str(vpc.cidr),
        public=tuple(view(s) for s in subnets if is_public(s)),
        private=tuple(view(s) for s in subnets if not is_public(s)),
    )


def _managed(group: Mapping[str, Any]) -> str:
    scaling = group["scalingConfig"]
    spot = ", spot" if group["capacityType"] == "SPOT" else ""
    system, architecture = ("AL2023", "arm64" if "ARM" in group["amiType"] else "amd64")
    sizes = f"{scaling['desiredSize']} nodes ({scaling['minSize']} to {scaling['maxSize']})"
    return f"{sizes}, {', '.join(group['instanceTypes'])}, {system} {architecture}{spot}"


def _hybrid(recording: Recording) -> tuple[NodeView, ...]:
    alike: dict[tuple[str, str], list[str]] = {}
    for instance in recording.of_type("aws:ec2/instance:Instance"):
        owner = recording.resources[instance.parent]
        alike.setdefault((owner.inputs["os"], instance.inputs["instanceType"]), []).append(owner.name)
    nodes = [(name, details) for details, names in alike.items() for name in names]
    if len(nodes) <= NODES_SHOWN:
        return tuple(NodeView(title=name, details=details) for name, details in sorted(nodes))
    kinds = sorted(alike.items(), key=lambda item: (-len(item[1]), item[0]))
    views = [NodeView(title=_nodes(names), details=details, count=len(names)) for details, names in kinds]
    if len(views) > NODES_SHOWN:
        rest = sum(view.count for view in views[NODES_SHOWN - 1 :])
        views = [
            *views[: NODES_SHOWN - 1],
            NodeView(title=f"{rest} nodes", details=("of other kinds",), count=rest),
        ]
    return tuple(views)


def _nodes(names: list[str]) -> str:
    return f"{len(names)} nodes" if len(names) > 1 else names[0]
