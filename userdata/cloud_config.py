"""User data of a hybrid node: one ``#cloud-config`` document, built as data and never by pasting strings.

It holds nodeadm's NodeConfig, the join script and its parameters, and one ``runcmd`` that starts the script.
One document, because of several MIME parts with a ``runcmd`` each only one would run: cloud-init's default
merge does not join lists (https://cloudinit.readthedocs.io/en/latest/reference/merging.html).
"""

import hashlib
import io
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

from userdata.labels import node_labels

USER_DATA_LIMIT_BYTES = 16 * 1024
"""EC2's limit, before base64 (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html)."""

NODE_CONFIG_PATH = "/etc/nodeadm/nodeConfig.yaml"
JOIN_ENV_PATH = "/etc/nodeadm/join.env"
JOIN_PATH = "/usr/local/sbin/eks-hybrid-join"

_JOIN_SCRIPT = Path(__file__).with_name("join.sh")


@dataclass(frozen=True, kw_only=True)
class JoinConfig:
    """What a hybrid node must know to join, except the activation, which exists only once AWS has made it."""

    cluster_name: str
    region: str
    kubernetes_version: str
    """Minor version of the cluster, such as ``1.35``: nodeadm installs its newest patch release."""
    nodeadm_version: str
    """A release tag such as ``v1.0.20``, or ``latest``."""
    nodeadm_sha256: str | None
    """Expected digest of the nodeadm binary in hex; None to trust the ``.sha256`` published beside it."""
    architecture: Literal["arm64", "amd64"]
    os: str
    """``ubuntu-24.04``, ``ubuntu-22.04`` or ``al2023``. Ubuntu needs its package lists refreshed first."""
    node_name: str
    """Name in the stack's settings; becomes the label ``eks-hybrid-calico/name``."""


def render(config: JoinConfig, *, activation_id: str, activation_code: str) -> str:
    """Return the user data as text. It contains the activation code: treat the result as a secret."""
    document = {
        "write_files": [
            _file(NODE_CONFIG_PATH, "0600", _dump(node_config(config, activation_id, activation_code))),
            _file(JOIN_ENV_PATH, "0644", _environment(_parameters(config))),
            _file(JOIN_PATH, "0700", _JOIN_SCRIPT.read_text(encoding="utf-8")),
        ],
        "runcmd": [[JOIN_PATH]],
    }
    return "#cloud-config\n" + _dump(document)


def generation(config: JoinConfig, **shape: str | int | None) -> str:
    """Return 8 hex digits that change whenever anything that shapes the node changes.

    A node's resources are named with it, so that such a change makes a new activation and a new instance
    together. It is a digest of the user data, with a placeholder for the activation, and of ``shape``:
    whatever else shapes the node, such as its instance type and disk size.
    """
    facts = {
        "user_data": render(config, activation_id="activation-id", activation_code="activation-code"),
        "shape": shape,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]


def node_config(config: JoinConfig, activation_id: str, activation_code: str) -> dict[str, Any]:
    """Return nodeadm's NodeConfig.

    Its fields: https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-nodeadm.html. No
    KubeletConfiguration fragment: nodeadm itself reserves CPU, disk and memory on a hybrid node, 1 GiB on a
    machine of 4 GiB (``withHybridReservedResources`` in internal/kubelet/config.go of aws/eks-hybrid). Only
    on machines that report less than 2 GiB, such as a t4g.small, does the memory round to nothing.
    """
    labels = node_labels(node_name=config.node_name, activation_id=activation_id)
    # Stands beside nodeadm's own --node-labels: the kubelet merges the two.
    label_flag = "--node-labels=" + ",".join(f"{key}={value}" for key, value in labels.items())
    return {
        "apiVersion": "node.eks.aws/v1alpha1",
        "kind": "NodeConfig",
        "spec": {
            "cluster": {"name": config.cluster_name, "region": config.region},
            "hybrid": {"ssm": {"activationCode": activation_code, "activationId": activation_id}},
            "kubelet": {"flags": [label_flag]},
        },
    }


def _parameters(config: JoinConfig) -> dict[str, str]:
    return {
        "CLUSTER_NAME": config.cluster_name,
        "REGION": config.region,
        "KUBERNETES_VERSION": config.kubernetes_version,
        "NODEADM_VERSION": config.nodeadm_version,
        "NODEADM_SHA256": config.nodeadm_sha256 or "",
        "ARCHITECTURE": config.architecture,
        "OS": config.os,
    }


def _environment(values: Mapping[str, str]) -> str:
    """Return ``NAME=value`` lines that a shell reads back as exactly these values."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def _file(path: str, permissions: str, content: str) -> dict[str, str]:
    return {"path": path, "owner": "root:root", "permissions": permissions, "content": _Block(content)}


class _Block(str):
    """Text that stays readable in the document: a literal block instead of one long quoted line."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Looks at a text once: all nodes have the same join script, and the look was half of a render's time."""

    def analyze_scalar(self, scalar: str) -> Any:
        return _analysis(scalar)


@lru_cache(maxsize=32)
def _analysis(scalar: str) -> Any:
    return _ANALYST.analyze_scalar(scalar)


_ANALYST = yaml.SafeDumper(io.StringIO())

_Dumper.add_representer(
    _Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")
)


def _dump(data: Mapping[str, Any]) -> str:
    # A width beyond every line, so that no value is folded; keys stay in the order written above.
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=4096)
