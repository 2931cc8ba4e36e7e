"""net: pods reach each other, Services, names and NodePorts, from every node to every node."""

from collections.abc import Callable, Mapping

from infra.names import SAMPLE_NAMESPACE, SAMPLE_SERVICE
from ops.checks.model import Findings, Matrix, check, listed
from ops.verify import measure, mesh, parsers, probes
from ops.verify.cluster import CHECK_APPS, Pod
from ops.verify.context import Context
from ops.verify.parsers import Curl, Ping
from ops.verify.sample_app import sample_check

Path = tuple[str, str]
# IPv4 header 20 bytes, ICMP header 8 bytes.
_PING_HEADERS = 28
_PODS = ("net.pods", "node.exec")
# What Calico's CNI plug-in gives a pod as long as Felix has written no MTU down.
_BEFORE = {1500: "before Felix knew the node's MTU"}


@check("net.pods", "a nw-check pod runs on every node", needs=("node.api",), eventually=True)
def pods(context: Context, findings: Findings) -> str:
    running = context.cluster.check_pods()
    waiting = [pod for pod in context.cluster.pods("nw-check") if pod.app in CHECK_APPS and not pod.ready]
    for node in context.cluster.nodes:
        if node.name in running:
            findings.evidence.append(f"{node}: {running[node.name].name} {running[node.name].ip}")
            continue
        stuck = [pod for pod in waiting if pod.node == node.name]
        state = (
            ", ".join(f"{pod.name} {pod.waiting or pod.phase}" for pod in stuck) or "none is scheduled there"
        )
        note = findings.fail if node.hybrid or stuck else findings.warn
        note(
            f"{node} has no ready nw-check pod ({state})",
            why="nothing can be measured from and to this node",
            fix="kubectl -n nw-check get pods -o wide; kubectl -n nw-check describe pods",
        )
    if not running:
        findings.fail(
            "no nw-check pod is ready",
            why="the deployment did not finish, or no node can start pods",
            fix="kubectl -n nw-check describe pods",
        )
    return f"a ready pod on {len(running)} of {len(context.cluster.nodes)} nodes"


@check(
    "net.ping",
    "pods on every node reach pods on every other node, hybrid to hybrid included",
    needs=_PODS,
    eventually=True,
)
def ping(context: Context, findings: Findings) -> str:
    nodes, check_pods = measure.measured(context)
    probed = measure.probe(
        context, probes.PING, lambda pod: measure.others(pod, check_pods), probes.PING_SECONDS, findings
    )
    runs = {path: parsers.ping(text) for path, (_, text) in probed.outputs.items()}
    paths = measure.paths(nodes, probed)
    aliases = {node.name: node.alias for node in nodes}
    lost = {
        path: runs[path].error if path in runs else "no output" for path in paths if not _received(runs, path)
    }
    mesh.note(findings, nodes, lost, what="nothing comes back", errors=lost)
    flaky = [path for path in paths if path not in lost and runs[path].received < runs[path].sent]
    if flaky:
        names = [f"{aliases[a]} -> {aliases[b]} {runs[a, b].loss_percent:.0f}%" for a, b in flaky]
        findings.fail(
            f"some packets are lost: {listed(names, most=3)}",
            why="a machine is overloaded (t4g without CPU credits), or a route changes back and forth",
            fix="run it again; kubectl top nodes; kubectl -n kube-system logs -l k8s-app=calico-node --tail 20",
        )
    good = {path: runs[path].rtt_ms for path in paths if path not in lost}
    findings.matrix = Matrix(
        nodes=tuple(node.alias for node in nodes),
        rtt_ms={(aliases[a], aliases[b]): good.get((a, b)) for a, b in paths},
        loss_percent={(aliases[a], aliases[b]): _loss(runs, (a, b)) for a, b in paths},
    )
    times = [rtt for rtt in good.values() if rtt is not None]
    slowest = f", slowest {max(times):.2f} ms" if times else ""
    findings.failed = f"{len(lost) + len(flaky)} of {len(paths)} paths lose packets"
    return f"{len(paths)} of {len(paths)} paths, no loss{slowest}"


