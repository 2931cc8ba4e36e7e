"""The files that make a machine join: nodeadm's NodeConfig, the script, its parameters and its systemd unit.

Nothing here knows how the files reach the machine, nor that it may be an EC2 instance. `userdata.cloud_config` wraps
them for cloud-init; after another way of writing them, `START_COMMAND` starts the join.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from infra.names import ACTIVATION_LABEL, HYBRID_ZONE, NAME_LABEL, ZONE_LABEL
from infra.systems import SYSTEMS
from userdata import paths

_JOIN_SCRIPT = Path(__file__).with_name("join.sh")
_UNIT = Path(__file__).with_name(paths.UNIT_NAME)

START_COMMAND = ("systemctl", "enable", "--now", "--no-block", paths.UNIT_NAME)
"""Starts the join now and at every boot, and does not wait for its end. Safe to repeat."""


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy, ``http://HOST:PORT``, and what is reached without it: hosts, domains and ranges between commas."""

    url: str
    exceptions: str


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
    """A row of infra/systems.py. Ubuntu needs its package lists refreshed first."""
    node_name: str
    """Name in the stack's settings; becomes the label ``eks-hybrid-calico/name``."""
    proxy: Proxy | None = None
    """What lies between the machine and the internet, if anything does."""


@dataclass(frozen=True, kw_only=True)
class JoinFile:
    """One file, owned by root. `mode` is octal text as cloud-init and `install -m` take it."""

    path: str
    mode: str
    content: str


def join_files(config: JoinConfig, *, activation_id: str, activation_code: str) -> tuple[JoinFile, ...]:
    """Return all files. The first holds the activation code: treat it as a secret."""
    return (
        JoinFile(
            path=paths.NODE_CONFIG,
            mode="0600",
            content=dump(node_config(config, activation_id, activation_code)),
        ),
        JoinFile(path=paths.PARAMETERS, mode="0644", content=_environment(config)),
        JoinFile(path=paths.SCRIPT, mode="0700", content=script()),
        JoinFile(path=paths.UNIT, mode="0644", content=unit()),
        *_proxy_files(config),
    )


def start_commands(config: JoinConfig) -> tuple[tuple[str, ...], ...]:
    """Return what starts the join once the files are there. What runs already learns of the proxy first."""
    if config.proxy is None:
        return (START_COMMAND,)
    return (
        ("systemctl", "daemon-reload"),
        ("systemctl", "try-restart", *(f"{unit}.service" for unit in _PROXIED)),
        START_COMMAND,
    )


# What reaches the internet beside the script's own programs: image pulls, the kubelet, the agent (a snap on Ubuntu,
# which snapd downloads). https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-proxy.html
_PROXIED = ("containerd", "kubelet", "amazon-ssm-agent", "snap.amazon-ssm-agent.amazon-ssm-agent", "snapd")


def _proxy_files(config: JoinConfig) -> tuple[JoinFile, ...]:
    if config.proxy is None:
        return ()
    lines = [f'Environment="{name}={value}"' for name, value in _proxy(config).items()]
    drop_in = "\n".join(["[Service]", *lines, ""])
    units = [
        JoinFile(path=f"{paths.SERVICES}/{unit}.service.d/http-proxy.conf", mode="0644", content=drop_in)
        for unit in _PROXIED
    ]
    if SYSTEMS[config.os].packages != "apt":
        return tuple(units)
    apt = "".join(f'Acquire::{kind}::Proxy "{config.proxy.url}";\n' for kind in ("http", "https"))
    return (
        *units,
        JoinFile(path="/etc/apt/apt.conf.d/95-eks-hybrid-proxy", mode="0644", content=apt),
    )


def _proxy(config: JoinConfig) -> dict[str, str]:
    """Return the variables of a proxy; curl reads http_proxy in small letters only."""
    if config.proxy is None:
        return {}
    values = {
        "HTTP_PROXY": config.proxy.url,
        "HTTPS_PROXY": config.proxy.url,
        "NO_PROXY": config.proxy.exceptions,
    }
    return {**values, **{name.lower(): value for name, value in values.items()}}


def script() -> str:
    """Return the join script as a machine gets it: without comments, and with one space for each indentation.

    User data may have 16 KiB. Compressing would save more, but the bytes of gzip depend on Python's zlib, and a node
    whose user data changes is replaced.
    """
    head, *lines = _JOIN_SCRIPT.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join(
        [head, "# userdata/join.sh of eks-hybrid-calico, where its comments are", *map(_tighter, kept), ""]
    )


def unit() -> str:
    """Return the systemd unit as a machine gets it: without comments."""
    lines = _UNIT.read_text(encoding="utf-8").splitlines()
    return "\n".join([line for line in lines if not line.startswith("#")] + [""])


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


def node_labels(*, node_name: str, activation_id: str) -> dict[str, str]:
    """Return the labels a hybrid node gives itself, by key."""
    return {NAME_LABEL: node_name, ACTIVATION_LABEL: activation_id, ZONE_LABEL: HYBRID_ZONE}


def dump(data: Mapping[str, Any], dumper: type[yaml.SafeDumper] = yaml.SafeDumper) -> str:
    """Return the data as YAML: no value is folded, and keys stay in their order."""
    return yaml.dump(data, Dumper=dumper, sort_keys=False, width=4096)


def _tighter(line: str) -> str:
    text = line.lstrip(" ")
    return " " * ((len(line) - len(text)) // 4) + text


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


def _environment(config: JoinConfig) -> str:
    """Return ``NAME=value`` lines that a shell reads back as exactly these values; a proxy is for its programs too."""
    own = (f"{name}={shlex.quote(value)}\n" for name, value in _parameters(config).items())
    proxy = (f"export {name}={shlex.quote(value)}\n" for name, value in _proxy(config).items())
    return "".join([*own, *proxy])
