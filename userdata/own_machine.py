"""What a person runs on a machine of one's own: to join, to upgrade, to leave; or user data that cloud-init reads.

Joining writes the files of `userdata.join_files` and starts the same systemd unit as on an instance. Whoever brings a
new activation removes the mark that the machine has joined: the unit would be skipped.
"""

import shlex
from collections.abc import Iterable, Mapping

from infra.names import LEAVE, NAME_LABEL
from infra.systems import SYSTEMS
from userdata import cloud_config, paths
from userdata.join_files import JoinConfig, JoinFile, join_files, source

_END = "EKS_HYBRID_END_OF_FILE"

# As `uname -m` calls them.
_MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}


def script(config: JoinConfig, *, activation_id: str, activation_code: str, expires: str) -> str:
    """Return one file for `sudo bash`, for a machine that runs. It holds the activation code: a secret."""
    files = join_files(config, activation_id=activation_id, activation_code=activation_code)
    return _file_for_bash(
        f"# Makes this machine join EKS cluster {config.cluster_name} as hybrid node {config.node_name}. As root: "
        "sudo bash FILE\n"
        f"# It holds an activation code that admits one machine until {expires}: delete it afterwards.",
        {
            "name": config.node_name,
            "machine": _MACHINES[config.architecture],
            "OS": config.os,
            "ADDRESS": config.address or "",
            "system": SYSTEMS[config.os].os_release,
            "activation": activation_id,
            "leave": LEAVE,
            "unit": paths.UNIT_NAME,
            "log": paths.LOG_COMMAND,
        },
        "own_machine.bash",
        (*files, leave_file()),
        "start",
    )


def upgrade(config: JoinConfig) -> str:
    """Return one file for `sudo bash` that brings a node to the settings' Kubernetes version. It holds no secret."""
    files = join_files(config, activation_id="", activation_code="")
    return _file_for_bash(
        f"# Upgrades hybrid node {config.node_name} of EKS cluster {config.cluster_name} to Kubernetes "
        f"{config.kubernetes_version}, once it is drained: sudo bash FILE",
        {
            "cluster": config.cluster_name,
            "name": config.node_name,
            "afterwards": "; ".join(after_upgrade(config.node_name)),
        },
        "upgrade.bash",
        # The machine keeps its NodeConfig: it names the activation that it came with.
        (*(file for file in files if file.path != paths.NODE_CONFIG), leave_file()),
        "upgrade",
    )


def leave_file() -> JoinFile:
    """Return what makes a machine forget the cluster; it needs nothing of the stack."""
    return JoinFile(path=paths.LEAVE_SCRIPT, mode="0700", content=source("leave.sh"))


def drain(name: str) -> str:
    """Return the command that moves a machine's pods away, for where kubectl works."""
    return (
        f"kubectl drain --selector {_selector(name)} --ignore-daemonsets --delete-emptydir-data --timeout 10m"
    )


def after_upgrade(name: str) -> tuple[str, ...]:
    """Return the commands that let a machine have pods again; nodeadm does not."""
    return (
        f"kubectl wait --for=condition=Ready --timeout 5m node --selector {_selector(name)}",
        f"kubectl uncordon --selector {_selector(name)}",
    )


def user_data(config: JoinConfig, *, activation_id: str, activation_code: str) -> str:
    """Return a cloud-config document, as an instance gets it. It holds the activation code: a secret."""
    return cloud_config.render(
        config,
        activation_id=activation_id,
        activation_code=activation_code,
        first=[["rm", "-f", paths.JOINED]],
        more=[leave_file()],
    )


def seed(config: JoinConfig, *, activation_id: str, activation_code: str) -> Mapping[str, str]:
    """Return the files of a NoCloud seed by name (https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html).

    The instance's id is the activation's: cloud-init runs anew for another one, and once for each.
    """
    return {
        "meta-data": f"instance-id: {activation_id}\nlocal-hostname: {config.node_name}\n",
        "user-data": user_data(config, activation_id=activation_id, activation_code=activation_code),
    }


def _selector(name: str) -> str:
    return f"{NAME_LABEL}={name}"


def _file_for_bash(
    about: str, parameters: Mapping[str, str], body: str, files: Iterable[JoinFile], last: str
) -> str:
    values = "".join(f"{name}={shlex.quote(value)}\n" for name, value in parameters.items())
    # A quoted delimiter: the shell changes nothing in between.
    parts = "".join(f"write {file.mode} {file.path} <<'{_END}'\n{file.content}{_END}\n" for file in files)
    return f"#!/usr/bin/env bash\n{about}\nset -euo pipefail\n{values}\n{source(body)}\n{parts}\n{last}\n"