@check(
    "net.mtu",
    "every pod of every node has the MTU of its node's overlay, and all nodes have one",
    needs=("system.calico-node", "node.exec"),
)
def mtu(context: Context, findings: Findings) -> str:
    overlays: dict[int, list[str]] = {}
    count = 0
    for node, links, routes in measure.host_links(context, findings):
        overlay = links.get("vxlan.calico", 0)
        overlays.setdefault(overlay, []).append(node.alias)
        # Calico calls the host's end of a pod's interface cali..., gives both ends one MTU and a route to the pod.
        pods = {name: size for name, size in links.items() if name.startswith("cali")}
        count += len(pods)
        for size in sorted(set(pods.values()) - {overlay}):
            names = [name for name in pods if pods[name] == size]
            addresses = [str(route.destination.network_address) for route in routes if route.device in names]
            findings.fail(
                f"{len(names)} of {len(pods)} pods on {node} have MTU {size}, the overlay {overlay}: "
                f"{listed(addresses or names, most=4)}",
                why=f"they started {_BEFORE.get(size, 'before podMtu changed')}, and keep what they got until they "
                "start anew",
                fix="kubectl get pods -A -o wide --field-selector "
                f"spec.nodeName={node.name} names them by address; kubectl delete pod each of them",
            )
    wanted = context.deployment.checks.pod_mtu
    for size in sorted(set(overlays) - {wanted}) if wanted else ():
        findings.fail(
            f"the overlay on {listed(overlays[size])} has MTU {size}; the stack asks for {wanted} (podMtu)",
            why="calico-node there has not started anew since the setting changed, or its setting was changed by hand",
            fix="pulumi up --refresh, then kubectl -n kube-system rollout restart daemonset/calico-node",
        )
    if len(overlays) > 1:
        sides = "; ".join(f"{size} on {listed(names)}" for size, names in sorted(overlays.items()))
        findings.warn(
            f"the overlay's MTU differs: {sides}",
            why="large packets from nodes with the larger MTU are cut or lost on their way to the others",
            fix="where the networks between them carry no jumbo frames, one MTU for all: kubectl -n kube-system set "
            f"env daemonset/calico-node FELIX_VXLANMTU={min(overlays)}, then restart the pods",
        )
    return f"{listed(sorted(overlays))} bytes, {count} pods on {sum(map(len, overlays.values()))} nodes"


@check("net.ping-sized", "a packet of the full MTU crosses every path in one piece", needs=("net.ping",))
def ping_sized(context: Context, findings: Findings) -> str:
    nodes, check_pods = measure.measured(context)
    mtus = measure.mtus(context, check_pods, findings)

    def destinations(pod: Pod) -> dict[str, str]:
        return {
            other: f"{ip}/{min(mtus[pod.node], mtus[other]) - _PING_HEADERS}"
            for other, ip in measure.others(pod, check_pods).items()
            if pod.node in mtus and other in mtus
        }

    before = measure.fragments(context)
    probed = measure.probe(context, probes.PING_SIZED, destinations, probes.PING_SECONDS, findings)
    after = measure.fragments(context)
    runs = {path: parsers.ping(text) for path, (_, text) in probed.outputs.items()}
    paths = [path for path in measure.paths(nodes, probed) if path[0] in mtus and path[1] in mtus]
    _in_pieces(context, findings, {node: after[node] - before[node] for node in after.keys() & before.keys()})
    bad = [path for path in paths if not _received(runs, path)]
    names = {node.name: node for node in nodes}
    for size in sorted({min(mtus[a], mtus[b]) for a, b in bad}):
        these = [path for path in bad if min(mtus[path[0]], mtus[path[1]]) == size]
        limits = {runs[path].too_long_mtu for path in these if path in runs} - {None}
        limit = f"; the way has MTU {listed(sorted(one for one in limits if one))}" if limits else ""
        findings.fail(
            f"a {size}-byte packet does not cross {len(these)} paths: "
            f"{listed((f'{names[a].alias} -> {names[b].alias}' for a, b in these), most=3)}{limit}",
            why="small packets pass, so something between the nodes has a smaller MTU than the pods were given: "
            "VXLAN adds 50 bytes, and a peering between regions carries 1500",
            fix=_smaller(context),
        )
    sizes = sorted({min(mtus[a], mtus[b]) for a, b in paths})
    findings.evidence += [f"{names[name]}: MTU {mtu}" for name, mtu in sorted(mtus.items())]
    findings.failed = f"{len(bad)} of {len(paths)} paths drop full-size packets" if bad else ""
    return f"{listed(sizes)} bytes unfragmented on {len(paths)} of {len(paths)} paths"


