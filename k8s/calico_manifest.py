"""Calico's upstream manifest as data: read, four variables and one CNI key set, split around the nodes, put in order.

Pure: no pulumi package is imported and no environment variable is read, so `ops plan` and the tests can use it
without an engine. `prepare` does it all; where the bytes come from is calico_source's concern.
"""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from infra import versions
from k8s.calico_source import CalicoManifestError, fetch
from k8s.calico_structure import differences

KubernetesObject = dict[str, Any]

# libyaml reads the 350 kB in 0.07 s, PyYAML's own parser in 0.55 s; wheels for all common platforms carry it.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What makes a file Calico's manifest: (kind, name) of the objects that this module reads or moves.
_CONFIG: Final = ("ConfigMap", "calico-config")
_NODE: Final = ("DaemonSet", "calico-node")
_CONTROLLERS: Final = ("Deployment", "calico-kube-controllers")
_CONTROLLERS_PDB: Final = ("PodDisruptionBudget", "calico-kube-controllers")
_EXPECTED: Final = (_CONFIG, _NODE, _CONTROLLERS, _CONTROLLERS_PDB)

_MTU: Final = "veth_mtu"
_CNI: Final = "cni_network_config"
_CONTAINER: Final = "calico-node"
_POOL_VXLAN: Final = "CALICO_IPV4POOL_VXLAN"
_DEPENDS_ON: Final = "config.kubernetes.io/depends-on"


class CalicoManifestContentError(CalicoManifestError):
    """The bytes are not Calico's VXLAN manifest, or not in a shape that this program knows how to change."""


@dataclass(frozen=True, kw_only=True)
class CalicoManifest:
    """The configured objects, parted by when they are created.

    `before_nodes` need only the API server; `after_nodes` need a node to run on.
    """

    before_nodes: list[KubernetesObject]
    after_nodes: list[KubernetesObject]


def prepare(
    *,
    source: str | None,
    version: str,
    sha256: str | None,
    pod_cidr: str,
    pod_mtu: int = 0,
    cache_dir: Path,
) -> CalicoManifest:
    """Fetch, verify, configure and split the manifest in one go.

    `source` is an https URL or a path, None for the release's own URL; `version` a release of one of
    `versions.CALICO_LINES`; `sha256` the hex digest expected of a source of one's own, None for the table's; `pod_mtu`
    the MTU of the pods in bytes, 0 to let Calico find it. Raises CalicoManifestError.
    """
    objects = parse(fetch(source, version, sha256, cache_dir))
    different = differences(objects)
    if different:
        raise _other_structure(version, different)
    before, after = split(configure(objects, pod_cidr=pod_cidr, pod_mtu=pod_mtu))
    return CalicoManifest(before_nodes=node_last(before), after_nodes=after)


def parse(content: bytes) -> list[KubernetesObject]:
    """Read the manifest's objects, in the file's order, without what cannot be sent to an API server.

    Left out are `status`, which is the server's to write, and keys without a value (`creationTimestamp: null`).
    Raises CalicoManifestContentError for anything that is not Calico's VXLAN manifest.
    """
    try:
        documents = [document for document in yaml.load_all(content, Loader=_LOADER) if document is not None]
    except yaml.YAMLError as error:
        raise _not_calico(f"it is not YAML ({' '.join(str(error).split())})") from error
    objects = []
    for document in documents:
        if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
            raise _not_calico("one of its documents is not a Kubernetes object")
        objects.append(_without_nulls({key: value for key, value in document.items() if key != "status"}))
    seen = {_identity(obj) for obj in objects}
    missing = [f"{kind} {name}" for kind, name in _EXPECTED if (kind, name) not in seen]
    if missing:
        raise _not_calico(f"it lacks {', '.join(missing)}")
    backend = _find(objects, _CONFIG).get("data", {}).get("calico_backend")
    if backend != "vxlan":
        raise _not_calico(f"its calico_backend is {backend}, not vxlan")
    return objects


