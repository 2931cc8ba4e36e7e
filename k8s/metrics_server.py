"""metrics-server: `kubectl top` and HorizontalPodAutoscalers, for nodes of both sides.

The control plane is not on the pod network, so the pod is on the host network of a managed node, with a port of its
own that the flow table opens. From there it asks every kubelet by the node's address; EKS signs the kubelets' serving
certificates on both sides, so they are checked. Nothing here is awaited: without metrics a cluster works.

Somebody may have one of his own, from its Helm chart or as an EKS add-on. So nothing here has a name or a label of
theirs, but for the API, of which there is one in a cluster: the last who sets it is asked. `metricsServer: false`
leaves it to the other.

After the objects of the project's own release: https://github.com/kubernetes-sigs/metrics-server
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_kubernetes.apiregistration.v1 import APIService
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.yaml.v2 import ConfigGroup

from infra import versions
from infra.names import METRICS_PORT, NODE_GROUP_LABEL, SYSTEM_NAMESPACE
from k8s import children, workloads

NAME: Final = "eks-hybrid-metrics"
API_SERVICE: Final = "v1beta1.metrics.k8s.io"
_LABELS: Final = {"k8s-app": NAME}
_RBAC: Final = "rbac.authorization.k8s.io"
_USER: Final = 1000


@dataclass(frozen=True, kw_only=True)
class MetricsServerArgs:
    """`managed_nodes` are what it runs on, and what it comes after. Everything is deleted with `cluster`.

    Not `wanted`: the component is empty, and the API is for somebody else to serve.
    """

    cluster: pulumi.Resource
    managed_nodes: pulumi.Resource
    wanted: bool = True


class MetricsServer(pulumi.ComponentResource):
    """Deployment eks-hybrid-metrics, its account and rights, its Service and the API that it serves."""

    def __init__(
        self, name: str, args: MetricsServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ekshybrid:metrics_server:MetricsServer", name, None, opts)
        if args.wanted:
            around = ConfigGroup(
                "metrics-server",
                objs=list(objects()),
                skip_await=True,
                opts=children.first(self, args.cluster, opts),
            )
            Deployment(
                "metrics-server",
                **deployment(),
                opts=children.after(self, args.cluster, [around, args.managed_nodes]),
            )
            # After the nodes: an API that nobody serves yet is reported with every look at what the cluster knows.
            # The API server keeps no empty authority: without the option it would be a difference in every `up`.
            after_nodes = children.after(self, args.cluster, [args.managed_nodes])
            kept = pulumi.ResourceOptions(ignore_changes=["spec.caBundle"])
            APIService("metrics-api", **api(), opts=pulumi.ResourceOptions.merge(after_nodes, kept))
        self.register_outputs({})


def objects() -> Sequence[dict[str, Any]]:
    """Return what the Deployment needs: account, rights, and Service."""

    def obj(version: str, kind: str, name: str, *, namespaced: bool = False, **rest: Any) -> dict[str, Any]:
        where = {"namespace": SYSTEM_NAMESPACE} if namespaced else {}
        labels = {**_LABELS, **rest.pop("labels", {})}
        return {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": name, **where, "labels": labels},
            **rest,
        }

    def binding(name: str, kind: str, role: str, *, namespaced: bool = False) -> dict[str, Any]:
        return obj(
            f"{_RBAC}/v1",
            "RoleBinding" if namespaced else "ClusterRoleBinding",
            name,
            namespaced=namespaced,
            roleRef={"apiGroup": _RBAC, "kind": kind, "name": role},
            subjects=[{"kind": "ServiceAccount", "name": NAME, "namespace": SYSTEM_NAMESPACE}],
        )

    read = ["get", "list", "watch"]
    return (
        obj("v1", "ServiceAccount", NAME, namespaced=True),
        # Whoever may read a namespace may read its metrics.
        obj(
            f"{_RBAC}/v1",
            "ClusterRole",
            f"{NAME}:reader",
            labels={f"{_RBAC}/aggregate-to-{role}": "true" for role in ("view", "edit", "admin")},
            rules=[{"apiGroups": ["metrics.k8s.io"], "resources": ["pods", "nodes"], "verbs": read}],
        ),
        obj(
            f"{_RBAC}/v1",
            "ClusterRole",
            f"{NAME}:kubelets",
            rules=[
                {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
                {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": read},
            ],
        ),
        binding(f"{NAME}:kubelets", "ClusterRole", f"{NAME}:kubelets"),
        binding(f"{NAME}:auth-delegator", "ClusterRole", "system:auth-delegator"),
        binding(f"{NAME}:auth-reader", "Role", "extension-apiserver-authentication-reader", namespaced=True),
        obj(
            "v1",
            "Service",
            NAME,
            namespaced=True,
            spec={
                "selector": _LABELS,
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": "https"}],
            },
        ),
    )


def api() -> dict[str, Any]:
    """Return `metadata` and `spec` of the API group metrics.k8s.io, which is taken over from whoever has set it."""
    return {
        # Pulumi takes the fields that somebody else has set, where it would otherwise stop.
        # https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/#annotations
        "metadata": {
            "name": API_SERVICE,
            "labels": _LABELS,
            "annotations": {"pulumi.com/patchForce": "true"},
        },
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            # It makes itself a certificate when it starts, as in the project's own release. Another one may have
            # named its authority here, which the API server refuses beside this.
            "insecureSkipTLSVerify": True,
            "caBundle": "",
            "service": {"name": NAME, "namespace": SYSTEM_NAMESPACE, "port": 443},
        },
    }


def deployment() -> dict[str, Any]:
    """Return `metadata` and `spec` of Deployment eks-hybrid-metrics: one pod, on a managed node."""
    probe = {"port": "https", "scheme": "HTTPS"}
    container = {
        "name": "metrics-server",
        "image": versions.METRICS_SERVER_IMAGE,
        "args": [
            "--cert-dir=/certificates",
            f"--secure-port={METRICS_PORT}",
            # Nobody resolves the name of a hybrid node.
            "--kubelet-preferred-address-types=InternalIP",
            "--kubelet-use-node-status-port",
            "--metric-resolution=15s",
        ],
        "ports": [{"name": "https", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        "securityContext": workloads.confined(),
        "resources": {"requests": {"cpu": "100m", "memory": "200Mi"}},
        "readinessProbe": {
            "httpGet": {"path": "/readyz", **probe},
            "initialDelaySeconds": 20,
            "periodSeconds": 10,
            "failureThreshold": 3,
        },
        "livenessProbe": {"httpGet": {"path": "/livez", **probe}, "periodSeconds": 10, "failureThreshold": 3},
        "volumeMounts": [{"name": "certificates", "mountPath": "/certificates"}],
    }
    pod = {
        "hostNetwork": True,
        "affinity": workloads.required_node({"key": NODE_GROUP_LABEL, "operator": "Exists"}),
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": NAME,
        "securityContext": workloads.non_root(_USER),
        "containers": [container],
        "volumes": [{"name": "certificates", "emptyDir": {}}],
    }
    return {
        "metadata": {
            "name": NAME,
            "namespace": SYSTEM_NAMESPACE,
            "labels": _LABELS,
            "annotations": workloads.NOT_AWAITED,
        },
        "spec": {
            "replicas": 1,
            # Its port is taken as long as the old pod is there.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "selector": {"matchLabels": _LABELS},
            "template": {"metadata": {"labels": _LABELS}, "spec": pod},
        },
    }
