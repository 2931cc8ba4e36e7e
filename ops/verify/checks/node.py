"""node: the machines joined, are who they claim to be, and the control plane reaches their kubelets."""

import re
from collections import Counter
from collections.abc import Callable

from infra.names import (
    ACTIVATION_LABEL,
    COMPUTE_TYPE_LABEL,
    HYBRID_COMPUTE,
    NAME_LABEL,
    ZONE_LABEL,
)
from ops.checks.model import Findings, check, listed
from ops.clients.errors import AskError
from ops.clients.kube import ExecError
from ops.verify import data_centre, parsers
from ops.verify.cluster import Node, Pod
from ops.verify.context import Context

_API = ("node.api",)


@check("node.api", "the API server answers")
def api(context: Context, _: Findings) -> str:
    version = context.memo.get("version", context.kube.version)
    return f"{context.deployment.cluster_name} answers, {version}"


@check("node.ready", "every node is Ready", needs=_API, eventually=True)
def ready(context: Context, findings: Findings) -> str:
    nodes = context.cluster.nodes
    for node in nodes:
        if node.ready:
            continue
        no_cni = "cni" in node.ready_message.lower()
        silent = "stopped posting" in node.ready_message.lower()
        cause = {"why": "the kubelet says so", "fix": f"kubectl describe node {node.name}; ops doctor"}
        if no_cni or silent:
            cause = context.cause("node-no-cni" if no_cni else "node-lost")
        findings.fail(f"{node} is not Ready: {node.ready_message}", **cause)
    if not nodes:
        findings.fail("the cluster has no nodes", **context.cause("no-nodes"))
    return f"{len(nodes)} of {len(nodes)} nodes Ready"


@check(
    "node.count",
    "each hybrid node of the settings joined once, managed nodes are in range",
    needs=_API,
    eventually=True,
)
def count(context: Context, findings: Findings) -> str:
    deployment = context.deployment
    by_activation: dict[str, list[Node]] = {}
    for node in context.cluster.hybrid_nodes:
        by_activation.setdefault(node.activation_id, []).append(node)
    for wanted in deployment.hybrid_nodes:
        if by_activation.pop(wanted.activation_id, []):
            continue
        if not wanted.instance_id:
            findings.fail(
                f"{wanted.name} ({wanted.private_ip}, a machine of your own) has not joined",
                **data_centre.not_joined(wanted),
            )
        else:
            findings.fail(
                f"{wanted.name} ({wanted.instance_id}) has not joined",
                why="its join script failed or is still running; a node takes three to six minutes",
                fix="ops doctor shows the last step of its join script; or wait: ops verify --wait 15m",
            )
    for node in (node for nodes in by_activation.values() for node in nodes):
        findings.fail(
            f"{node} is a hybrid node that is not of this stack (activation {node.activation_id or 'unknown'})",
            **context.cause("node-leftover", MI=node.name),
        )
    managed = sum(not node.hybrid for node in context.cluster.nodes)
    limits = deployment.checks.managed_nodes
    if not limits.min <= managed <= limits.max:
        findings.fail(
            f"{managed} managed nodes; the settings allow {limits.min} to {limits.max}",
            why="the auto-scaling group cannot start instances, or they do not join",
            fix="aws autoscaling describe-scaling-activities --auto-scaling-group-name "
            f"{deployment.managed_node_group.auto_scaling_group}",
        )
    return f"{len(deployment.hybrid_nodes)} hybrid, {managed} managed"


# The kubelet's flags, as nodeadm and its next upgrade write them.
_NODE_IP = (
    "on the machine, set --node-ip=ADDRESS in /etc/nodeadm/nodeConfig.yaml, then sudo nodeadm init "
    "-c file:///etc/nodeadm/nodeConfig.yaml"
)


