"""A machine without root: the rendered user data laid out below a directory, and fakes for the tools it calls."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from userdata import cloud_config, own_machine, paths
from userdata.join_files import JoinConfig

ACTIVATION_ID = "0d4a7c1e-5b0f-4c35-9f6e-3a2b1c0d9e8f"
# As the systems name themselves.
OS_RELEASES = {
    "ubuntu-24.04": 'NAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\n',
    "ubuntu-22.04": 'NAME="Ubuntu"\nVERSION_ID="22.04"\nID=ubuntu\n',
    "al2023": 'NAME="Amazon Linux"\nVERSION="2023"\nID="amzn"\nVERSION_ID="2023"\n',
}
ACTIVATION_CODE = "Fjz3/sZfSvv78EXAMPLE"

# Every fake writes down how it was called. What it does is steered by files in $FAKE: a file named
# <something>.failures holds how often it still fails, other files are switches.
_COMMON = r"""#!/bin/bash
printf '%s\n' "${0##*/} $*" >>"$FAKE/calls"
env >>"$FAKE/environment"
fails() {
    local left
    left=$(cat "$FAKE/$1.failures" 2>/dev/null || echo 0)
    ((left > 0)) || return 1
    echo $((left - 1)) >"$FAKE/$1.failures"
}
"""

_CURL = r"""
while (($#)); do
    case $1 in
        --output) output=$2; shift ;;
        https://*) url=$1 ;;
    esac
    shift
done
if fails curl; then
    echo 'curl: (6) Could not resolve host: hybrid-assets.eks.amazonaws.com' >&2
    printf 000
    exit 6
fi
page=$FAKE/www/${url#https://}
if [[ ! -e $page ]]; then
    echo 'curl: (22) The requested URL returned error: 403' >&2
    printf 403
    exit 22
fi
cp "$page" "$output"
printf 200
"""

# What nodeadm v1.0.20 said on real machines, as in its JSON (../shared/cases).
_ERRORS = {
    "install": (
        "failed reading file from url: https://hybrid-assets.eks.amazonaws.com/manifest.yaml: max retries "
        "achieved for http request: hybrid-assets.eks.amazonaws.com : unexpected status code: 503"
    ),
    "config": r"error unmarshaling JSON: while decoding JSON: json: unknown field \"kubelett\"",
    "init": (
        "operation error EKS: DescribeCluster, https response error StatusCode: 403, RequestID: , api error "
        "AccessDeniedException: User: arn:aws:sts::012345678901:assumed-role/eks-hybrid-node-1a2b3c4/"
        "mi-0123456789abcdef0 is not authorized to perform: eks:DescribeCluster on resource: "
        "arn:aws:eks:ap-northeast-1:012345678901:cluster/eks-hybrid"
    ),
    "debug": (
        "operation error EKS: DescribeCluster, get identity: get credentials: failed to refresh cached "
        "credentials, no EC2 IMDS role found, operation error ec2imds: GetMetadata, request canceled, "
        "context deadline exceeded"
    ),
}

# As nodeadm v1.0.20 does: it refuses what nodeadm refuses.
# A file <command>.says holds other lines for its next failures.
_NODEADM = r"""
[[ -e /proc/$$/fd/9 ]] && echo 'lock handed on' >>"$FAKE/calls"
root=$EKS_HYBRID_ROOT
tracker=$root/opt/nodeadm/tracker
registration=$root/var/lib/amazon/ssm/registration
log() { # level message [error]
    local at=2026-11-25T15:52:05.072Z
    printf '{"level":"%s","ts":"%s","caller":"nodeadm/main.go:57","msg":"%s"%s}\n' \
        "$1" "$at" "$2" "${3:+,\"error\":\"$3\"}" >&2
}
fatal() { log fatal 'Command failed' "$1"; exit 1; }
hang() {
    if [[ -e $FAKE/hang-$1 ]]; then
        trap 'echo "asked to end" >>"$FAKE/calls"; exit 143' TERM
        sleep 300 &
        echo "$$ $!" >"$FAKE/pids"
        wait
    fi
}
check_tracker() {
    [[ ! -e $tracker ]] || grep -q 'Ssm: true' "$tracker" || {
        echo 'panic: runtime error: invalid memory address or nil pointer dereference' >&2
        exit 2
    }
}
power_off() {
    if [[ -e $FAKE/power-off-$1 ]]; then
        rm "$FAKE/power-off-$1"
        kill -KILL "$PPID" $$
    fi
}
if fails "$1"; then
    if [[ -e $FAKE/$1.says ]]; then
        cat "$FAKE/$1.says" >&2
        exit 1
    fi
    fatal "$(cat "$FAKE/$1.error")"
fi
case $1 in
    install)
        check_tracker
        log info 'Installing containerd...'
        hang install
        mkdir -p "${tracker%/*}"
        printf 'Artifacts:\n  Cni' >"$tracker"
        power_off install
        printf 'Artifacts:\n  CniPlugins: true\n  Ssm: true\n' >"$tracker"
        cp "$FAKE/kubectl" "$root/usr/local/bin/kubectl"
        ;;
    init)
        [[ -e $root/etc/cni/net.d ]] && echo 'cni configuration present at init' >>"$FAKE/calls"
        if [[ ! -e $tracker ]]; then
            log info 'Nodeadm components are not installed. Please run `nodeadm install` before running init'
            exit 0
        fi
        check_tracker
        # As some versions of the agent do when a registration fails.
        tr -d "'" <"$root/etc/nodeadm/nodeConfig.yaml" >&2
        hang init
        if [[ ! -e $registration ]]; then
            mkdir -p "${registration%/*}"
            printf '{"ManagedInst' >"$registration"
            power_off init
            printf '{"ManagedInstanceID":"mi-0123456789abcdef0","Region":"ap-northeast-1"}' >"$registration"
        fi
        grep -q '}$' "$registration" ||
            fatal 'configuring aws credentials with SSM: reading ssm registration file: unexpected end of JSON input'
        mkdir -p "$root/root/.aws" "$root/var/lib/kubelet"
        echo '[default]' >"$root/root/.aws/credentials"
        [[ -e $FAKE/hollow ]] && exit 0
        cat >"$root/var/lib/kubelet/kubeconfig" <<'KUBECONFIG'