def _in_pieces(context: Context, findings: Findings, arrived: Mapping[str, int]) -> None:
    """Note the nodes at which the full-size packets of one path at least have arrived in pieces.

    The packets of a pod forbid it, and those of VXLAN around them do not (Linux sets no DF on them): a router cuts
    them, the other node puts them together, and the pods notice nothing but that large answers are slow, or stand
    still where pieces are lost. Nothing else of a node counts it.
    """
    names = {node.name: str(node) for node in context.cluster.nodes}
    findings.evidence.append(f"pieces counted at {len(arrived)} of {len(names)} nodes")
    cut = sorted(node for node, count in arrived.items() if count >= 2 * probes.PINGS and node in names)
    if cut:
        findings.fail(
            f"full-size packets arrive in pieces at {listed(names[node] for node in cut)}: "
            f"{sum(arrived[node] for node in cut)} pieces in this check",
            why="the link carries less than the pods' packets and the 50 bytes of VXLAN around them, so a router cuts "
            "each in two. It costs speed, and where a firewall drops pieces no large answer arrives",
            fix=_smaller(context),
        )


def _smaller(context: Context) -> str:
    if context.deployment.checks.pod_mtu:
        return (
            "pulumi config set podMtu N, where N is what the link carries less 50 (1356 fits every VPN), "
            "then pulumi up; pods keep what they got until they start anew"
        )
    return (
        "kubectl -n kube-system set env daemonset/calico-node FELIX_VXLANMTU=1450 shows whether it helps; "
        "then find the interface with the smaller MTU (ip -o link on the nodes)"
    )


@sample_check(
    "net.service-ip",
    "the sample Service's ClusterIP answers from every node",
    needs=("net.ping",),
    eventually=True,
)
def service_ip(context: Context, findings: Findings) -> str:
    service = (
        context.memo.get("service", lambda: context.kube.service(SAMPLE_NAMESPACE, SAMPLE_SERVICE)) or {}
    )
    ip = (service.get("spec") or {}).get("clusterIP", "")
    if parsers.address(ip) is None:
        findings.fail(
            f"Service {SAMPLE_SERVICE} in {SAMPLE_NAMESPACE} has no ClusterIP",
            why="the sample app is not deployed",
            fix="pulumi up --refresh",
        )
        return ""
    return _answers(
        context,
        findings,
        lambda _: {"service-ip": f"http://{ip}:80/"},
        why="kube-proxy on that node has no rule for the Service, or no sample-app pod is ready. Where pings pass and "
        "every request times out, the kernel may write wrong checksums for vxlan.calico (offload; "
        "github.com/projectcalico/calico/issues/4865 and 11435)",
        fix="kubectl -n kube-system get pods -l k8s-app=kube-proxy -o wide; kubectl -n sample get endpointslices; "
        "on the node, sudo ethtool -K vxlan.calico tx-checksum-ip-generic off shows whether it is the offload",
        passed=f"{ip} answers from",
    )


@sample_check(
    "net.service-dns",
    "the sample Service's DNS name answers from every node",
    needs=("net.ping", "system.coredns"),
    eventually=True,
)
def service_dns(context: Context, findings: Findings) -> str:
    name = f"{SAMPLE_SERVICE}.{SAMPLE_NAMESPACE}.svc.cluster.local"
    return _answers(
        context,
        findings,
        lambda _: {"service-dns": f"http://{name}/"},
        why="pods there cannot ask CoreDNS (udp 53 over the overlay), or CoreDNS cannot reach the API server",
        fix="kubectl -n kube-system logs -l k8s-app=kube-dns --tail 20; kubectl -n kube-system get pods -o wide",
        passed=f"{name} answers from",
    )


