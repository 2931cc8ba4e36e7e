"""For every check: a fault that it finds, and what it says about it. A check without one fails the last test."""

from collections.abc import Callable
from typing import Any

import pytest

from ops.checks.model import Result, Status
from ops.verify.catalogue import CHECKS
from tests.ops.standin.certificates import Certificate
from tests.ops.standin.world import TRANSIT_GATEWAY, VPN_GATEWAY, hybrid

Plant = Callable[[Any], object]


def each(check: str, *cases: tuple[Plant, str], status: Status = Status.FAIL) -> list[Any]:
    return [pytest.param(check, plant, said, status, id=f"{check}-{said[:40]}") for plant, said in cases]


def put(**faults: Any) -> Plant:
    """Set attributes of the world."""
    return lambda world: [setattr(world, name, value) for name, value in faults.items()]


def on(alias: str, **faults: Any) -> Plant:
    """Set attributes of one machine."""
    return lambda world: [setattr(world.at(alias), name, value) for name, value in faults.items()]


def labels(alias: str, **changes: str) -> Plant:
    return lambda world: world.at(alias).labels.update({k.replace("__", "/"): v for k, v in changes.items()})


def unlabelled(alias: str, label: str) -> Plant:
    return lambda world: world.at(alias).labels.pop(label)


def unjoined(world: Any) -> None:
    """One more machine of one's own, which nobody has joined."""
    world.way = "transit"
    world.unjoined = [hybrid(3)]


def link_cut(world: Any) -> None:
    """Nothing passes between the two sides; kubelets report over the internet."""
    for number in (1, 2):
        on(f"onprem-{number}", kubelet_reachable=False)(world)


TGW, VGW = TRANSIT_GATEWAY, VPN_GATEWAY
PART_ELSEWHERE = {"DestinationCidrBlock": "10.90.7.0/24", "NatGatewayId": "nat-1", "State": "active"}
POD_ROUTE = {"DestinationCidrBlock": "192.168.35.0/26", "VpcPeeringConnectionId": "pcx-0a1b2c3d"}
WIDE_ROUTE = {"DestinationCidrBlock": "192.0.0.0/8", "GatewayId": "vgw-1"}
ELSEWHERE = {"DestinationCidrBlock": "10.90.0.0/16", "NatGatewayId": "nat-1", "State": "active"}
MANAGED_1, HYBRID_1 = "ip-10-10-1-193", "onprem-1"
BARE = "192.168.35.0/26 via 10.90.1.182 dev eth0 proto 80"
OLD = "192.168.35.0/26 via 192.168.77.0 dev vxlan.calico onlink"
HOLE = "blackhole 192.168.35.0/26 proto 80"

