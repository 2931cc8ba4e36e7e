"""The world as objects of the Kubernetes API."""

from typing import Any

Object = dict[str, Any]


def nodes(world: Any) -> list[Object]:
    """Node objects."""
    return [
        {
            "metadata": {
                "name": machine.name,
                "labels": machine.labels,
                "annotations": {"projectcalico.org/IPv4VXLANTunnelAddr": machine.tunnel},
            },
            "spec": {"providerID": machine.provider_id},
            "status": {
                "addresses": [
                    {"type": "InternalIP", "address": machine.ip},
                    {"type": "Hostname", "address": machine.name},
                ],
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True" if machine.ready else "False",
                        "message": machine.message,
                    }
                ],
                "nodeInfo": {"kubeletVersion": machine.kubelet},
            },
        }
        for machine in world.machines
    ]


def pods(world: Any) -> list[Object]:
    """Pod objects of all namespaces."""
    found = []
    for machine in world.machines:
        short = machine.alias[-5:]
        if machine.calico_pod:
            labels, ready = {"k8s-app": "calico-node"}, machine.calico_ready
            name = f"calico-node-{short}"
            found.append(_pod("kube-system", name, labels, machine, machine.ip, "calico-node", ready=ready))
        if machine.agent:
            agent = "eks-pod-identity-agent" + "-hybrid" * (machine.side == "hybrid")
            labels, ready = {"app.kubernetes.io/name": agent}, machine.agent == "ready"
            pod = _pod("kube-system", f"{agent}-{short}", labels, machine, machine.ip, agent, ready=ready)
            if not ready:
                pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] = machine.agent
            found.append(pod)
        if machine.has_check_pod:
            app, ready = f"nw-check-{machine.side}", machine.check_pod_ready
            name, ip = f"{app}-c7cd75cc6-{short}", machine.pod_ip(3)
            found.append(_pod("nw-check", name, {"app": app}, machine, ip, "netshoot", ready=ready))
    for name, aliases, ready in (
        ("coredns-5d78c9869d", world.coredns, world.coredns_ready),
        ("coredns-hybrid-6f9cd", world.coredns_hybrid, world.coredns_hybrid_ready),
    ):
        found += [
            _pod(
                "kube-system",
                f"{name}-{index}",
                {"k8s-app": "kube-dns"},
                world.at(alias),
                world.at(alias).pod_ip(9),
                "coredns",
                ready=index < ready,
            )
            for index, alias in enumerate(aliases)
        ]
    for name, side, machine in world.closed_pods:
        labels, ready = {"app": f"nw-check-closed-{side}"}, side not in world.closed_not_ready
        found.append(_pod("nw-check", name, labels, machine, machine.pod_ip(7), "netshoot", ready=ready))
    for name, machine in world.sample_pods:
        found.append(_pod("sample", name, {"app": "sample-app"}, machine, machine.pod_ip(5), "http-echo"))
    return found


def _pod(
    namespace: str,
    name: str,
    labels: dict[str, str],
    machine: Any,
    ip: str,
    container: str,
    *,
    ready: bool = True,
) -> Object:
    state = {"running": {}} if ready else {"waiting": {"reason": "CrashLoopBackOff"}}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"nodeName": machine.name, "containers": [{"name": container}]},
        "status": {
            "phase": "Running",
            "podIP": ip,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": container, "state": state}],
        },
    }


def single(world: Any, path: str) -> Object | None:
    """The object at an API path; None when there is none."""
    apps = "/apis/apps/v1/namespaces/kube-system"
    if path == "/version":
        return {"gitVersion": world.version}
    if path == f"{apps}/daemonsets/aws-node" and world.aws_node:
        return {"metadata": {"name": "aws-node"}}
    if path == f"{apps}/deployments/coredns" and not world.coredns_missing:
        return {"spec": {"replicas": len(world.coredns)}, "status": {"readyReplicas": world.coredns_ready}}
    if path == "/api/v1/namespaces/kube-system/services/kube-dns":
        return {"spec": {"clusterIP": "172.16.0.10", **world.dns_service}}
    if path == f"{apps}/deployments/eks-hybrid-metrics" and world.metrics_server:
        return {"spec": {"replicas": 1}}
    if path.endswith("/apiservices/v1beta1.metrics.k8s.io") and world.metrics_service:
        space, _, name = world.metrics_service.partition("/")
        return {"spec": {"service": {"namespace": space, "name": name, "port": 443}}}
    if path == "/api/v1/namespaces/sample/services/sample-svc" and world.sample_service:
        return {"spec": {"type": "NodePort", "clusterIP": "172.16.58.99"}}
    return None


def listing(world: Any, path: str) -> list[Object] | None:
    """The items at an API path; None when it is no list."""
    if path == "/api/v1/nodes":
        return nodes(world)
    if path == "/apis/metrics.k8s.io/v1beta1/nodes":
        return [
            {"metadata": {"name": one.name}} for one in world.machines if one.alias not in world.unmeasured
        ]
    parts = path.strip("/").split("/")
    if path.startswith("/api/v1/namespaces/") and parts[-1] == "pods" and len(parts) == 5:
        return [pod for pod in pods(world) if pod["metadata"]["namespace"] == parts[3]]
    if path.endswith("/events"):
        return [{"reason": "FailedScheduling", "message": "0/4 nodes are available", "type": "Warning"}]
    if path.startswith("/apis/crd.projectcalico.org/v1/") and world.calico_crds:
        if parts[-1] == "ippools":
            return [{"metadata": {"name": "default-ipv4-ippool"}, "spec": spec} for spec in world.pools]
        if parts[-1] == "blockaffinities":
            return [
                {"spec": {"node": one.name, "cidr": one.block, "state": "confirmed", "deleted": "false"}}
                for one in world.machines
            ]
    return None
