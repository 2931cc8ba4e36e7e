"""A network small enough to check by hand: two VPCs as in the design, written as facts."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from ops.plan.flows.expected import Expectations
from ops.plan.flows.facts import (
    ApiEndpoint,
    Association,
    Direction,
    Facts,
    Interface,
    InternetGateway,
    NatGateway,
    Peering,
    Route,
    Rule,
    Subnet,
    Vpc,
)

EKS, ON_PREM, ANYWHERE = (IPv4Network(c) for c in ("10.10.0.0/16", "10.90.0.0/16", "0.0.0.0/0"))
PUBLIC, PRIVATE = IPv4Network("10.10.101.0/24"), IPv4Network("10.10.1.0/24")
REMOTE_PUBLIC, REMOTE = IPv4Network("10.90.101.0/24"), IPv4Network("10.90.1.0/24")


@pytest.fixture
def expectations() -> Expectations:
    return Expectations(node_port=30080, alb_allowed=(ANYWHERE,), api_allowed=(ANYWHERE,), ubuntu=True)


def _rules() -> list[Rule]:
    def pair(source, target, protocol, port, *, egress=True):
        """Egress where the flow starts, ingress where it ends, each named after it."""
        cidr = {"managed": PRIVATE, "hybrid": REMOTE, "control": PRIVATE, "alb": PUBLIC}
        cidr |= {"internet": ANYWHERE, "clients": ANYWHERE}
        ends: list[tuple[Direction, str, str]] = [("out", source, target)] if egress else []
        ends += [("in", target, source)] if target != "internet" else []
        return [
            Rule(
                name=f"{group}-{direction}-{peer}-{protocol}{port}",
                group=group,
                direction=direction,
                protocol=protocol,
                first_port=port,
                last_port=port,
                peer=cidr[peer],
            )
            for direction, group, peer in ends
        ]

    rules = pair("clients", "alb", "tcp", 80, egress=False) + pair("hybrid", "internet", "tcp", 80)
    for node in ("managed", "hybrid"):
        # Egress to any address on 443 covers the control plane.
        rules += pair(node, "internet", "tcp", 443) + pair(node, "control", "tcp", 443, egress=False)
        rules += pair("control", node, "tcp", 10250) + pair("alb", node, "tcp", 30080)
        for other in ("managed", "hybrid"):
            rules += pair(node, other, "udp", 4789) + pair(node, other, "tcp", 30080)
    # The kubelet of a hybrid node already admits the control plane's addresses, which are the managed nodes' too.
    rules += pair("control", "managed", "tcp", 10251) + pair("managed", "hybrid", "tcp", 10250)[:1]
    rules += pair("managed", "managed", "tcp", 10250)[:1]
    return rules


@pytest.fixture
def network() -> Facts:
    """Every flow is open here, and nothing can be taken away."""

    def route(table, destination, via):
        return Route(name=f"{table} to {destination}", table=table, destination=destination, via=via)

    subnets = [("public", "eks", PUBLIC), ("private", "eks", PRIVATE)]
    subnets += [("remote-public", "on-prem", REMOTE_PUBLIC), ("remote", "on-prem", REMOTE)]
    return Facts(
        vpcs=(Vpc(id="eks", name="eks", cidr=EKS), Vpc(id="on-prem", name="on-prem", cidr=ON_PREM)),
        subnets=tuple(Subnet(id=name, name=name, vpc=vpc, cidr=cidr) for name, vpc, cidr in subnets),
        tables={name: name for name, *_ in subnets},
        associations=tuple(Association(name=name, subnet=name, table=name) for name, *_ in subnets),
        routes=(
            route("public", ANYWHERE, "igw-eks"),
            route("private", ANYWHERE, "nat-eks"),
            route("remote-public", ANYWHERE, "igw-on-prem"),
            route("remote", ANYWHERE, "nat-on-prem"),
            route("public", ON_PREM, "peering"),
            route("private", ON_PREM, "peering"),
            route("remote-public", EKS, "peering"),
            route("remote", EKS, "peering"),
        ),
        internet_gateways=tuple(
            InternetGateway(id=f"igw-{vpc}", name=vpc, vpc=vpc) for vpc in ("eks", "on-prem")
        ),
        nat_gateways=(
            NatGateway(id="nat-eks", name="eks", subnet="public", public_ip=IPv4Address("203.0.113.1")),
            NatGateway(
                id="nat-on-prem", name="on-prem", subnet="remote-public", public_ip=IPv4Address("203.0.113.2")
            ),
        ),
        peerings=(Peering(id="peering", name="peering", vpcs=frozenset({"eks", "on-prem"}), accepted=True),),
        groups={name: name for name in ("managed", "hybrid", "control", "alb")},
        rules=tuple(_rules()),
        interfaces=(
            Interface(kind="control plane", subnet="private", groups=frozenset({"control"})),
            Interface(kind="managed nodes", subnet="private", groups=frozenset({"managed"})),
            Interface(kind="hybrid nodes", subnet="remote", groups=frozenset({"hybrid"})),
            Interface(kind="ALB", subnet="public", groups=frozenset({"alb"}), public=True),
        ),
        api=ApiEndpoint(name="api", public=True, allowed=(ANYWHERE,)),
    )
