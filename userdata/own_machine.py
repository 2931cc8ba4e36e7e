"""What a person gives to a machine of one's own: a script, or user data for a machine that cloud-init sets up.

Both write the files of `userdata.join_files` and start the same systemd unit as on an instance. Whoever brings a new
activation removes the mark that the machine has joined: the unit would be skipped.
"""

import shlex
from collections.abc import Mapping

from infra.names import LEAVE
from infra.systems import SYSTEMS
from userdata import cloud_config, paths
from userdata.join_files import JoinConfig, join_files, start_commands

_END = "EKS_HYBRID_END_OF_FILE"

# As `uname -m` calls them.
_MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}

_HEAD = """#!/usr/bin/env bash
# Makes this machine join EKS cluster {cluster} as hybrid node {name}. Run it as root: sudo bash FILE
# It holds an activation code that admits one machine until {expires}: delete it afterwards.
set -euo pipefail
umask 077

# The tests run it without root rights, below a temporary directory.
root=${{EKS_HYBRID_ROOT:-}}
stop() {{ printf 'not started: %s\\n' "$1" >&2; exit 1; }}

[[ -n $root || $(id -u) == 0 ]] || stop 'run it as root: sudo bash FILE'
machine=$(uname -m)
[[ $machine == {machine} ]] || stop "this machine is $machine, and the settings say {machine} ({path}.architecture)"
system=$(. "$root/etc/os-release" && printf '%s %s' "$ID" "$VERSION_ID")
[[ $system == {system} ]] || stop "this machine runs $system, and the settings say {os} ({path}.os)"
config=$root{node_config}
if [[ -s $root/var/lib/amazon/ssm/registration ]] && ! grep -qs {activation} "$config"; then
    stop 'this machine is registered with another activation; make it forget that one first: {leave}'
fi

# write <mode> <path>: as a whole, or not at all.
write() {{
    mkdir -p "$(dirname "$root$2")"
    cat >"$root$2.new"
    chmod "$1" "$root$2.new"
    mv "$root$2.new" "$root$2"
}}

"""

_TAIL = """
rm -f "$root{joined}"
systemctl daemon-reload
{start}
# One that runs for an older activation starts anew.
systemctl restart --no-block {unit}
printf 'started; it goes on by itself, over reboots. To see it: %s --follow\\n' '{log}'
"""


def script(config: JoinConfig, *, activation_id: str, activation_code: str, expires: str) -> str:
    """Return one file for `sudo bash`, for a machine that runs. It holds the activation code: a secret."""
    files = join_files(config, activation_id=activation_id, activation_code=activation_code)
    head = _HEAD.format(
        cluster=config.cluster_name,
        name=config.node_name,
        path=f"hybridNodes, {config.node_name}",
        expires=expires,
        machine=_MACHINES[config.architecture],
        system=shlex.quote(SYSTEMS[config.os].os_release),
        os=config.os,
        node_config=paths.NODE_CONFIG,
        activation=shlex.quote(activation_id),
        leave=LEAVE,
    )
    # A quoted delimiter: the shell changes nothing in between.
    parts = [f"write {file.mode} {file.path} <<'{_END}'\n{file.content}{_END}\n" for file in files]
    tail = _TAIL.format(
        joined=paths.JOINED,
        start="\n".join(_tolerant(command) for command in start_commands(config)),
        unit=paths.UNIT_NAME,
        log=paths.LOG_COMMAND,
    )
    return head + "".join(parts) + tail


def user_data(config: JoinConfig, *, activation_id: str, activation_code: str) -> str:
    """Return a cloud-config document, as an instance gets it. It holds the activation code: a secret."""
    return cloud_config.render(
        config,
        activation_id=activation_id,
        activation_code=activation_code,
        first=[["rm", "-f", paths.JOINED]],
    )


def seed(config: JoinConfig, *, activation_id: str, activation_code: str) -> Mapping[str, str]:
    """Return the files of a NoCloud seed by name (https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html).

    The instance's id is the activation's: cloud-init runs anew for another one, and once for each.
    """
    return {
        "meta-data": f"instance-id: {activation_id}\nlocal-hostname: {config.node_name}\n",
        "user-data": user_data(config, activation_id=activation_id, activation_code=activation_code),
    }


def _tolerant(command: tuple[str, ...]) -> str:
    # try-restart ends with an error where one of the units is not there.
    return shlex.join(command) + (" || true" if "try-restart" in command else "")
