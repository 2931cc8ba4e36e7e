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

# What nodeadm v1.0.20 said on real machines, as in its JSON.
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


def fatal(error: str) -> str:
    """Return a line as nodeadm ends with."""
    return f'{{"level":"fatal","ts":"2026-11-25T15:52:05.072Z","msg":"Command failed","error":"{error}"}}\n'


STAND_INS = Path(__file__).with_name("standin")
# nodeadm is downloaded, and it brings the two others.
_ELSEWHERE = ("common", "nodeadm", "kubectl", "amazon-ssm-agent")


def _text(name: str) -> str:
    return (STAND_INS / f"{name}.bash").read_text()


def _install(name: str, folder: Path) -> None:
    (folder / name).write_text(_text("common") + _text(name))
    (folder / name).chmod(0o755)


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
        resolved = self.root / "run/systemd/resolve/resolv.conf"
        resolved.parent.mkdir(parents=True)
        resolved.touch()
        (self.root / "etc/cni/net.d/10-calico.conflist").write_text("{}")
        for path in STAND_INS.glob("*.bash"):
            if path.stem not in _ELSEWHERE:
                _install(path.stem, self.bin)
        for command, error in _ERRORS.items():
            (self.fake / f"{command}.error").write_text(error)
        for name in ("kubectl", "amazon-ssm-agent"):
            _install(name, self.fake)
        (self.fake / "addresses").write_text("10.80.0.11\n")
        (self.root / "etc/fstab").write_text("UUID=1 / ext4 defaults 0 1\n")
        (self.root / "etc/os-release").write_text(OS_RELEASES[config.os])
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
        self,
        *options: str,
        activation_id: str = ACTIVATION_ID,
        activation_code: str = ACTIVATION_CODE,
        agreed: bool = True,
    ) -> "subprocess.CompletedProcess[str]":
        kind = {"arm64": "aarch64", "amd64": "x86_64"}[self.config.architecture]
        if not (self.bin / "uname").exists():
            (self.bin / "uname").write_text(f"#!/bin/bash\necho {kind}\n")
            (self.bin / "uname").chmod(0o755)
        text = own_machine.script(
            self.config,
            activation_id=activation_id,
            activation_code=activation_code,
            expires="2026-11-26 12:00:00 UTC",
        )
        return self.run_text(text, *options, *(["--yes"] if agreed else []))

    def run_text(self, text: str, *options: str) -> "subprocess.CompletedProcess[str]":
        """Run a script as a person does, who has no proxy in the environment."""
        return subprocess.run(
            ["bash", "-s", "--", *options],
            input=text,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def inside(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def publish(self, digest: str | None = None) -> str:
        """Put nodeadm and its .sha256 on the web, and return the binary's digest."""
        page = self.fake / "www/hybrid-assets.eks.amazonaws.com/releases" / self.config.nodeadm_version
        page = page / "bin/linux" / self.config.architecture / "nodeadm"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(_text("common") + _text("nodeadm"))
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
        own = {"address": "10.80.0.11"} if by == "script" else {}
        return Machine(tmp_path, replace(config, **own | changes), code, by=by)

    return make


@pytest.fixture(params=["cloud-init", "script"])
def machine(boot_machine: Callable[..., Machine], request: pytest.FixtureRequest) -> Machine:
    """A machine that got its files from cloud-init, and one that got them from the script of `ops join`."""
    return boot_machine(by=request.param)
