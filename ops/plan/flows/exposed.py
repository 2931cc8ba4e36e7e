"""The converse of the proof: everything that some address on the internet can reach."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from ops.plan.flows import walk
from ops.plan.flows.expected import API_ENDPOINT, Expectations
from ops.plan.flows.facts import Facts


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """Something that the internet can reach; `expected` says whether the settings ask for it."""

    listener: str
    ports: str
    clients: str
    expected: bool


def exposures(facts: Facts, expectations: Expectations) -> Iterator[Exposure]:
    """Each listener and client range once."""
    listening: dict[Exposure, None] = {}
    for interface in facts.interfaces:
        for group in sorted(interface.groups):
            for rule in facts.rules_of.get((group, "in"), ()):
                if not isinstance(rule.peer, IPv4Network):
                    continue
                clients = walk.internet_addresses(facts, rule.peer)
                if not any(not walk.doorway(facts, interface, client).missing for client in clients):
                    continue
                wanted = interface.kind == "ALB" and rule.peer in expectations.alb_allowed
                port = (rule.protocol, rule.first_port, rule.last_port)
                listening[
                    Exposure(
                        listener=interface.kind,
                        ports=_ports(*port),
                        clients=str(rule.peer),
                        expected=wanted and port in [("tcp", alb, alb) for alb in expectations.alb_ports],
                    )
                ] = None
    yield from listening
    if facts.api and facts.api.public:
        ways_out = (*facts.nat_gateways, *facts.unseen_gateways)
        nats = {IPv4Network(way.public_ip) for way in ways_out if way.public_ip}
        for network in facts.api.allowed:
            wanted = network in expectations.api_allowed or network in nats
            yield Exposure(listener=API_ENDPOINT, ports="tcp 443", clients=str(network), expected=wanted)


def _ports(protocol: str, first: int, last: int) -> str:
    if protocol == "-1":
        return "every port"
    return f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"
