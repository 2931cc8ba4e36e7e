"""What this program relies on in Calico's VXLAN manifest, whatever its release.

A release may add a CRD or a variable. One that is built in another way (Typha, an operator, a second container) would
be changed or ordered wrongly, so it is refused before anything is created. Pure: no pulumi package is imported here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

# The kinds that are created before the nodes or, with the controllers, after them; no other has a place in the order.
KINDS: Final = (
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "CustomResourceDefinition",
    "DaemonSet",
    "Deployment",
    "PodDisruptionBudget",
    "ServiceAccount",
)
# The kinds of which a release has one, by its name.
SINGLE: Final = {
    "ConfigMap": "calico-config",
    "DaemonSet": "calico-node",
    "Deployment": "calico-kube-controllers",
    "PodDisruptionBudget": "calico-kube-controllers",
}
# Workload -> its only container, and the variables of it that this program sets or that carry what it sets.
_CONTAINERS: Final = {"DaemonSet": "calico-node", "Deployment": "calico-kube-controllers"}
_VARIABLES: Final = ("CALICO_IPV4POOL_VXLAN", "CALICO_NETWORKING_BACKEND")
_CNI_INSTALLER: Final = "install-cni"
_CNI_VARIABLE: Final = "CNI_NETWORK_CONFIG"


def differences(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name each way in which objects differ from what a release of Calico has had; empty when they fit."""
    named: dict[str, list[str]] = {}
    for obj in objects:
        named.setdefault(str(obj.get("kind")), []).append(str(obj["metadata"].get("name")))
    found = [
        f"it has the kind {kind} ({', '.join(names)}), which no release had"
        for kind, names in named.items()
        if kind not in KINDS
    ]
    for kind, name in SINGLE.items():
        if named.get(kind) != [name]:
            found.append(f"its {kind} should be {name} alone, and is {', '.join(named.get(kind, ['none']))}")
    if not found:
        by_kind = {obj["kind"]: obj for obj in objects}
        found = [*_containers(by_kind), *_variables(by_kind["DaemonSet"])]
    return found


def _containers(by_kind: Mapping[str, Any]) -> Iterator[str]:
    for kind, name in _CONTAINERS.items():
        names = [container.get("name") for container in _pod(by_kind[kind]).get("containers", [])]
        if names != [name]:
            yield f"its {kind} should run container {name} alone, and runs {', '.join(map(str, names)) or 'none'}"


def _variables(daemon_set: Mapping[str, Any]) -> Iterator[str]:
    pod = _pod(daemon_set)
    for kind, container, wanted in (
        ("containers", _CONTAINERS["DaemonSet"], _VARIABLES),
        ("initContainers", _CNI_INSTALLER, (_CNI_VARIABLE,)),
    ):
        found = {each.get("name"): each for each in pod.get(kind, [])}.get(container)
        there = {variable.get("name") for variable in (found or {}).get("env", [])}
        for name in wanted:
            if name not in there:
                yield f"its container {container} has no variable {name}"


def _pod(workload: Mapping[str, Any]) -> Mapping[str, Any]:
    return workload.get("spec", {}).get("template", {}).get("spec", {})
