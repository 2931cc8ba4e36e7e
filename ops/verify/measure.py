"""Measures from inside the pods: one exec per node, all nodes at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ops.checks.model import Findings
from ops.clients.kube import ExecError
from ops.verify import parsers, probes
from ops.verify.cluster import Node, Pod
from ops.verify.context import Context

Path = tuple[str, str]


@dataclass(frozen=True)
class Probed:
    """What a script printed per path (source node, key), and why it printed nothing on some nodes."""

    outputs: dict[Path, tuple[int, str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def measured(context: Context) -> tuple[list[Node], dict[str, Pod]]:
    """Give the nodes that have a nw-check pod to measure from, and these pods."""
    check_pods = context.cluster.check_pods()
    return [node for node in context.cluster.nodes if node.name in check_pods], check_pods


def others(pod: Pod, check_pods: Mapping[str, Pod]) -> dict[str, str]:
    """Map the other nodes to the addresses of their nw-check pods."""
    return {name: other.ip for name, other in check_pods.items() if name != pod.node}


def paths(nodes: list[Node], probed: Probed) -> list[Path]:
    """List the paths that were tried; a node where exec failed has its own problem and no paths."""
    sources = [node.name for node in nodes if node.name not in probed.errors]
    return [(a, b.name) for a in sources for b in nodes if a != b.name]


def probe(
    context: Context,
    script: str,
    destinations: Callable[[Pod], Mapping[str, str]],
    seconds: float,
    findings: Findings,
    *,
    sources: Sequence[Pod] | None = None,
) -> Probed:
    """Run one script on every node at once; a node whose exec fails is noted as a problem.

    `sources`: pods of different nodes to run it in, in place of every node's nw-check pod.
    """
    probed = Probed()
    nodes, check_pods = measured(context)
    if sources is None:
        sources = [check_pods[node.name] for node in nodes]
    names = {node.name: node for node in context.cluster.nodes}

    def ask(pod: Pod) -> dict[str, tuple[int, str]]:
        wanted = destinations(pod)
        if not wanted:
            return {}
        command = probes.script(script, wanted)
        limit = probes.seconds(len(wanted), seconds)
        done = context.kube.execute(pod.namespace, pod.name, command, container=pod.container, seconds=limit)
        found = parsers.sections(done.stdout)
        # A probe without output is a path that did not answer, not a path that was not asked.
        return {key: found.get(key, (-1, done.stderr.strip())) for key in wanted}

    for pod, answer in context.pool.settle(ask, sources, expected=ExecError):
        if isinstance(answer, Exception):
            probed.errors[pod.node] = str(answer)
            findings.fail(
                f"exec into {pod.name} on {names[pod.node]} failed: {answer}",
                why="the control plane does not reach this node's kubelet; node.exec says more",
                fix=f"kubectl -n {pod.namespace} exec {pod.name} -- ip route",
            )
        else:
            probed.outputs.update({(pod.node, key): value for key, value in answer.items()})
    return probed


def mtus(context: Context, check_pods: Mapping[str, Pod], findings: Findings) -> dict[str, int]:
    """Read the MTU (bytes) of the interface that each nw-check pod sends through: node name -> MTU."""

    def ask(pod: Pod) -> int | None:
        done = context.kube.execute(
            pod.namespace, pod.name, ["sh", "-c", probes.LINKS], container=pod.container, seconds=1.0
        )
        default = next((one for one in parsers.routes(done.stdout) if one.destination.prefixlen == 0), None)
        links = parsers.link_mtus(done.stdout)
        return links.get(default.device if default else "eth0")

    mtus = {}
    for pod, answer in context.pool.settle(ask, check_pods.values(), expected=ExecError):
        if isinstance(answer, int):
            mtus[pod.node] = answer
        else:
            findings.fail(
                f"the MTU in {pod.name} cannot be read{f': {answer}' if answer else ''}",
                why="`ip -o link` in the pod did not show the interface of its default route",
                fix=f"kubectl -n {pod.namespace} exec {pod.name} -- ip -o link",
            )
    return mtus


def in_calico(context: Context, pod: Pod, command: Sequence[str]) -> str:
    """Give what a command prints in a calico-node pod, which is on the network of its node."""
    return context.kube.execute("kube-system", pod.name, command, container="calico-node", seconds=1.0).stdout


def fragments(context: Context) -> dict[str, int]:
    """Count the pieces of packets that have arrived at each node so far: node name -> count; where it can be read."""

    def ask(pod: Pod) -> int | None:
        return parsers.fragments(in_calico(context, pod, probes.COUNTERS))

    counted = context.pool.settle(ask, context.cluster.calico_pods().values(), expected=ExecError)
    return {pod.node: count for pod, count in counted if isinstance(count, int)}


def host_links(
    context: Context, findings: Findings
) -> list[tuple[Node, dict[str, int], Sequence[parsers.Route]]]:
    """Read each node's interfaces (name -> MTU in bytes) and routes, in its calico-node pod."""
    nodes = {node.name: node for node in context.cluster.nodes}
    pods = context.cluster.calico_pods()

    def ask(pod: Pod) -> tuple[str, str]:
        return in_calico(context, pod, probes.HOST_LINKS), in_calico(context, pod, probes.ROUTES)

    found = []
    for pod, answer in context.pool.settle(
        ask, [pods[name] for name in nodes if name in pods], expected=ExecError
    ):
        links = {} if isinstance(answer, Exception) else parsers.link_mtus(answer[0])
        if isinstance(answer, Exception) or "vxlan.calico" not in links:
            said = f": {answer}" if isinstance(answer, Exception) else ", or there is no vxlan.calico"
            findings.fail(
                f"{nodes[pod.node]}: the interfaces cannot be read{said}",
                why="`ip -o link` in calico-node did not show the overlay's interface",
                fix=f"kubectl -n kube-system exec {pod.name} -c calico-node -- ip -o link",
            )
        else:
            found.append((nodes[pod.node], links, parsers.routes(answer[1])))
    return found