@sample_check(
    "net.node-port",
    "the NodePort answers at every node's address, from every node",
    needs=("net.ping",),
    eventually=True,
)
def node_port(context: Context, findings: Findings) -> str:
    port = context.deployment.checks.node_port
    nodes = context.cluster.nodes
    return _answers(
        context,
        findings,
        lambda _: {node.name: f"http://{node.ip}:{port}/" for node in nodes},
        why=f"tcp {port} is closed for this path in a security group (each side needs it from the other), "
        "or kube-proxy does not run on the node asked",
        fix="ops verify --only aws.node-firewall names the group; "
        "kubectl -n kube-system get pods -l k8s-app=kube-proxy -o wide",
        passed=f"port {port} answers at every node from",
    )


@check(
    "net.external-dns",
    "pods on every node resolve names outside the cluster",
    needs=("net.ping", "system.coredns"),
    eventually=True,
)
def external_dns(context: Context, findings: Findings) -> str:
    host = context.deployment.checks.sts_host
    nodes, _ = measure.measured(context)
    probed = measure.probe(
        context, probes.CURL, lambda _: {"out": f"https://{host}/"}, probes.CURL_SECONDS, findings
    )
    names = {node.name: node for node in nodes}
    for (source, _), (code, text) in sorted(probed.outputs.items()):
        run = parsers.curl(code, text)
        unresolved = code in (5, 6) or (code == 28 and "resol" in run.error.lower())
        if unresolved:
            findings.fail(
                f"pods on {names[source]} cannot resolve {host}: {run.error}",
                why="CoreDNS passes outside names on to the VPC's resolver, and got no answer",
                fix="kubectl -n kube-system logs -l k8s-app=kube-dns --tail 20",
            )
        elif not run.ip:
            findings.warn(
                f"pods on {names[source]} resolve {host} but do not reach it: {run.error}",
                why="the node's way out (NAT gateway, natOutgoing of the IPPool) is broken",
                fix="check the default route and NAT gateway of the node's VPC; system.ip-pool",
            )
    return f"{host} resolves from {len(probed.outputs)} of {len(nodes)} nodes"


def _answers(
    context: Context,
    findings: Findings,
    urls: Callable[[Pod], Mapping[str, str]],
    *,
    why: str,
    fix: str,
    passed: str,
) -> str:
    """Curl some URLs from every node; each must answer 200 with a sample-app pod's name."""
    nodes, _ = measure.measured(context)
    probed = measure.probe(context, probes.CURL, urls, probes.CURL_SECONDS, findings)
    names = {node.name: node for node in context.cluster.nodes}
    failed: dict[tuple[str, str], list[str]] = {}
    for (source, key), (code, text) in sorted(probed.outputs.items()):
        run = parsers.curl(code, text)
        if run.status != 200 or not parsers.pod_name(run.body):
            place = str(names[key]) if key in names else ""
            failed.setdefault((place, _curl_said(run)), []).append(names[source].alias)
    for (place, said), sources in sorted(failed.items()):
        at = f"at {place} " if place else ""
        findings.fail(f"{at}from {listed(sources)}: {said}", why=why, fix=fix)
    total = len(probed.outputs)
    bad = sum(len(sources) for sources in failed.values())
    findings.failed = f"{bad} of {total} requests failed" if bad else ""
    return f"{passed} {len({source for source, _ in probed.outputs})} of {len(nodes)} nodes"


def _curl_said(run: Curl) -> str:
    if run.error:
        return run.error
    if run.status != 200:
        return f"HTTP {run.status}"
    return f"200, but not from the sample app: {run.body[:80]!r}"


def _received(runs: Mapping[Path, Ping], path: Path) -> bool:
    return path in runs and runs[path].received > 0


def _loss(runs: Mapping[Path, Ping], path: Path) -> float:
    return runs[path].loss_percent if path in runs else 100.0
