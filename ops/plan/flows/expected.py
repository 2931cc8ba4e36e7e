"""Which flows a stack needs, written down a second time, on purpose.

The program derives its rules from its own table (infra/flows.py). A proof that read the same table would prove
nothing, so this one comes from the AWS and Calico pages and from the raw settings, and shares no code with it.

- https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-networking.html
- https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements#network-requirements
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Self

import settings
from infra.systems import SYSTEMS
from ops.clients.stack_config import project_name

# Ends of a flow besides the kinds of machines in `facts.Kind`.
INTERNET, API_ENDPOINT, CLIENTS = "internet", "API endpoint", "clients"
EVERY_SUBNET, OTHER_VPC = "every subnet", "other VPC"
HTTP_PORT, HTTPS_PORT = 80, 443


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One row: who must reach whom, and what a user sees when they cannot."""

    number: str
    source: str
    target: str
    protocol: str
    port: int
    breaks: str


@dataclass(frozen=True, kw_only=True)
class Expectations:
    """What the settings say about the network; CIDRs as the user wrote them.

    `https` says whether the ALB has a certificate. `site` has the ranges of a data centre of one's own; without any, a
    VPC of the stack plays it. `routes_elsewhere` says that somebody else makes the routes there. `node_port` is None
    where there is no sample app.
    """

    node_port: int | None
    alb_allowed: tuple[IPv4Network, ...]
    api_allowed: tuple[IPv4Network, ...]
    ubuntu: bool
    https: bool = False
    webhook_ports: tuple[int, ...] = ()
    site: tuple[IPv4Network, ...] = ()
    routes_elsewhere: bool = False

    @classmethod
    def from_config(cls, config: Mapping[str, str]) -> Self:
        """Read them from a stack's raw configuration, schema defaults included (`ops.clients.stack_config`).

        Errors: SettingsError.
        """
        found = settings.parse(config, project=project_name())
        return cls(
            node_port=found.sample_node_port if found.sample_app else None,
            alb_allowed=tuple(IPv4Network(cidr) for cidr in found.alb_allowed_cidrs),
            api_allowed=tuple(
                IPv4Network(cidr) for cidr in (*found.api_allowed_cidrs, *found.network.egress_cidrs)
            ),
            site=tuple(IPv4Network(cidr) for cidr in found.site.node_cidrs),
            routes_elsewhere=found.site.routes == "none",
            ubuntu=any(SYSTEMS[node.os].plain_http for node in found.hybrid_nodes),
            https=found.alb_certificate_arn is not None,
            webhook_ports=found.webhook_ports,
        )

    @property
    def alb_ports(self) -> tuple[int, ...]:
        """On which ports the ALB answers its clients."""
        return (HTTP_PORT, HTTPS_PORT) if self.https else (HTTP_PORT,)


def flows(expectations: Expectations) -> list[Flow]:
    """Every flow that must be open. The numbers are those of docs/design.md; 3 and 12 stand for several."""

    def flow(number: str, source: str, target: str, protocol: str, port: int, breaks: str) -> Flow:
        return Flow(number=number, source=source, target=target, protocol=protocol, port=port, breaks=breaks)

    hybrid, managed, control, alb = "hybrid nodes", "managed nodes", "control plane", "ALB"
    api = "pods and Calico there cannot reach the API (dial tcp ... i/o timeout)"
    logs = "kubectl logs and exec time out"
    overlay = "pod-to-pod and DNS across nodes"
    targets = "unhealthy targets"
    node_ports = "curl nodeIP:NodePort from a pod"
    port = expectations.node_port
    table = [
        flow("1", hybrid, control, "tcp", 443, api),
        flow("2", managed, control, "tcp", 443, api),
        flow("3a", hybrid, INTERNET, "tcp", 443, "nodeadm, SSM, image pulls"),
        flow("3b", managed, INTERNET, "tcp", 443, "image pulls"),
        flow("3c", hybrid, API_ENDPOINT, "tcp", 443, "kubelet cannot register the node"),
        flow("3d", managed, API_ENDPOINT, "tcp", 443, "kubelet cannot register the node"),
        flow("4", control, hybrid, "tcp", 10250, logs),
        flow("5", control, managed, "tcp", 10250, logs),
        flow("6", managed, managed, "udp", 4789, overlay),
        flow("7", managed, hybrid, "udp", 4789, overlay),
        flow("8", hybrid, managed, "udp", 4789, overlay),
        flow("9", hybrid, hybrid, "udp", 4789, overlay),
    ]
    if port:
        table += [
            flow("10", alb, managed, "tcp", port, targets),
            flow("11", alb, hybrid, "tcp", port, targets),
            flow("12a", managed, managed, "tcp", port, node_ports),
            flow("12b", managed, hybrid, "tcp", port, node_ports),
            flow("12c", hybrid, managed, "tcp", port, node_ports),
            flow("12d", hybrid, hybrid, "tcp", port, node_ports),
        ]
    if port and expectations.https:
        table.append(flow("13a", CLIENTS, alb, "tcp", HTTPS_PORT, "the sample app's URL"))
        table.append(flow("13b", CLIENTS, alb, "tcp", HTTP_PORT, "the redirect to https"))
    elif port:
        table.append(flow("13", CLIENTS, alb, "tcp", HTTP_PORT, "the sample app's URL"))
    if expectations.ubuntu:
        # Ubuntu's package mirrors for EC2 answer plain http only; `nodeadm install` runs apt.
        table.append(flow("14", hybrid, INTERNET, "tcp", 80, "apt, and with it nodeadm install"))
    table += [
        flow("16", control, managed, "tcp", 10251, "kubectl top and autoscalers have no metrics"),
        flow("17a", managed, managed, "tcp", 10250, "kubectl top lacks managed nodes"),
        flow("17b", managed, hybrid, "tcp", 10250, "kubectl top lacks hybrid nodes"),
    ]
    for each in expectations.webhook_ports:
        webhook = f"failed calling webhook ... :{each} ... context deadline exceeded"
        table.append(flow("5b", control, managed, "tcp", each, webhook))
        table.append(flow("4b", control, hybrid, "tcp", each, webhook))
    # Not one packet's port but a rule of the design: a peering route in every route table of both VPCs, so that a
    # machine finds the other VPC whatever subnet it is put into.
    table.append(
        flow("15", EVERY_SUBNET, OTHER_VPC, "any", 0, "a machine added there does not find the other VPC")
    )
    return table