@check("node.address", "InternalIPs lie in the remote node network or VPC", needs=_API)
def address(context: Context, findings: Findings) -> str:
    expected = context.deployment.checks
    machines = {machine.activation_id: machine for machine in context.deployment.hybrid_nodes}
    for node in context.cluster.nodes:
        networks = expected.remote_node_networks if node.hybrid else expected.vpc_cidrs
        ip = parsers.address(node.ip)
        if ip is None or not any(ip in network for network in networks):
            findings.fail(
                f"{node} has InternalIP {node.ip or 'none'}, outside {listed(networks)}",
                why="the control plane does not route to it: logs, exec and the VXLAN tunnel fail",
                fix="check the subnet of the instance, and kubectl get node -o wide"
                if not expected.own_site
                else f"a machine with several interfaces needs --node-ip: {_NODE_IP}",
            )
        elif (machine := machines.get(node.activation_id)) and machine.private_ip != node.ip:
            findings.fail(
                f"{node} has InternalIP {node.ip}, and the settings say {machine.private_ip}",
                why="the load balancer and the rules use the address of the settings",
                fix=f"write the machine's address into hybridNodes[].address, then pulumi up; or {_NODE_IP}",
            )
        findings.evidence.append(f"{node}: {node.ip}")
    return f"{len(context.cluster.nodes)} addresses inside their networks"


@check("node.labels", "hybrid nodes carry the labels that workloads select by", needs=_API)
def labels(context: Context, findings: Findings) -> str:
    machines = {machine.activation_id: machine for machine in context.deployment.hybrid_nodes}
    nodes = context.cluster.hybrid_nodes
    for node in nodes:
        wanted = {COMPUTE_TYPE_LABEL: HYBRID_COMPUTE}
        if machine := machines.get(node.activation_id):
            wanted |= {ZONE_LABEL: machine.zone, NAME_LABEL: machine.name}
        if not node.activation_id:
            wanted[ACTIVATION_LABEL] = "(the activation id)"
        wrong = [
            f"{key}={node.labels.get(key, '(missing)')}, not {value}"
            for key, value in wanted.items()
            if node.labels.get(key) != value
        ]
        if wrong:
            findings.fail(
                f"{node}: {listed(wrong)}",
                **context.cause("node-labels", NAME=machine.name if machine else node.alias, NODE=node.name),
            )
    return f"{len(nodes)} hybrid nodes labelled"


@check("node.provider-id", "every Node is tied to its machine by its providerID", needs=_API)
def provider_id(context: Context, findings: Findings) -> str:
    deployment = context.deployment
    prefix = f"eks-hybrid:///{deployment.checks.region}/{deployment.cluster_name}/"
    for node in context.cluster.nodes:
        good = (
            node.provider_id == prefix + node.name if node.hybrid else node.provider_id.startswith("aws:///")
        )
        if not good:
            findings.fail(
                f"{node} has providerID {node.provider_id or '(none)'}",
                why=f"EKS knows a hybrid node by {prefix}mi-..., a managed one by aws:///ZONE/i-...; "
                "a node without it is not tied to its machine",
                fix=f"kubectl delete node {node.name}, then restart its kubelet; it registers anew",
            )
    return f"{len(context.cluster.nodes)} nodes tied to their machines"


@check("node.version-skew", "kubelets have the control plane's minor version", needs=_API)
def version_skew(context: Context, findings: Findings) -> str:
    server_text = context.memo.get("version", context.kube.version)
    server = parsers.minor(server_text)
    for node in context.cluster.nodes:
        kubelet = parsers.minor(node.kubelet)
        if server is None or kubelet is None or kubelet > server or server[1] - kubelet[1] > 3:
            findings.fail(
                f"{node} runs kubelet {node.kubelet or '(unknown)'}; the control plane is {server_text}",
                **context.cause("version-skew", NAME=node.alias),
            )
        elif kubelet != server:
            findings.warn(
                f"{node} runs kubelet {node.kubelet}; the control plane is {server_text}",
                why="it works, but the node was not replaced when the cluster was upgraded",
                fix="pulumi up replaces nodes whose version changed"
                if not (node.hybrid and context.deployment.checks.own_site)
                else f"ops upgrade {node.alias}",
            )
    kubelets = Counter(node.kubelet for node in context.cluster.nodes)
    findings.evidence += [f"{number} x {version}" for version, number in sorted(kubelets.items())]
    return f"kubelets {listed(sorted(kubelets))}, control plane {server_text}"


