"""system: Calico and CoreDNS run, and every node has a VXLAN route to every other node's pods."""

from ipaddress import IPv4Network

from infra.names import CORE_DNS, HYBRID_CORE_DNS, HYBRID_POD_IDENTITY_AGENT, POD_IDENTITY_AGENT
from ops.checks.model import Findings, Outcome, check, listed, skipped
from ops.clients.errors import AskError
from ops.clients.kube import METRICS_SERVICE, ExecError
from ops.verify import measure, parsers, probes
from ops.verify.cluster import Node, Pod
from ops.verify.context import Context

# What a pod waits with whose volumes are not there, with and without an init container.
_NOT_MOUNTED = ("PodInitializing", "ContainerCreating")
# As nodeadm does it. https://github.com/aws/eks-hybrid/pull/67
_CREDENTIALS_FILE = "sudo mkdir -p /eks-hybrid && sudo ln -sfn /root/.aws /eks-hybrid/.aws"
TUNNEL_ANNOTATION = "projectcalico.org/IPv4VXLANTunnelAddr"


@check("system.calico-node", "calico-node is ready on every node", needs=("node.api",), eventually=True)
def calico_node(context: Context, findings: Findings) -> str:
    pods = context.cluster.calico_pods()
    nodes = context.cluster.nodes
    for node in nodes:
        pod = pods.get(node.name)
        if pod is None:
            findings.fail(
                f"{node} has no calico-node pod",
                why="the DaemonSet is missing, or its pod cannot be created there",
                fix="kubectl -n kube-system describe daemonset calico-node; pulumi up --refresh",
            )
        elif not pod.ready:
            state = pod.waiting or pod.phase or "not ready"
            findings.fail(
                f"{node}: {pod.name} is not ready ({state})",
                why="the image cannot be pulled from quay.io"
                if "Pull" in state
                else "calico-node cannot reach the API server (tcp 443 to the control-plane ENIs), or crashes",
                fix=f"kubectl -n kube-system logs {pod.name} -c calico-node --tail 50 --all-containers=false",
            )
    return f"ready on {len(nodes)} of {len(nodes)} nodes"


@check(
    "system.pod-identity",
    "the agent that gives pods AWS credentials is ready on every node",
    needs=("node.api",),
    eventually=True,
)
def pod_identity(context: Context, findings: Findings) -> str:
    agents, nodes = context.cluster.pod_identity_agents(), context.cluster.nodes
    without = [node for node in nodes if node.name not in agents]
    for node in nodes:
        pod = agents.get(node.name)
        if pod is None or pod.ready:
            continue
        state = pod.waiting or pod.phase or "not ready"
        if node.hybrid and state in _NOT_MOUNTED:
            why = "a machine that joined before NodeConfig had enableCredentialsFile lacks what the agent mounts"
            fix = "pulumi up gives an instance a new machine; on a machine of your own: " + _CREDENTIALS_FILE
        else:
            why = "its image cannot be pulled, or it crashes (it needs IPv6 on the node's loopback interface)"
            fix = f"kubectl -n kube-system describe pod {pod.name}; kubectl -n kube-system logs {pod.name}"
        findings.fail(f"{node}: {pod.name} is not ready ({state})", why=why, fix=fix)
    if without:
        findings.fail(
            f"no agent runs on {listed(without)}",
            why=f"the add-on {POD_IDENTITY_AGENT} is not there or has no DaemonSet for that side; pods get no "
            "credentials there",
            fix=f"pulumi up --refresh; kubectl -n kube-system get daemonsets {POD_IDENTITY_AGENT} "
            f"{HYBRID_POD_IDENTITY_AGENT}",
        )
    return f"ready on {len(nodes)} of {len(nodes)} nodes"


@check("system.ip-pool", "Calico's pool is the pod network, vxlanMode Always", needs=("node.api",))
def ip_pool(context: Context, findings: Findings) -> str:
    wanted = str(context.deployment.checks.pod_cidr)
    pools = [item.get("spec") or {} for item in context.kube.calico("ippools")]
    edit = "kubectl edit ippools.crd.projectcalico.org (the variables of calico-node count only at first creation)"
    pool = next((one for one in pools if one.get("cidr") == wanted), None)
    if pool is None:
        findings.fail(
            f"no IPPool {wanted}; there is {listed(one.get('cidr') for one in pools) or 'none'}",
            why="calico-node creates its pool when it first starts; a later change of podCidr does not reach it",
            fix="choose podCidr before the first pulumi up; to change it, destroy and deploy again",
        )
        return ""
    if pool.get("vxlanMode") != "Always":
        findings.fail(
            f"IPPool {wanted} has vxlanMode {pool.get('vxlanMode', 'Never')}",
            why="two nodes in one subnet then send bare pod packets, which EC2's source/destination check drops",
            fix=f"{edit}: vxlanMode: Always",
        )
    if not pool.get("natOutgoing"):
        findings.fail(
            f"IPPool {wanted} has natOutgoing off",
            why="pods reach nothing outside the pod network: no VPC knows their addresses",
            fix=f"{edit}: natOutgoing: true",
        )
    if pool.get("disabled"):
        findings.fail(
            f"IPPool {wanted} is disabled", why="new pods get no address", fix=f"{edit}: disabled: false"
        )
    return f"{wanted}, vxlanMode Always"