kind: Config
        args:
          - "token"
          - "--cluster-id"
          - "eks-hybrid"
KUBECONFIG
        [[ -e $FAKE/stillborn ]] || touch "$FAKE/active"
        power_off check
        ;;
    debug)
        if [[ ! -s $root/root/.aws/credentials ]]; then
            fatal "$(cat "$FAKE/debug.error")"
        fi
        echo '* Validating NTP synchronization status [Failed]'
        hang debug
        fatal 'a finding that is no cause'
        ;;
esac
exit 0
"""

_KUBECTL = r"""
if [[ -e $FAKE/unauthorized ]]; then
    echo 'error: You must be logged in to the server (Unauthorized)' >&2
    exit 1
fi
if [[ -e $FAKE/unreachable ]]; then
    echo 'Unable to connect to the server: dial tcp 10.10.1.7:443: i/o timeout' >&2
    exit 1
fi
if fails kubectl; then
    echo 'Error from server (NotFound): nodes "mi-0123456789abcdef0" not found' >&2
    exit 1
fi
[[ " $* " == *" get node mi-0123456789abcdef0 "* ]] || exit 1
echo node/mi-0123456789abcdef0
"""

_SYSTEMCTL = r"""
case $1 in
    is-active) [[ -e $FAKE/active ]] ;;
    show)
        # A kubelet that crashes has another process id at every look.
        [[ -e $FAKE/crashing ]] && echo "$RANDOM$RANDOM" || echo 4242
        ;;
esac
"""

_JOURNALCTL = r"""
case $* in
    *'--unit kubelet '*)
        echo 'kubelet[4242]: E1123 node is not authorized'
        [[ -e $FAKE/chatty ]] && seq 20000
        ;;
    *'--unit containerd '*) echo 'containerd[17]: cni plugin not initialized' ;;
esac
exit 0
"""

_APT_GET = r"""
[[ -e /proc/$$/fd/9 ]] && echo 'lock handed on' >>"$FAKE/calls"
if [[ -e $FAKE/unconfigured ]]; then
    echo 'E: dpkg was interrupted, you must manually run dpkg --configure -a to correct the problem.' >&2
    exit 100
fi
if fails apt; then
    echo 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 8251 (python3)' >&2
    echo 'E: Unable to lock directory /var/lib/apt/lists/' >&2
    exit 100
