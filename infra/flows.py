"""Every flow that must be open, as data; the security-group rules are derived from this table and nothing else.

ops/plan/flows/expected.py says the same a second time, on purpose: `ops plan` proves the rules against that one.

Pure: no pulumi package is imported here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from infra.names import HTTP_PORT, HTTPS_PORT, KUBELET_PORT, METRICS_PORT

Place = Literal["clients", "load-balancer", "control-plane", "managed", "hybrid", "internet"]
Direction = Literal["ingress", "egress"]

# Places with a security group of ours, where they are there. The others are only ever a range of addresses.
GROUPS: tuple[Place, ...] = ("control-plane", "managed", "hybrid", "load-balancer")
NODES: tuple[Place, ...] = ("managed", "hybrid")


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One row: who calls whom, where, and what the reader sees when it is closed."""

    name: str
    source: Place
    target: Place
    protocol: Literal["tcp", "udp"]
    port: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One security-group rule: on `group`, to or from `peer`.

    Earlier releases called it `name`, and before that `former_name`, which has no port.
    """

    name: str
    former_name: str
    group: Place
    direction: Direction
    peer: Place
    protocol: Literal["tcp", "udp"]
    port: int
    description: str


def flows(
    *, node_port: int | None, plain_http: bool, https: bool = False, webhook_ports: Sequence[int] = ()
) -> tuple[Flow, ...]:
    """The flow table of a stack.

    `node_port` is the sample app's, None where there is none; `plain_http` says whether a hybrid node's packages come
    over port 80; `https` says whether the load balancer has a certificate; `webhook_ports` are those on which the
    control plane calls what the user runs on the nodes' own network.
    Sources: https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-networking.html and
    https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements#network-requirements.
    """
    return tuple(_flows(node_port, plain_http, https, webhook_ports))


def _flows(
    node_port: int | None, plain_http: bool, https: bool, webhook_ports: Sequence[int]
) -> Iterator[Flow]:
    def flow(
        name: str, source: Place, target: Place, protocol: Literal["tcp", "udp"], port: int, why: str
    ) -> Flow:
        return Flow(name=name, source=source, target=target, protocol=protocol, port=port, why=why)

    for node in NODES:
        yield flow("api", node, "control-plane", "tcp", 443, "pods and Calico to the Kubernetes API")
        yield flow(
            "https",
            node,
            "internet",
            "tcp",
            443,
            "kubelet to the public endpoint, SSM, ECR, image registries",
        )
        yield flow(
            "kubelet", "control-plane", node, "tcp", KUBELET_PORT, "kubectl logs and exec, node metrics"
        )
        if node_port:
            yield flow("node-port", "load-balancer", node, "tcp", node_port, "requests and health checks")
        for other in NODES:
            yield flow("vxlan", node, other, "udp", 4789, "the pod network")
            if node_port:
                yield flow("node-port", node, other, "tcp", node_port, "a Service by the address of any node")
        yield flow("metrics", "managed", node, "tcp", KUBELET_PORT, "metrics-server to the kubelets")
        for port in webhook_ports:
            yield flow("webhook", "control-plane", node, "tcp", port, "webhooks and API servers on the nodes")
    yield flow("metrics-api", "control-plane", "managed", "tcp", METRICS_PORT, "kubectl top and autoscalers")
    if plain_http:
        yield flow("http", "hybrid", "internet", "tcp", 80, "Ubuntu packages")
    if not node_port:
        return
    url = "URL of the sample app"
    yield flow("http", "clients", "load-balancer", "tcp", HTTP_PORT, "redirect to https" if https else url)
    if https:
        yield flow("https", "clients", "load-balancer", "tcp", HTTPS_PORT, url)


def rules(table: Sequence[Flow]) -> tuple[Rule, ...]:
    """The rules that open exactly these flows.

    A flow needs egress where it starts and ingress where it ends. An egress rule to the internet (any address)
    already covers the same port to a nearer place, so that place gets no egress rule of its own.
    """
    anywhere = {(f.source, f.protocol, f.port) for f in table if f.target == "internet"}
    found: list[Rule] = []
    for f in table:
        covered = f.target != "internet" and (f.source, f.protocol, f.port) in anywhere
        if f.source in GROUPS and not covered:
            found.append(_rule(f, "egress", f.source, f.target))
        if f.target in GROUPS:
            found.append(_rule(f, "ingress", f.target, f.source))
    return tuple(found)


def _rule(flow: Flow, direction: Direction, group: Place, peer: Place) -> Rule:
    word = "to" if direction == "egress" else "from"
    name = f"{group}-{direction}-{flow.name}-{word}-{peer}"
    return Rule(
        name=f"{name}-{flow.port}",
        former_name=name,
        group=group,
        direction=direction,
        peer=peer,
        protocol=flow.protocol,
        port=flow.port,
        description=f"{flow.name} {word} {peer}: {flow.why}",
    )
