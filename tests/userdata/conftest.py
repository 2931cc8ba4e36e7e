"""A machine without root: the rendered user data laid out below a directory, and fakes for the tools it calls."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from userdata import cloud_config
from userdata.cloud_config import JoinConfig

ACTIVATION_ID = "0d4a7c1e-5b0f-4c35-9f6e-3a2b1c0d9e8f"
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
    echo 'curl: (22) The requested URL returned error: 404' >&2
    printf 404
    exit 22
fi
cp "$page" "$output"
printf 200
"""

_NODEADM = r"""
[[ -e /proc/$$/fd/9 ]] && echo 'lock handed on' >>"$FAKE/calls"
case $1 in
    install)
        if fails install; then
            echo '{"level":"fatal","msg":"Command failed","error":"installing containerd: exit status 100"}' >&2
            exit 1
        fi
        ;;
    config)
        if fails check; then
            echo '{"level":"fatal","msg":"Command failed","error":"unknown field"}' >&2
            exit 1
        fi
        ;;
    init)
        [[ -e $EKS_HYBRID_ROOT/etc/cni/net.d ]] && echo 'cni configuration present at init' >>"$FAKE/calls"
        # As some versions of the agent do when a registration fails.
        tr -d "'" <"$EKS_HYBRID_ROOT/etc/nodeadm/nodeConfig.yaml" >&2
        if fails init; then
            echo '{"level":"fatal","msg":"Command failed","error":"AccessDeniedException"}' >&2
            exit 1
        fi
        if [[ -e $FAKE/hollow ]]; then
            echo '{"level":"info","msg":"Nodeadm components are not installed."}' >&2
            exit 0
        fi
        mkdir -p "$EKS_HYBRID_ROOT/var/lib/kubelet"
        echo 'kind: Config' >"$EKS_HYBRID_ROOT/var/lib/kubelet/kubeconfig"
        [[ -e $FAKE/stillborn ]] || touch "$FAKE/active"
        ;;
    debug) echo 'debug: k8s-endpoint-network failed' ;;
esac
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
case $2 in
    kubelet)
        echo 'kubelet[4242]: E1123 node is not authorized'
        [[ -e $FAKE/chatty ]] && seq 20000
        ;;
    containerd) echo 'containerd[17]: cni plugin not initialized' ;;
esac
"""

_APT_GET = r"""
[[ -e /proc/$$/fd/9 ]] && echo 'lock handed on' >>"$FAKE/calls"
if fails apt; then
    echo 'E: Failed to fetch http://ports.ubuntu.com/dists/noble/InRelease' >&2
    exit 100
fi
"""


class Machine:
    """A sandboxed machine that has just booted with the given configuration."""

    def __init__(self, directory: Path, config: JoinConfig, activation_code: str) -> None:
        self.root = directory / "root"
        self.fake = directory / "fake"
        self.bin = directory / "bin"
        self.config = config
        for path in (self.root / "dev", self.root / "etc/cni/net.d", self.fake, self.bin):
            path.mkdir(parents=True)
        (self.root / "etc/cni/net.d/10-calico.conflist").write_text("{}")
        self.console = self.root / "dev/console"
        self.console.touch()
        for name, body in {
            "curl": _CURL,
            "systemctl": _SYSTEMCTL,
            "journalctl": _JOURNALCTL,
            "apt-get": _APT_GET,
        }.items():
            (self.bin / name).write_text(_COMMON + body)
            (self.bin / name).chmod(0o755)
        text = cloud_config.render(config, activation_id=ACTIVATION_ID, activation_code=activation_code)
        document = yaml.safe_load(text)
        for file in document["write_files"]:
            path = self.inside(file["path"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file["content"])
            path.chmod(int(file["permissions"], 8))
        [[self.command]] = document["runcmd"]
        self.publish()

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

    def failures(self, tool: str, times: int) -> None:
        (self.fake / f"{tool}.failures").write_text(str(times))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.bin}:{os.defpath}",
            "FAKE": str(self.fake),
            "EKS_HYBRID_ROOT": str(self.root),
            "EKS_HYBRID_RETRY_SECONDS": "0",
        }

    def boot(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.inside(self.command)],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @property
    def log(self) -> str:
        return self.inside("/var/log/eks-hybrid-join.log").read_text()

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

    def make(*, code: str = ACTIVATION_CODE, **changes: str) -> Machine:
        return Machine(tmp_path, replace(config, **changes), code)

    return make


@pytest.fixture
def machine(boot_machine: Callable[..., Machine]) -> Machine:
    return boot_machine()