@check(
    "system.vxlan-routes",
    "every node has a vxlan.calico route to every other node's block of pods",
    needs=("system.calico-node", "node.exec"),
    eventually=True,
)
def vxlan_routes(context: Context, findings: Findings) -> str:
    blocks = _blocks(context)
    nodes = {node.name: node for node in context.cluster.nodes}
    pods = context.cluster.calico_pods()

    def ask(pod: Pod) -> str:
        return measure.in_calico(context, pod, probes.ROUTES)

    count = 0
    asked = [pods[name] for name in nodes if name in pods]
    for pod, answer in context.pool.settle(ask, asked, expected=ExecError):
        node = nodes[pod.node]
        if isinstance(answer, Exception):
            findings.fail(
                f"{node}: the routes cannot be read: {answer}",
                why="exec into calico-node failed; node.exec says more",
                fix=f"kubectl -n kube-system exec {pod.name} -c calico-node -- ip route",
            )
            continue
        found = {route.destination: route for route in parsers.routes(answer)}
        for owner, block in blocks:
            if owner == pod.node or owner not in nodes:
                continue
            count += 1
            _judge_route(findings, node, nodes[owner], block, found.get(block), pod)
    if not blocks and nodes:
        findings.fail(
            "Calico has given no node a block of addresses",
            why="no pod on the pod network has started yet, or Calico's CRDs are missing",
            fix="kubectl get blockaffinities.crd.projectcalico.org; kubectl get pods -A -o wide",
        )
    findings.failed = f"{len(findings.problems)} of {count} routes to other nodes' pods are wrong"
    return f"{count} of {count} routes to other nodes' pods go through vxlan.calico"


def _judge_route(
    findings: Findings, node: Node, owner: Node, block: IPv4Network, route: parsers.Route | None, pod: Pod
) -> None:
    restart = f"kubectl -n kube-system delete pod {pod.name} (the DaemonSet starts a new one)"
    if route is None or route.kind != "unicast":
        shown = "no route" if route is None else f"a {route.kind} route"
        findings.fail(
            f"{node} has {shown} to {block}, the pods of {owner}",
            why=f"Felix on {node.alias} has not programmed it, so pods there cannot send to {owner.alias}, "
            "and answers to it are lost as well",
            fix=f"kubectl -n kube-system logs {pod.name} -c calico-node | grep -i vxlan; then {restart}",
        )
        return
    if route.device != "vxlan.calico":
        findings.fail(
            f"{node} sends {block}, the pods of {owner}, out of {route.device or '(no device)'}",
            why="bare pod packets leave the node, and EC2's source/destination check drops them",
            fix="set the IPPool's vxlanMode to Always (see system.ip-pool)",
        )
        return
    tunnel = owner.annotations.get(TUNNEL_ANNOTATION)
    if tunnel and route.via != tunnel:
        findings.fail(
            f"{node} sends {block} to the tunnel end {route.via}; {owner} has {tunnel}",
            why="the route is of a node that is gone or was replaced",
            fix=restart,
        )


def _blocks(context: Context) -> list[tuple[str, IPv4Network]]:
    """List (node, block of pod addresses) as Calico's address management has confirmed them."""
    found = []
    for item in context.kube.calico("blockaffinities"):
        spec = item.get("spec") or {}
        network = parsers.network(spec.get("cidr", ""))
        if network is not None and spec.get("state") == "confirmed" and spec.get("deleted") != "true":
            found.append((spec.get("node", ""), network))
    return sorted(found)


@check("system.coredns", "CoreDNS has all its replicas", needs=("node.api",), eventually=True)
def coredns(context: Context, findings: Findings) -> str:
    deployment = context.memo.get("coredns", lambda: context.kube.deployment("kube-system", "coredns"))
    if deployment is None:
        findings.fail(
            "kube-system has no Deployment coredns",
            **context.cause("add-on-missing"),
        )
        return ""
    wanted = (deployment.get("spec") or {}).get("replicas", 1)
    ready = (deployment.get("status") or {}).get("readyReplicas", 0)
    if ready < wanted or not ready:
        pods = [pod for pod in context.cluster.pods("kube-system") if pod.app == "kube-dns" and not pod.ready]
        states = [f"{pod.name} {pod.waiting or pod.phase}" for pod in pods]
        findings.fail(
            f"{ready} of {wanted} CoreDNS pods ready{': ' if states else ''}{listed(states, most=3)}",
            why="no pod resolves names without it"
            if not ready
            else "the others carry the load; the cause may spread",
            fix="kubectl -n kube-system logs -l k8s-app=kube-dns --tail 20; "
            "kubectl -n kube-system describe pods -l k8s-app=kube-dns",
        )
    return f"{ready} of {wanted} ready"


