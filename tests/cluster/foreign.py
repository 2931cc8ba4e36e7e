"""A metrics-server that somebody else has installed: what its Helm chart makes, as far as it matters here.

https://github.com/kubernetes-sigs/metrics-server/tree/master/charts/metrics-server
"""

import base64
from typing import Any

from tests.cluster.api import Object

NAME, NAMESPACE = "metrics-server", "kube-system"
MANAGER = "helm"
_SELECTOR = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/instance": NAME}
_RBAC = "rbac.authorization.k8s.io"


def metrics_server(*, authority: str = "") -> list[Object]:
    """Return its objects. With an `authority` (PEM) the API server checks its certificate, as with cert-manager."""

    def obj(version: str, kind: str, name: str, *, inside: bool = True, **rest: Any) -> Object:
        where = {"namespace": NAMESPACE} if inside else {}
        labels = {**_SELECTOR, "app.kubernetes.io/managed-by": "Helm"}
        return {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": name, **where, "labels": labels},
            **rest,
        }

    def binding(name: str, kind: str, role: str, *, inside: bool = False) -> Object:
        return obj(
            f"{_RBAC}/v1",
            "RoleBinding" if inside else "ClusterRoleBinding",
            name,
            inside=inside,
            roleRef={"apiGroup": _RBAC, "kind": kind, "name": role},
            subjects=[{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
        )

    reads = [{"apiGroups": [""], "resources": ["nodes/metrics", "nodes", "pods"], "verbs": ["get", "list"]}]
    pod = {
        "serviceAccountName": NAME,
        "containers": [
            {
                "name": NAME,
                "image": "registry.k8s.io/metrics-server/metrics-server:v0.8.0",
                "args": ["--secure-port=10250"],
                "ports": [{"name": "https", "containerPort": 10250}],
            }
        ],
    }
    trust = (
        {"caBundle": base64.b64encode(authority.encode()).decode(), "insecureSkipTLSVerify": False}
        if authority
        else {"insecureSkipTLSVerify": True}
    )
    api = {
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "service": {"name": NAME, "namespace": NAMESPACE, "port": 8443},
        **trust,
    }
    return [
        obj("v1", "ServiceAccount", NAME),
        obj(f"{_RBAC}/v1", "ClusterRole", f"system:{NAME}", inside=False, rules=reads),
        binding(f"system:{NAME}", "ClusterRole", f"system:{NAME}"),
        binding(f"{NAME}:system:auth-delegator", "ClusterRole", "system:auth-delegator"),
        binding(f"{NAME}-auth-reader", "Role", "extension-apiserver-authentication-reader", inside=True),
        obj(
            "v1",
            "Service",
            NAME,
            spec={
                "selector": _SELECTOR,
                "ports": [{"name": "https", "port": 8443, "targetPort": "https", "appProtocol": "https"}],
            },
        ),
        obj(
            "apps/v1",
            "Deployment",
            NAME,
            spec={
                "replicas": 1,
                "selector": {"matchLabels": _SELECTOR},
                "template": {"metadata": {"labels": _SELECTOR}, "spec": pod},
            },
        ),
        obj("apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io", inside=False, spec=api),
    ]
