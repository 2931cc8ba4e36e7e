"""net.policy: what a NetworkPolicy closes is closed and what it leaves open is open, on both sides and across them.

Each side has one pod that a policy closes to all but the closed pod of the other side (k8s/nw_check.py).
"""

from collections.abc import Mapping

from infra.names import HTTP_ECHO_PORT
from ops.checks.model import Findings, Outcome, check, listed, skipped
from ops.verify import measure, parsers, probes
from ops.verify.cluster import CLOSED_APPS, Node, Pod
from ops.verify.context import Context
from ops.verify.parsers import Curl

_LOOK = "kubectl -n nw-check get networkpolicies,pods -o wide --show-labels; pulumi up --refresh"


@check(
    "net.policy",
    "a NetworkPolicy closes a pod of each side to all but the one that it names",
    needs=("net.ping",),
    eventually=True,
)
def policy(context: Context, findings: Findings) -> str | Outcome:
    nodes = {node.name: node for node in context.cluster.nodes}
    closed, asking = context.cluster.closed_pods(), context.cluster.check_pods()
    unproven = _unproven(nodes, closed, asking)
    if unproven:
        return skipped(unproven)
    urls = {side: f"http://{pod.ip}:{HTTP_ECHO_PORT}/" for side, pod in closed.items()}

    def others(pod: Pod) -> dict[str, str]:
        return {side: url for side, url in urls.items() if closed[side] is not pod}

    allowed = measure.probe(
        context, probes.CURL, others, probes.CURL_SECONDS, findings, sources=list(closed.values())
    )
    forbidden = measure.probe(context, probes.CURL, others, probes.CURL_SECONDS, findings)
    bad = 0
    for (source, side), (code, text) in sorted(allowed.outputs.items()):
        run = parsers.curl(code, text)
        if parsers.pod_name(run.body) != closed[side].name:
            bad += 1
            _note_closed(findings, nodes[source], closed[side], nodes[closed[side].node], run)
    # By what curl ended with, which is 0 where it got an answer: its words have a time in them.
    answered: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for (source, side), (code, text) in sorted(forbidden.outputs.items()):
        run = parsers.curl(code, text)
        if not run.dropped:
            bad += 1
            answered.setdefault((side, code), []).append((nodes[source].alias, run.error))
    for (side, _), said in sorted(answered.items()):
        _note_open(context, findings, closed[side], nodes[closed[side].node], said)
    total = len(allowed.outputs) + len(forbidden.outputs)
    findings.failed = f"{bad} of {total} paths are not as the policy says" if bad else ""
    return (
        f"{len(allowed.outputs)} allowed paths open, {len(forbidden.outputs)} others closed, from both sides"
    )


def _unproven(nodes: Mapping[str, Node], closed: Mapping[str, Pod], asking: Mapping[str, Pod]) -> str:
    """Say what is missing to prove anything; empty when nothing is."""
    for side, app in CLOSED_APPS.items():
        here = [name for name, node in nodes.items() if node.hybrid is (side == "hybrid")]
        if not here:
            return f"there is no {side} node"
        if side not in closed:
            return f"there is no pod of {app}; pulumi up makes it"
        if not closed[side].ready:
            return f"{closed[side].name} is not ready ({closed[side].waiting or closed[side].phase})"
        if closed[side].node not in here:
            return f"{closed[side].name} is on {closed[side].node}, which is no {side} node of the cluster"
        if not asking.keys() & set(here):
            return f"no nw-check pod is ready on a {side} node"
    return ""


def _note_closed(findings: Findings, source: Node, target: Pod, node: Node, run: Curl) -> None:
    said = run.error or f"HTTP {run.status}: {run.body[:80]!r}"
    findings.fail(
        f"the closed pod on {source} does not reach {target.name} on {node}, which the policy allows: {said}",
        why="a NetworkPolicy closes more than nw-check-closed does, or that one no longer lets in its own label"
        if run.dropped
        else "pings between the nodes pass; only an answer of that pod shows that the path is open",
        fix=f"{_LOOK}; kubectl get networkpolicies -A",
    )


def _note_open(
    context: Context, findings: Findings, target: Pod, node: Node, said: list[tuple[str, str]]
) -> None:
    sources, error = [alias for alias, _ in said], said[0][1]
    if not error:
        calico = context.cluster.calico_pods().get(node.name)
        logs = f"kubectl -n kube-system logs {calico.name} -c calico-node --tail 50" if calico else ""
        findings.fail(
            f"{target.name} on {node} answers pods that the policy keeps out: from {listed(sources)}",
            why=f"calico-node on {node.alias} enforces the policies of the pods there, and does not enforce this one; "
            "or NetworkPolicy nw-check-closed is gone or was changed",
            fix="; ".join(filter(None, [_LOOK, logs])),
        )
        return
    findings.fail(
        f"from {listed(sources)} to {target.name} on {node}: {error}",
        why="only packets that get no answer show that the policy drops them; this shows something else",
        fix=f"kubectl -n nw-check exec deployment/nw-check-managed -- curl -m 3 http://{target.ip}:{HTTP_ECHO_PORT}/; "
        f"kubectl -n nw-check describe pod {target.name}",
    )