@check(
    "system.coredns-spread",
    "each side resolves names by itself, and survives the loss of one node where it has several",
    needs=("system.coredns",),
    eventually=True,
)
def coredns_spread(context: Context, findings: Findings) -> str:
    pods = [pod for pod in context.cluster.pods("kube-system") if pod.app == "kube-dns"]
    said = []
    for side, deployment in (("managed", CORE_DNS), ("hybrid", HYBRID_CORE_DNS)):
        nodes = {node.name: node for node in context.cluster.nodes if node.hybrid == (side == "hybrid")}
        ready = sorted(pod.name for pod in pods if pod.ready and pod.node in nodes)
        serving = sorted({nodes[pod.node].alias for pod in pods if pod.ready and pod.node in nodes})
        said.append(f"{side}: {listed(serving)}")
        if nodes and not serving:
            waiting = [f"{pod.name} {pod.waiting or pod.phase}" for pod in pods if not pod.ready]
            findings.fail(
                f"no CoreDNS pod is ready on a {side} node{': ' if waiting else ''}{listed(waiting, most=3)}",
                why=f"pods on {side} nodes ask the other side for every name, and resolve none while the link is cut",
                fix=f"kubectl -n kube-system describe deployment {deployment}; "
                "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
            )
        elif len(serving) == 1 < len(nodes):
            findings.warn(
                f"all CoreDNS pods of the {side} side run on {serving[0]}",
                why="when that node goes, the other side answers until they are moved",
                # A rollout spreads new pods by where the old ones are, and put both on one node again.
                fix=f"kubectl -n kube-system delete pod {ready[-1]}"
                if len(ready) > 1
                else f"kubectl -n kube-system describe deployment {deployment}; "
                "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
            )
    return f"runs on {'; '.join(said)}"


@check(
    "system.coredns-own-side",
    "a pod asks the CoreDNS of its own side first",
    needs=("node.api",),
    eventually=True,
)
def coredns_own_side(context: Context, findings: Findings) -> str:
    service = context.memo.get("kube-dns", lambda: context.kube.service("kube-system", "kube-dns"))
    found = ((service or {}).get("spec") or {}).get("trafficDistribution", "")
    if found not in ("PreferClose", "PreferSameZone", "PreferSameNode"):
        findings.fail(
            f"Service kube-dns has trafficDistribution {found or '(none)'}",
            why="every second name is asked for across the link, and fails there while it is cut",
            fix="pulumi up --refresh",
        )
    return f"Service kube-dns has trafficDistribution {found}"


@check(
    "system.metrics",
    "kubectl top nodes knows every node, and autoscalers have what they scale by",
    needs=("node.api",),
    eventually=True,
)
def metrics(context: Context, findings: Findings) -> str | Outcome:
    nodes, serving = context.cluster.nodes, context.kube.metrics_service()
    space, _, name = METRICS_SERVICE.partition("/")
    wanted = context.kube.deployment(space, name) is not None
    if serving is None and not wanted:
        return skipped(
            f"there is no {METRICS_SERVICE} (metricsServer), and nothing else serves metrics.k8s.io"
        )
    if serving is None:
        findings.fail(
            "the API server knows no metrics.k8s.io",
            why="it was deleted; who uninstalls another metrics-server deletes it as well",
            fix="pulumi up --refresh",
        )
        return ""
    ours = serving == METRICS_SERVICE
    if wanted and not ours:
        findings.warn(
            f"metrics.k8s.io leads to {serving}, not to this program's {METRICS_SERVICE}",
            why="another metrics-server was installed after it, and its API replaced this one's",
            fix="pulumi up --refresh leads it back; to keep the other: pulumi config set metricsServer false, "
            "pulumi up, then install the other again",
        )
    space, _, name = serving.partition("/")
    try:
        measured = {(item.get("metadata") or {}).get("name", "") for item in context.kube.node_metrics()}
    except AskError as error:
        findings.fail(
            f"metrics.k8s.io does not answer: {error}",
            why=f"{serving} is not ready, or tcp 10251 from the control plane to the managed nodes is closed"
            if ours
            else f"{serving} is not ready, or the control plane does not reach it: it needs hostNetwork and an open "
            "port, which 10251 is on managed nodes",
            fix=f"kubectl -n {space} get pods,endpointslices -o wide; "
            "kubectl get apiservice v1beta1.metrics.k8s.io",
        )
        return ""
    missing = [str(node) for node in nodes if node.name not in measured]
    if missing:
        findings.fail(
            f"kubectl top nodes lacks {listed(missing)}",
            why=f"{serving} does not reach their kubelets: tcp 10250 from the managed nodes is closed, or one "
            "of them has no signed certificate yet"
            if ours
            else f"{serving} does not reach their kubelets: tcp 10250 is open to it from managed nodes, by the nodes' "
            "addresses (--kubelet-preferred-address-types=InternalIP)",
            fix=f"kubectl -n {space} logs service/{name} --tail 20; kubectl get csr",
        )
    return f"kubectl top nodes knows {len(nodes)} of {len(nodes)} nodes"