fi
"""

_DPKG = r"""
rm -f "$FAKE/unconfigured"
"""

_APT_CACHE = r"""
candidate='(none)'
[[ -e $FAKE/candidate ]] && candidate=1.7.28-0ubuntu1
printf 'containerd:\n  Installed: (none)\n  Candidate: %s\n  Version table:\n' "$candidate"
"""


class Machine:
    """A sandboxed machine that has just booted with the given configuration."""

    def __init__(
        self, directory: Path, config: JoinConfig, activation_code: str, *, by: str = "cloud-init"
    ) -> None:
        self.root = directory / "root"
        self.fake = directory / "fake"
        self.bin = directory / "bin"
        self.config = config
        for path in (self.root / "etc/cni/net.d", self.fake, self.bin):
            path.mkdir(parents=True)
        (self.root / "etc/cni/net.d/10-calico.conflist").write_text("{}")
        for name, body in {
            "curl": _CURL,
            "systemctl": _SYSTEMCTL,
            "journalctl": _JOURNALCTL,
            "apt-get": _APT_GET,
            "apt-cache": _APT_CACHE,
            "dpkg": _DPKG,
            "sync": "",
        }.items():
            (self.bin / name).write_text(_COMMON + body)
            (self.bin / name).chmod(0o755)
        for command, error in _ERRORS.items():
            (self.fake / f"{command}.error").write_text(error)
        (self.fake / "kubectl").write_text(_COMMON + _KUBECTL)
        (self.fake / "kubectl").chmod(0o755)
        lay_out = self._by_script if by == "script" else self._by_cloud_init
        lay_out(activation_code)
        self.script = self.inside(paths.SCRIPT)
        self.publish()

    def _by_cloud_init(self, activation_code: str) -> None:
        text = cloud_config.render(self.config, activation_id=ACTIVATION_ID, activation_code=activation_code)
        document = yaml.safe_load(text)
        for file in document["write_files"]:
            path = self.inside(file["path"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file["content"])
            path.chmod(int(file["permissions"], 8))

    def _by_script(self, activation_code: str) -> None:
        """Run what `ops join` writes, on a machine of the kind that the settings name."""
        done = self.run_own_script(activation_code=activation_code)
        assert done.returncode == 0, done.stderr
        self.own_calls = self.calls
        for name in ("calls", "environment"):
            (self.fake / name).unlink()

    def run_own_script(
        self, *, activation_id: str = ACTIVATION_ID, activation_code: str = ACTIVATION_CODE
    ) -> "subprocess.CompletedProcess[str]":
        kind = {"arm64": "aarch64", "amd64": "x86_64"}[self.config.architecture]
        if not (self.bin / "uname").exists():
            (self.bin / "uname").write_text(f"#!/bin/bash\necho {kind}\n")
            (self.bin / "uname").chmod(0o755)
            (self.root / "etc/os-release").write_text(OS_RELEASES[self.config.os])
        text = own_machine.script(
            self.config,
            activation_id=activation_id,
            activation_code=activation_code,
            expires="2026-11-26 12:00:00 UTC",
        )
        return subprocess.run(
            ["bash", "-s"], input=text, env=self.environment, capture_output=True, text=True, check=False
        )

    def inside(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def publish(self, digest: str | None = None) -> str:
        """Put nodeadm and its .sha256 on the web, and return the binary's digest."""
        page = self.fake / "www/hybrid-assets.eks.amazonaws.com/releases" / self.config.nodeadm_version
        page = page / "bin/linux" / self.config.architecture / "nodeadm"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(_COMMON + _NODEADM)
        actual = hashlib.sha256(page.read_bytes()).hexdigest()
        page.with_name("nodeadm.sha256").write_text(f"{digest or actual}  nodeadm\n")
        return actual

    def switch(self, name: str) -> None:
        (self.fake / name).touch()

    def unswitch(self, name: str) -> None:
        (self.fake / name).unlink()

    def failures(self, tool: str, times: int, says: str = "") -> None:
        """Let the tool fail; nodeadm's command then says the given lines instead of its usual ones."""
        (self.fake / f"{tool}.failures").write_text(str(times))
        if says:
            (self.fake / f"{tool}.says").write_text(says)

    def power_on(self) -> None:
        """Forget what a power-off forgets."""
        shutil.rmtree(self.inside(paths.STATE))
        (self.fake / "active").unlink(missing_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.bin}:{os.defpath}",
            "FAKE": str(self.fake),
            "EKS_HYBRID_ROOT": str(self.root),
            "EKS_HYBRID_RETRY_SECONDS": "0",
        }

    def boot(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run the script once: one attempt."""
        return subprocess.run(
            [self.script],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @property
    def log(self) -> str:
        return self.inside(paths.LOG).read_text()

    @property
    def last_run(self) -> str:
        _, start, rest = self.log.rpartition("join: step 1/7")
        return start + rest

    @property
    def last_line(self) -> str:
        """The last line of the log, without its time."""
        return self.log.splitlines()[-1].split(" ", 1)[1]

    @property
    def calls(self) -> list[str]:
        """Calls of the tools since the start, in order, one line each."""
        path = self.fake / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def called(self, start: str) -> int:
        return sum(call.startswith(start) for call in self.calls)


@pytest.fixture
def config() -> JoinConfig:
    return JoinConfig(
        cluster_name="eks-hybrid",
        region="ap-northeast-1",
        kubernetes_version="1.35",
        nodeadm_version="v1.0.20",
        nodeadm_sha256=None,
        architecture="arm64",
        os="ubuntu-24.04",
        node_name="onprem-1",
    )


@pytest.fixture
def boot_machine(tmp_path: Path, config: JoinConfig) -> Callable[..., Machine]:
    """Return a function that lays out a machine; keyword arguments change single fields of its JoinConfig."""

    def make(*, code: str = ACTIVATION_CODE, by: str = "cloud-init", **changes: Any) -> Machine:
        return Machine(tmp_path, replace(config, **changes), code, by=by)

    return make


@pytest.fixture(params=["cloud-init", "script"])
def machine(boot_machine: Callable[..., Machine], request: pytest.FixtureRequest) -> Machine:
    """A machine that got its files from cloud-init, and one that got them from the script of `ops join`."""
    return boot_machine(by=request.param)