FAULTS = [
    *each("aws.identity", (put(account="999999999999"), "of account 999999999999"), status=Status.ERROR),
    *each(
        "aws.cluster",
        (put(cluster_status=None), "there is no cluster eks-hybrid"),
        (put(cluster_status="UPDATING"), "eks-hybrid is UPDATING"),
    ),
    *each(
        "aws.peering",
        (put(peering="pending-acceptance"), "pcx-0a1b2c3d is pending-acceptance"),
        (put(peering=None), "pcx-0a1b2c3d is missing"),
    ),
    *each(
        "aws.gateway",
        (put(way="transit", attachment=None), f"vpc-eks is not attached to {TGW}"),
        (put(way="transit", attachment="pendingAcceptance"), "tgw-attach-1 is pendingAcceptance"),
        (put(way="transit", attachment="rejected"), "tgw-attach-1 is rejected"),
        (put(way="vpn", vpn_gateway=False), f"there is no virtual private gateway {VGW} in ap-northeast-1"),
        (put(way="vpn", vpn_attachment="attaching"), f"{VGW} is attaching at vpc-eks"),
        (put(way="vpn", vpn_attachment=None), f"{VGW} is not attached at vpc-eks"),
    ),
    *each(
        "aws.routes",
        (
            put(way="transit", lost_routes={"rtb-private-vpc-eks"}),
            "rtb-private-vpc-eks has no route to 10.90.0.0/16",
        ),
        (
            put(way="transit", blackholes={"rtb-public-vpc-eks"}),
            f"rtb-public-vpc-eks: the route to 10.90.0.0/16 ({TGW}) is a blackhole",
        ),
        (
            put(way="transit", extra_routes={"rtb-private-vpc-eks": [PART_ELSEWHERE]}),
            f"rtb-private-vpc-eks sends 10.90.7.0/24 to nat-1, not to {TGW}",
        ),
        (
            put(way="vpn", unpropagated={"rtb-public-vpc-eks"}),
            f"rtb-public-vpc-eks does not take the routes of {VGW}: route propagation is off",
        ),
        (
            put(way="vpn", lost_routes={"rtb-private-vpc-eks"}),
            "rtb-private-vpc-eks has no route to 10.90.0.0/16",
        ),
        (
            put(way="vpn", extra_routes={"rtb-private-vpc-eks": [ELSEWHERE]}),
            f"rtb-private-vpc-eks sends 10.90.0.0/16 to nat-1, not to {VGW}",
        ),
        (
            put(way="none", lost_routes={"rtb-public-vpc-eks"}),
            "rtb-public-vpc-eks has no route to 10.90.0.0/16",
        ),
        (put(way="none", blackholes={"rtb-public-vpc-eks"}), "(eni-0a1b2c3d) is a blackhole"),
    ),
    *each(
        "aws.routes",
        (
            put(lost_routes={"rtb-private-vpc-onprem"}),
            "rtb-private-vpc-onprem in vpc-onprem has no route to 10.10.0.0/16",
        ),
        (
            put(lost_routes={"rtb-public-vpc-eks"}),
            "rtb-public-vpc-eks in vpc-eks has no route to 10.90.0.0/16",
        ),
        (put(blackholes={"rtb-private-vpc-eks"}), "the route to 10.90.0.0/16 is a blackhole"),
        (
            put(lost_routes={"rtb-private-vpc-eks"}, extra_routes={"rtb-private-vpc-eks": [ELSEWHERE]}),
            "sends 10.90.0.0/16 to nat-1, not to pcx-0a1b2c3d",
        ),
    ),
    *each(
        "aws.no-pod-routes",
        (put(extra_routes={"rtb-private-vpc-eks": [POD_ROUTE]}), "sends 192.168.35.0/26 to pcx-0a1b2c3d"),
        (put(extra_routes={"rtb-public-vpc-onprem": [WIDE_ROUTE]}), "sends 192.0.0.0/8 to vgw-1"),
    ),
    *each(
        "aws.access-entry",
        (put(access_entry=None), "role eks-hybrid-node-1a2b3c4 has no access entry"),
        (put(access_entry="STANDARD"), "is of type STANDARD"),
    ),
    *each(
        "aws.remote-node-networks",
        (
            put(remote_networks=["10.91.0.0/16"]),
            "the cluster has 10.91.0.0/16; the stack asks for 10.90.0.0/16",
        ),
        (put(remote_networks=[]), "the cluster has none"),
    ),
    *each(
        "aws.registrations",
        (
            put(strangers=["mi-0123456789abcdef0"]),
            "mi-0123456789abcdef0 (old-box) is registered by activation",
        ),
        (put(unregistered={HYBRID_1}), "onprem-1 has not registered"),
        (
            put(way="none", unregistered={HYBRID_1}),
            "onprem-1 (10.90.1.182, a machine of your own) has not registered",
        ),
        (put(ping_status={"onprem-2": "ConnectionLost"}), "mi-06d5ac211e74887c2 is ConnectionLost"),
    ),
    *each(
        "aws.node-firewall",
        (
            put(closed={("hybrid", "managed", 4789)}),
            "from hybrid to managed nodes is closed: sg-managed has no ingress rule for 10.90.1.182, 10.90.1.183",
        ),
        (
            put(closed={("hybrid", "hybrid", 30080)}),
            "NodePort (tcp 30080) from hybrid to hybrid nodes is closed",
        ),
        (put(closed_egress={"managed"}), "sg-managed has no egress rule for"),
    ),
    *each(
        "aws.targets-registered",
        (
            put(lost_targets={"10.90.1.182"}),
            "onprem-1 (mi-06d5ac211e74887c1) is not in the hybrid target group",
        ),
        (unjoined, "onprem-3 (10.90.1.184) is a target and has not joined the cluster"),
        (put(extra_targets=["10.90.1.99"]), "10.90.1.99 is a target of the hybrid group but no hybrid node"),
        (
            put(target_states={"10.90.1.182": ("draining", "")}),
            "onprem-1 (mi-06d5ac211e74887c1) is not in the hybrid",
        ),
    ),
    *each(
        "aws.targets-healthy",
        (
            put(target_states={"10.90.1.182": ("unhealthy", "Target.Timeout")}),
            "10.90.1.182:30080 is unhealthy (Target.Timeout)",
        ),
        (put(target_states={"i-0aaaaaaaaaaaaaa01": ("initial", "Elb.InitialHealthChecking")}), "is initial"),
        (put(target_states={"10.90.1.182": ("unavailable", "")}), "(no reason given)"),
        (put(machines=[]), "no target is registered"),
    ),
    *each("node.api", (put(answers_503=10), "no answer from the API server"), status=Status.ERROR),
    *each(
        "node.ready",
        (
            on(HYBRID_1, ready=False, message="cni plugin not initialized"),
            "onprem-1 (mi-06d5ac211e74887c1) is not Ready",
        ),
        (
            on(MANAGED_1, ready=False, message="Kubelet stopped posting node status."),
            "Kubelet stopped posting",
        ),
        (put(machines=[], sample_on=[], coredns=[], coredns_hybrid=[]), "the cluster has no nodes"),
    ),
    *each(
        "node.count",
        (
            lambda w: (
                setattr(w.at(HYBRID_1), "name", "mi-1")
                or w.at("onprem-2").labels.update({"eks-hybrid-calico/activation": "x"})
            ),
            "onprem-2 (i-0bbbbbbbbbbbbbb02) has not joined",
        ),
        (unjoined, "onprem-3 (10.90.1.184, a machine of your own) has not joined"),
        (
            labels("onprem-2", **{"eks-hybrid-calico__activation": "99999999"}),
            "is a hybrid node that is not of this stack",
        ),
        (
            lambda w: w.machines.extend([w.managed(3), w.managed(4)]),
            "4 managed nodes; the settings allow 1 to 3",
        ),
    ),
    *each(
        "node.address",
        (on(HYBRID_1, ip="10.91.0.5"), "has InternalIP 10.91.0.5, outside 10.90.0.0/16"),
        (on(MANAGED_1, ip=""), "has InternalIP none, outside 10.10.0.0/16"),
        (on(HYBRID_1, settings_ip="10.90.1.9"), "and the settings say 10.90.1.9"),
    ),
    *each(
        "node.labels",
        (
            unlabelled(HYBRID_1, "eks.amazonaws.com/compute-type"),
            "eks.amazonaws.com/compute-type=(missing), not hybrid",
        ),
        (
            unlabelled(HYBRID_1, "topology.kubernetes.io/zone"),
            "topology.kubernetes.io/zone=(missing), not onprem",
        ),
        (unlabelled(HYBRID_1, "eks-hybrid-calico/activation"), "eks-hybrid-calico/activation=(missing)"),
        (
            labels(HYBRID_1, **{"eks-hybrid-calico__name": "other"}),
            "eks-hybrid-calico/name=other, not onprem-1",
        ),
    ),
    *each(
        "node.provider-id",
        (
            on(HYBRID_1, provider_id="eks-hybrid:///us-east-1/eks-hybrid/mi-06d5ac211e74887c1"),
            "has providerID eks-hybrid:///us-east-1",
        ),
        (on(MANAGED_1, provider_id=""), "has providerID (none)"),
    ),
    *each(
        "node.version-skew",
        (on(HYBRID_1, kubelet="v1.36.0"), "runs kubelet v1.36.0; the control plane is v1.35.2"),
        (on(HYBRID_1, kubelet="v1.31.9"), "runs kubelet v1.31.9"),
        (on(HYBRID_1, kubelet=""), "runs kubelet (unknown)"),
    ),
    *each("node.version-skew", (on(HYBRID_1, kubelet="v1.34.3"), "runs kubelet v1.34.3"), status=Status.WARN),
    *each("node.no-aws-node", (put(aws_node=True), "kube-system has a DaemonSet aws-node")),
    *each(
        "node.logs",
        (
            on(HYBRID_1, kubelet_reachable=False),
            "logs on onprem-1 (mi-06d5ac211e74887c1) failed: HTTP 500: error dialing backend",
        ),
    ),
    *each(
        "node.exec",
        (
            on(HYBRID_1, kubelet_reachable=False),
            "exec on onprem-1 (mi-06d5ac211e74887c1) failed: HTTP 500: error dialing backend: dial tcp",
        ),
        (
            on(HYBRID_1, has_check_pod=False, calico_pod=False),
            "runs neither a nw-check nor a calico-node pod to try exec with",
        ),
        (on(HYBRID_1, tools=False), "ended with 127"),
        (
            link_cut,
            "exec works on every managed node and on none of the 2 hybrid nodes, which are Ready: HTTP 500",
        ),
    ),
    *each(
        "system.pod-identity",
        (on(HYBRID_1, agent=""), "no agent runs on onprem-1 (mi-06d5ac211e74887c1)"),
        (
            on(HYBRID_1, agent="PodInitializing"),
            "eks-pod-identity-agent-hybrid-rem-1 is not ready (PodInitializing)",
        ),
        (on(MANAGED_1, agent="ImagePullBackOff"), "is not ready (ImagePullBackOff)"),
    ),
    *each(
        "system.calico-node",
        (on(HYBRID_1, calico_ready=False), "calico-node-rem-1 is not ready (CrashLoopBackOff)"),
        (on(HYBRID_1, calico_pod=False), "onprem-1 (mi-06d5ac211e74887c1) has no calico-node pod"),
    ),
    *each(
        "system.ip-pool",
        (
            put(pools=[{"cidr": "192.168.0.0/16", "vxlanMode": "CrossSubnet", "natOutgoing": True}]),
            "has vxlanMode CrossSubnet",
        ),
        (
            put(pools=[{"cidr": "10.244.0.0/16", "vxlanMode": "Always"}]),
            "no IPPool 192.168.0.0/16; there is 10.244.0.0/16",
        ),
        (put(pools=[{"cidr": "192.168.0.0/16", "vxlanMode": "Always"}]), "has natOutgoing off"),
        (
            put(
                pools=[
                    {"cidr": "192.168.0.0/16", "vxlanMode": "Always", "natOutgoing": True, "disabled": True}
                ]
            ),
            "is disabled",
        ),
        (put(calico_crds=False), "there is none"),
    ),
    *each(
        "system.vxlan-routes",
        (
            put(missing_routes={(MANAGED_1, HYBRID_1)}),
            "compute.internal has no route to 192.168.35.0/26, the pods of onprem-1",
        ),
        (
            put(wrong_routes={("onprem-2", HYBRID_1): BARE}),
            "sends 192.168.35.0/26, the pods of onprem-1 (mi-06d5ac211e74887c1), out of eth0",
        ),
        (
            put(wrong_routes={("onprem-2", HYBRID_1): OLD}),
            "to the tunnel end 192.168.77.0; onprem-1 (mi-06d5ac211e74887c1) has 192.168.35.0",
        ),
        (put(wrong_routes={("onprem-2", HYBRID_1): HOLE}), "has a blackhole route to 192.168.35.0/26"),
        (on(HYBRID_1, kubelet_reachable=False), "the routes cannot be read: HTTP 500"),
        (put(calico_crds=False), "Calico has given no node a block"),
    ),
    *each(
        "system.coredns",
        (put(coredns_ready=0), "0 of 2 CoreDNS pods ready: coredns-5d78c9869d-0 CrashLoopBackOff"),
        (put(coredns_ready=1), "1 of 2 CoreDNS pods ready"),
        (put(coredns_missing=True), "kube-system has no Deployment coredns"),
    ),
    *each(
        "system.coredns-spread",
        (put(coredns=[MANAGED_1, MANAGED_1]), "all CoreDNS pods of the managed side run on ip-10-10-1-193"),
        (put(coredns_hybrid=[HYBRID_1]), "all CoreDNS pods of the hybrid side run on onprem-1"),
        status=Status.WARN,
    ),
    *each(
        "system.coredns-spread",
        (put(coredns_hybrid=[]), "no CoreDNS pod is ready on a hybrid node"),
        (
            put(coredns_hybrid_ready=0),
            "no CoreDNS pod is ready on a hybrid node: coredns-hybrid-6f9cd-0 CrashLoopBackOff",
        ),
        (put(coredns=["onprem-1", "onprem-2"]), "no CoreDNS pod is ready on a managed node"),
    ),
    *each(
        "system.coredns-own-side",
        (put(dns_service={}), "Service kube-dns has trafficDistribution (none)"),
        (put(dns_service={"trafficDistribution": "Other"}), "has trafficDistribution Other"),
    ),
    *each(
        "system.metrics",
        (put(unmeasured={HYBRID_1}), "kubectl top nodes lacks onprem-1 (mi-06d5ac211e74887c1)"),
        (put(metrics_503=True), "metrics.k8s.io does not answer: no answer from the API server"),
        (put(metrics_service=None), "the API server knows no metrics.k8s.io"),
        (put(metrics_server=False, metrics_service="x/own", unmeasured={HYBRID_1}), "lacks onprem-1"),
    ),
    *each(
        "system.metrics",
        (
            put(metrics_service="kube-system/metrics-server"),
            "leads to kube-system/metrics-server, not to this program's kube-system/eks-hybrid-metrics",
        ),
        status=Status.WARN,
    ),
    *each(
        "net.pods",
        (
            on(HYBRID_1, has_check_pod=False),
            "onprem-1 (mi-06d5ac211e74887c1) has no ready nw-check pod (none is scheduled there)",
        ),
        (on(MANAGED_1, check_pod_ready=False), "nw-check-managed-c7cd75cc6-1-193 CrashLoopBackOff"),
        (put(machines=[], sample_on=[], coredns=[], coredns_hybrid=[]), "no nw-check pod is ready"),
    ),
    *each("net.pods", (on(MANAGED_1, has_check_pod=False), "has no ready nw-check pod"), status=Status.WARN),
    *each(
        "net.ping",
        (
            put(missing_routes={(MANAGED_1, HYBRID_1)}),
            "nothing comes back between ip-10-10-1-193.ap-northeast-1.compute.internal and onprem-1",
        ),
        (
            put(closed={("hybrid", "managed", 4789)}),
            "nothing comes back between hybrid and managed nodes: 8 paths",
        ),
        (
            put(lossy={(HYBRID_1, MANAGED_1)}),
            "some packets are lost: onprem-1 -> ip-10-10-1-193 33%",
        ),
        (on(HYBRID_1, kubelet_reachable=False), "exec into nw-check-hybrid-c7cd75cc6-rem-1 on onprem-1"),
        (on(HYBRID_1, garbled=True), "no output"),
    ),
    *each(
        "net.mtu",
        (on(HYBRID_1, first_pod_mtu=1500), "1 of 2 pods on onprem-1"),
        (on(HYBRID_1, first_pod_mtu=1500), "have MTU 1500, the overlay 8951: 192.168.35.3"),
        (on(HYBRID_1, mtu=1356, first_pod_mtu=1390), "have MTU 1390, the overlay 1356: 192.168.35.3"),
        (on(HYBRID_1, garbled=True), "the interfaces cannot be read, or there is no vxlan.calico"),
        (
            lambda w: (put(pod_mtu=1390)(w), on(HYBRID_1, mtu=1390)(w)),
            "the overlay on ip-10-10-1-193, ip-10-10-2-193, onprem-2 has MTU 8951; the stack asks for 1390 (podMtu)",
        ),
    ),
    *each(
        "net.mtu",
        (on(HYBRID_1, mtu=1450), "the overlay's MTU differs: 1450 on onprem-1; 8951 on"),
        status=Status.WARN,
    ),
    *each(
        "net.ping-sized",
        (put(path_mtu=1500), "a 8951-byte packet does not cross 12 paths"),
        (on(HYBRID_1, hidden_mtu=1450), "the way has MTU 1450"),
        (put(link_mtu=9000), "full-size packets arrive in pieces at ip-10-10-1-193"),
        (on(HYBRID_1, garbled=True), "the MTU in nw-check-hybrid-c7cd75cc6-rem-1 cannot be read"),
    ),
    *each(
        "net.service-ip",
        (put(sample_service=False), "Service sample-svc in sample has no ClusterIP"),
        (
            put(sample_on=[]),
            "onprem-1, onprem-2: curl: (28) Failed to connect to 172.16.58.99",
        ),
        (
            put(sample_text="<html>it works</html>"),
            "200, but not from the sample app: '<html>it works</html>'",
        ),
    ),
    *each(
        "net.service-dns",
        (
            put(coredns_ready=0, coredns_hybrid_ready=0),
            "curl: (6) Could not resolve host: sample-svc.sample.svc.cluster.local",
        ),
        (put(sample_text="oops"), "200, but not from the sample app: 'oops'"),
    ),
    *each(
        "net.node-port",
        (
            put(closed={("managed", "hybrid", 30080)}),
            "at onprem-1 (mi-06d5ac211e74887c1) from ip-10-10-1-193, ip-10-10-2-193: curl: (28)",
        ),
        (
            put(dropped={(HYBRID_1, "onprem-2")}),
            "at onprem-2 (mi-06d5ac211e74887c2) from onprem-1: curl: (28)",
        ),
    ),
    *each("net.external-dns", (put(resolver_broken=True), "cannot resolve sts.ap-northeast-1.amazonaws.com")),
    *each(
        "net.external-dns",
        (put(nat_broken=True), "resolve sts.ap-northeast-1.amazonaws.com but do not reach it"),
        status=Status.WARN,
    ),
    *each(
        "lb.https",
        (
            put(certificate=Certificate(days=-1, since_days=90)),
            "the certificate of localhost is refused: certificate has expired",
        ),
        (put(certificate=Certificate(since_days=-1)), "is refused: certificate is not yet valid"),
        (put(certificate=Certificate(signed=False)), "the certificate of localhost is refused: "),
        (
            put(certificate=Certificate(names=("app.example.com", "*.example.com"))),
            "the certificate is for app.example.com, *.example.com, not for localhost",
        ),
        # Another name, and over: the second is what must be said.
        (
            put(certificate=Certificate(names=("app.example.com",), days=-1, since_days=90)),
            "is refused: certificate has expired",
        ),
        (put(certificate=Certificate(), lb_closed={443}), "https://localhost got no answer"),
        (put(certificate=Certificate(), lb_closed={80}), "http://localhost/ got no answer"),
        (put(certificate=Certificate(), lb_redirect=None), "http://localhost/ answered 200; 301 to https"),
        (
            put(certificate=Certificate(), lb_redirect="https://app.example.com/"),
            "http://localhost/ answered 301, to https://app.example.com/; 301 to https://localhost",
        ),
        (
            put(certificate=Certificate(), lb_redirect_status=302),
            "http://localhost/ answered 302, to https://",
        ),
        (
            put(certificate=Certificate(), lb_redirect="http://localhost/"),
            "answered 301, to http://localhost/",
        ),
    ),
    *each(
        "lb.https",
        (put(certificate=Certificate(days=29)), "the certificate ends in 28 days, on 20"),
        (
            put(certificate=Certificate(names=("app.example.com",)), own_name=False),
            "the certificate is for app.example.com, not for localhost",
        ),
        status=Status.WARN,
    ),
    *each(
        "net.policy",
        (
            put(unenforced={"managed", "hybrid"}),
            "answers pods that the policy keeps out: from ip-10-10-1-193, ip-10-10-2-193, onprem-1, onprem-2",
        ),
        (
            put(unenforced={"hybrid"}),
            "nw-check-closed-hybrid-6c8f-x7k2p on onprem-1 (mi-06d5ac211e74887c1) answers pods",
        ),
        (
            put(closed_to_all={"managed", "hybrid"}),
            "the closed pod on onprem-1 (mi-06d5ac211e74887c1) does not reach nw-check-closed-managed-6c8f-x7k2p",
        ),
        (
            put(closed_to_all={"hybrid"}),
            "ip-10-10-1-193.ap-northeast-1.compute.internal does not reach nw-check-closed-hybrid-6c8f-x7k2p",
        ),
        (
            put(unenforced={"hybrid"}, closed_servers={"hybrid": "refuses"}),
            "from ip-10-10-1-193, ip-10-10-2-193, onprem-1, onprem-2 to nw-check-closed-hybrid-6c8f-x7k2p",
        ),
        (put(unenforced={"managed"}, closed_servers={"managed": "hangs"}), "Operation timed out after 5000"),
        (on("onprem-2", curl=False), "from onprem-2 to nw-check-closed-hybrid-6c8f-x7k2p on onprem-1"),
        (on(MANAGED_1, curl=False), "which the policy allows: sh: curl: not found"),
        (on("onprem-2", garbled=True), "from onprem-2 to nw-check-closed-managed-6c8f-x7k2p"),
        (on("onprem-2", kubelet_reachable=False), "exec into nw-check-hybrid-c7cd75cc6-rem-2 on onprem-2"),
    ),
    *each(
        "lb.answers",
        (put(lb_statuses=[503] * 7), "7 of 20 requests to"),
        (put(lb_statuses=[418]), "answered 418"),
        (put(lb_cut=1000), "20 of 20 requests to"),
    ),
    *each(
        "lb.hybrid-pod",
        (
            put(sample_on=[MANAGED_1]),
            "answers from ip-10-10-1-193.ap-northeast-1.compute.internal, a managed node",
        ),
        (put(lb_pods=["sample-app-ghost"]), "sample-app-ghost, which is not in the cluster"),
        (put(sample_text="It works"), "20 answers do not name a pod"),
    ),
    *each(
        "lb.distribution",
        (put(lb_pods=["sample-app-7d5b76dcff-rem-1x"]), "no request reached sample-app-7d5b76dcff-rem-2x"),
        status=Status.WARN,
    ),
]