def configure(
    objects: Sequence[KubernetesObject], *, pod_cidr: str, pod_mtu: int = 0
) -> list[KubernetesObject]:
    """Return the objects with four variables of container calico-node and one key of the CNI configuration set.

    With a `pod_mtu` calico-config has it as `veth_mtu`, for the CNI plugin, and the container as FELIX_VXLANMTU. That
    one is a value of its own: a changed ConfigMap alone would restart nothing.

    The two pool variables count only when Calico starts for the first time in a cluster: it then writes them to
    an IPPool object, and later changes here no longer reach it. Edit the IPPool instead.
    Raises CalicoManifestContentError when container, pool variable or CNI configuration are not where Calico puts them.
    """
    variables = {
        # Left to itself Calico takes whatever is free on the node that starts first.
        "CALICO_IPV4POOL_CIDR": pod_cidr,
        # Upstream has CrossSubnet: nodes in one subnet would then send bare pod packets, which EC2's
        # source/destination check drops.
        _POOL_VXLAN: "Always",
        # The address that the node registered with, and not the first one on some interface.
        "IP_AUTODETECTION_METHOD": "kubernetes-internal-ip",
        # With VXLAN the check can stay on. "Disable" would need an IAM right that hybrid nodes do not have.
        "FELIX_AWSSRCDSTCHECK": "DoNothing",
    }
    if pod_mtu:
        variables["FELIX_VXLANMTU"] = str(pod_mtu)
    node = copy.deepcopy(_find(objects, _NODE))
    containers = node.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
    container = next((c for c in containers if c.get("name") == _CONTAINER), None)
    if container is None:
        raise _not_calico(f"its DaemonSet has no container {_CONTAINER}")
    positions = {variable["name"]: index for index, variable in enumerate(container.get("env", []))}
    if _POOL_VXLAN not in positions:
        raise _not_calico(f"its container {_CONTAINER} has no variable {_POOL_VXLAN}")
    for name, value in variables.items():
        if name in positions:
            container["env"][positions[name]] = {"name": name, "value": value}
        else:
            container["env"].append({"name": name, "value": value})
    config = copy.deepcopy(_find(objects, _CONFIG))
    if pod_mtu:
        if _MTU not in config["data"]:
            raise _not_calico(f"its calico-config has no {_MTU}")
        config["data"][_MTU] = str(pod_mtu)
    config["data"][_CNI] = _require_mtu_file(config["data"].get(_CNI, ""))
    changed = {_NODE: node, _CONFIG: config}
    return [changed.get(_identity(obj), obj) for obj in objects]


def _require_mtu_file(network: str) -> str:
    """Return the CNI configuration with `require_mtu_file` in the plugin "calico".

    Felix writes the MTU to a file; without this key a pod that starts before that keeps 1500 for ever, 50 more than
    VXLAN leaves (https://github.com/projectcalico/calico/pull/10270). The text is JSON only once Calico has
    filled in its placeholders, so it is changed as text.
    """
    plugin = re.search(r'^( *)"type": "calico",\n', network, re.MULTILINE)
    if plugin is None:
        raise _not_calico(f"its {_CNI} has no plugin calico")
    if '"require_mtu_file"' in network:
        return re.sub(r'("require_mtu_file": *)false', r"\1true", network)
    return f'{network[: plugin.end()]}{plugin[1]}"require_mtu_file": true,\n{network[plugin.end() :]}'


def split(objects: Sequence[KubernetesObject]) -> tuple[list[KubernetesObject], list[KubernetesObject]]:
    """Part the objects into those created before the nodes and those created after them, keeping the order.

    After them come calico-kube-controllers, whose pod needs a node, and its disruption budget.
    """
    later = (_CONTROLLERS, _CONTROLLERS_PDB)
    before = [obj for obj in objects if _identity(obj) not in later]
    after = [obj for obj in objects if _identity(obj) in later]
    return before, after


def node_last(objects: Sequence[KubernetesObject]) -> list[KubernetesObject]:
    """Return the objects with DaemonSet calico-node made to wait for all others.

    Without it Pulumi creates them in any order, and the first pods of a DaemonSet without its service account, CRDs
    or configuration fail in front of the user. Pulumi's groups read the order from this annotation; the cluster does
    not: https://www.pulumi.com/registry/packages/kubernetes/api-docs/yaml/v2/configgroup/#explicit-dependency-ordering
    (One group for each step would do as well, but a group's name is part of its objects' names; see calico.py.)
    Raises CalicoManifestContentError when there is no such DaemonSet.
    """
    node = copy.deepcopy(_find(objects, _NODE))
    others = [_reference(obj) for obj in objects if _identity(obj) != _NODE]
    if others:
        node["metadata"].setdefault("annotations", {})[_DEPENDS_ON] = ",".join(others)
    return [node if _identity(obj) == _NODE else obj for obj in objects]


def _reference(obj: Mapping[str, Any]) -> str:
    """GROUP/KIND/NAME or GROUP/namespaces/NAMESPACE/KIND/NAME; the core group is the empty string."""
    group = obj["apiVersion"].rpartition("/")[0]
    namespace = obj["metadata"].get("namespace")
    where = f"namespaces/{namespace}/" if namespace else ""
    return f"{group}/{where}{obj['kind']}/{obj['metadata']['name']}"


def _identity(obj: Mapping[str, Any]) -> tuple[Any, Any]:
    return obj.get("kind"), obj["metadata"].get("name")


def _find(objects: Sequence[KubernetesObject], identity: tuple[str, str]) -> KubernetesObject:
    for obj in objects:
        if _identity(obj) == identity:
            return obj
    raise _not_calico(f"it lacks {' '.join(identity)}")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _other_structure(version: str, different: Sequence[str]) -> CalicoManifestContentError:
    return CalicoManifestContentError(
        f"calicoVersion {version}: this manifest is built in another way than the ones that this "
        f"program can set up: {'; '.join(different)}. Allowed: {', '.join(versions.CALICO_SHA256)}, and what has the "
        f"same structure. pulumi config set calicoVersion {versions.CALICO_DEFAULT}"
    )


def _not_calico(why: str) -> CalicoManifestContentError:
    return CalicoManifestContentError(
        f"The Calico manifest is not the calico-vxlan.yaml of a Calico release: {why}. "
        "Take the released one: pulumi config rm calicoManifest"
    )