@check("node.no-aws-node", "the VPC CNI (aws-node) is absent", needs=_API)
def no_aws_node(context: Context, findings: Findings) -> str:
    if context.kube.daemon_set("kube-system", "aws-node") is not None:
        findings.fail(
            "kube-system has a DaemonSet aws-node",
            **context.cause("vpc-cni"),
        )
    return "no aws-node DaemonSet"


# What the API server says when it cannot talk to a kubelet.
_KUBELET = {
    "connection refused": "kubelet-down",
    "remote error: tls: internal error": "kubelet-no-certificate",
    "x509: ": "kubelet-certificate",
    "i/o timeout": "kubelet-unreachable",
    "no route to host": "kubelet-unreachable",
    "context deadline exceeded": "kubelet-unreachable",
    "timed out": "kubelet-unreachable",
}
# All of one side and none of the other is the way between them, not each machine of that side.
_LINK_WHY = (
    "nothing passes between the control plane and the site: the link is cut, or a firewall at its end closes tcp "
    "10250. Kubelets report over the internet, so the Nodes stay Ready (docs/design.md, When the link is cut)"
)
_LINK_FIX = "ops verify --only 'aws.(peering|routes)' shows which; pulumi up --refresh restores peering, routes, rules"
_LINK_FIX_OWN = (
    "ops verify --only 'aws.(gateway|routes)' asks AWS; the tunnels: aws ec2 describe-vpn-connections --query "
    "'VpnConnections[].VgwTelemetry'; then the site's router and firewall (ops plan --firewall FILE.csv)"
)
_NO_PACKET = re.compile(r"i/o timeout|no route to host|context deadline exceeded|timed out")


@check("node.logs", "kubectl logs works on every node", needs=_API, eventually=True)
def logs(context: Context, findings: Findings) -> str:
    return _reach(
        context,
        findings,
        "logs",
        lambda pod: context.kube.logs(pod.namespace, pod.name, container=pod.container),
    )


@check("node.exec", "kubectl exec works on every node", needs=_API, eventually=True)
def execute(context: Context, findings: Findings) -> str:

    def ask(pod: Pod) -> None:
        done = context.kube.execute(
            pod.namespace, pod.name, ["ip", "-V"], container=pod.container, seconds=1.0
        )
        if done.exit_code:
            raise ExecError(f"ip -V in {pod.name} ended with {done.exit_code}: {done.stderr.strip()[:200]}")

    return _reach(context, findings, "exec", ask)


def _reach(context: Context, findings: Findings, what: str, ask: Callable[[Pod], object]) -> str:
    check_pods, calico_pods = context.cluster.check_pods(), context.cluster.calico_pods()
    nodes = context.cluster.nodes
    pods = {node.name: check_pods.get(node.name) or calico_pods.get(node.name) for node in nodes}
    for node in nodes:
        if pods[node.name] is None:
            findings.fail(
                f"{node} runs neither a nw-check nor a calico-node pod to try {what} with",
                why="nothing is scheduled there",
                fix=f"kubectl describe node {node.name}",
            )
    asked = [pod for pod in pods.values() if pod is not None]
    failed = {
        pod.node: str(answer)[:300]
        for pod, answer in context.pool.settle(ask, asked, expected=(ExecError, AskError))
        if isinstance(answer, Exception)
    }
    silent = {node.name for node in nodes if node.ready and _NO_PACKET.search(failed.get(node.name, ""))}
    hybrid = {node.name for node in nodes if node.hybrid}
    if silent and silent == hybrid == failed.keys() and len(nodes) > len(hybrid) and not findings.problems:
        them = "hybrid node, which is" if len(hybrid) == 1 else "hybrid nodes, which are"
        findings.fail(
            f"{what} works on every managed node and on none of the {len(hybrid)} {them} Ready: "
            f"{next(iter(failed.values()))}",
            why=_LINK_WHY,
            fix=_LINK_FIX_OWN if context.deployment.checks.own_site else _LINK_FIX,
        )
        return ""
    for node in nodes:
        if said := failed.get(node.name):
            rows = (id_ for words, id_ in _KUBELET.items() if words in said)
            cause = context.cause(next(rows, "kubelet-unexplained"), NODE=node.name)
            findings.fail(f"{what} on {node} failed: {said}", **cause)
    return f"kubectl {what} works on {len(nodes)} of {len(nodes)} nodes"
