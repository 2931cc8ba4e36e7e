"""The files that make a machine join: nodeadm's NodeConfig, the script, its parameters and its systemd unit.

Nothing here knows how the files reach the machine, nor that it may be an EC2 instance. `userdata.cloud_config` wraps
them for cloud-init; after another way of writing them, `START_COMMAND` starts the join.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from infra.names import ACTIVATION_LABEL, HYBRID_ZONE, NAME_LABEL, ZONE_LABEL
from userdata import paths

_FOLDER = Path(__file__).parent

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
    address: str | None = None
    """That of a machine of one's own, which may have several; None on an instance."""
    zone: str = HYBRID_ZONE
    """The place, for the scheduler."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels beside the program's own."""
    taints: Sequence[str] = ()
    """As the kubelet takes them: ``key=value:Effect``."""


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
        *_prepare(config),
    )


def _prepare(config: JoinConfig) -> tuple[JoinFile, ...]:
    if config.address is None:
        return ()
    return (JoinFile(path=paths.PREPARE_SCRIPT, mode="0700", content=script("prepare.sh")),)


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


def script(name: str = "join.sh") -> str:
    """Return a script of this folder as a machine gets it: without comments, one space for each indentation.

    User data may have 16 KiB. Compressing would save more, but the bytes of gzip depend on Python's zlib, and a node
    whose user data changes is replaced.
    """
    head, *lines = source(name).splitlines()
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join(
        [head, f"# userdata/{name} of eks-hybrid-calico, where its comments are", *map(_tighter, kept), ""]
    )


def source(name: str) -> str:
    """Return the text of a script of this folder, with what it shares with others in its place."""
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return text.replace("# @obstacles\n", (_FOLDER / "obstacles.bash").read_text(encoding="utf-8"))


def unit() -> str:
    """Return the systemd unit as a machine gets it: without comments."""
    lines = (_FOLDER / paths.UNIT_NAME).read_text(encoding="utf-8").splitlines()
    return "\n".join([line for line in lines if not line.startswith("#")] + [""])


def node_config(config: JoinConfig, activation_id: str, activation_code: str) -> dict[str, Any]:
    """Return nodeadm's NodeConfig.

    Its fields: https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-nodeadm.html. No
    KubeletConfiguration fragment: nodeadm itself reserves CPU, disk and memory on a hybrid node, 1 GiB on a
    machine of 4 GiB (``withHybridReservedResources`` in internal/kubelet/config.go of aws/eks-hybrid). Only
    on machines that report less than 2 GiB, such as a t4g.small, does the memory round to nothing.
    """
    own = node_labels(node_name=config.node_name, activation_id=activation_id, zone=config.zone)
    # Stands beside nodeadm's own --node-labels: the kubelet merges the two.
    flags = ["--node-labels=" + ",".join(f"{key}={value}" for key, value in {**own, **config.labels}.items())]
    if config.taints:
        flags.append("--register-with-taints=" + ",".join(config.taints))
    if config.address is not None:
        # Without it the kubelet takes the address of the default route.
        flags.append(f"--node-ip={config.address}")
    return {
        "apiVersion": "node.eks.aws/v1alpha1",
        "kind": "NodeConfig",
        "spec": {
            "cluster": {"name": config.cluster_name, "region": config.region},
            "hybrid": {
                # /eks-hybrid/.aws, which the agent of EKS Pod Identity mounts.
                "enableCredentialsFile": True,
                "ssm": {"activationCode": activation_code, "activationId": activation_id},
            },
            "kubelet": {"flags": flags},
        },
    }


def node_labels(*, node_name: str, activation_id: str, zone: str = HYBRID_ZONE) -> dict[str, str]:
    """Return the labels a hybrid node gives itself, by key."""
    return {NAME_LABEL: node_name, ACTIVATION_LABEL: activation_id, ZONE_LABEL: zone}


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
        **({} if config.address is None else {"ADDRESS": config.address}),
    }


def _environment(config: JoinConfig) -> str:
    """Return ``NAME=value`` lines that a shell reads back as exactly these values; a proxy is for its programs too."""
    own = [f"{name}={shlex.quote(value)}\n" for name, value in _parameters(config).items()]
    if config.address is not None:
        # nodeadm reads what ufw says, which speaks the machine's language. Not in the script: that replaces instances.
        own.append("export LC_ALL=C\n")
    proxy = (f"export {name}={shlex.quote(value)}\n" for name, value in _proxy(config).items())
    return "".join([*own, *proxy])