@pytest.mark.parametrize(("check", "plant", "said", "status"), FAULTS)
def test_the_check_finds_its_fault_and_says_what_it_saw(
    world: Any, ask: Callable[[str], Result], check: str, plant: Plant, said: str, status: Status
) -> None:
    plant(world)

    outcome = ask(check).outcome

    assert outcome.status is status, outcome
    assert any(said in problem.seen for problem in outcome.problems), [one.seen for one in outcome.problems]
    assert all(problem.why and problem.fix for problem in outcome.problems)


def test_every_check_has_a_fault_above() -> None:
    assert {param.values[0] for param in FAULTS} == {check.id for check in CHECKS}


def test_a_healthy_deployment_passes_every_check(verify: Callable[..., Any]) -> None:
    run = verify()

    others = {one.check.id: one.outcome for one in run.results if one.outcome.status is not Status.OK}
    assert {name: outcome.summary for name, outcome in others.items()} == {
        "aws.gateway": "not needed: a VPC of the stack plays the site",
        # Without a certificate there is nothing to check of one.
        "lb.https": "albCertificateArn is not set: the URL is http",
    }
    assert {outcome.status for outcome in others.values()} == {Status.SKIP}
    assert run.exit_code(strict=True) == 0


@pytest.mark.parametrize(
    ("way", "skipped"),
    [
        ("transit", {"aws.peering"}),
        ("vpn", {"aws.peering"}),
        ("none", {"aws.peering", "aws.gateway"}),
    ],
)
def test_a_healthy_data_centre_of_ones_own_passes_every_check_that_is_about_it(
    verify: Callable[..., Any], world: Any, way: str, skipped: set[str]
) -> None:
    world.way, world.pod_mtu = way, 8951

    run = verify()

    others = {one.check.id: one.outcome for one in run.results if one.outcome.status is not Status.OK}
    assert others.keys() == skipped | {"lb.https"}, others
    assert {outcome.status for outcome in others.values()} == {Status.SKIP}
    assert run.exit_code(strict=True) == 0
