"""The program, recorded without a network: Calico's manifest is a small stand-in."""

import json
import os
import pty
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import hypothesis
import pytest

from ops.clients.stack_config import stack_config
from ops.program.fake_cloud import FakeCloud
from ops.program.recorder import Recording, evaluate
from tests.manifest import small_manifest

# An Output in an f-string inserts a warning into the text; with this it is an error.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"

# A busy machine is not a failure.
hypothesis.settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any-machine")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped, and why: a line for each reason."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, number in reasons.most_common():
        terminalreporter.write_line(f"{number} skipped: {reason}")


def pytest_xdist_auto_num_workers() -> int:
    """As many workers as cores; on one core none, because a worker would only load the SDK once more."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if cores > 1 else 0


OWN_SITE: dict[str, Any] = {
    "site": {
        "nodeCidrs": ["10.80.0.0/16", "10.81.0.0/24"],
        "transitGatewayId": "tgw-0123456789abcdef0",
        "httpsProxy": "http://proxy.example.internal:3128",
        "noProxy": ".example.internal",
    },
    "hybridNodes": [
        {"name": "rack-1", "address": "10.80.0.11"},
        {"name": "rack-2", "address": "10.81.0.12", "os": "al2023", "architecture": "arm64"},
    ],
}

EXISTING_VPC: dict[str, Any] = {
    "network": {
        "vpcId": "vpc-00000000000000aa0",
        "privateSubnetIds": ["subnet-00000000000000aa1", "subnet-00000000000000aa2"],
        "publicSubnetIds": ["subnet-00000000000000bb1", "subnet-00000000000000bb2"],
    }
}

PROJECT = Path(__file__).parents[1]
CERTIFICATE = "arn:aws:acm:ap-northeast-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, str]]:
    """The dev stack's raw configuration with settings changed; values as JSON would have them."""
    file, sha256 = small_manifest(tmp_path_factory.mktemp("calico"))

    def make(**overrides: object) -> dict[str, str]:
        raw = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in overrides.items()
        }
        manifest = {"calicoManifest": str(file), "calicoManifestSha256": sha256}
        return dict(stack_config(PROJECT, "dev", {**manifest, **raw}, ask_cli=False).values)

    return make


@pytest.fixture(scope="session")
def record(config: Callable[..., dict[str, str]]) -> Callable[..., Recording]:
    """Records the program with settings changed. What was recorded once is not recorded again."""
    recordings: dict[str, Recording] = {}

    def make(**overrides: object) -> Recording:
        key = json.dumps(overrides, sort_keys=True)
        if key not in recordings:
            recordings[key] = evaluate(PROJECT, "dev", config(**overrides))
        return recordings[key]

    return make


@pytest.fixture(scope="session")
def dev(record: Callable[..., Recording]) -> Recording:
    """The dev stack: one node of each OS of the example."""
    return record()


@pytest.fixture(scope="session")
def own(record: Callable[..., Recording]) -> Recording:
    """A stack with a data centre of one's own behind a transit gateway, and two machines there."""
    return record(**OWN_SITE)


@pytest.fixture(scope="session")
def record_in(config: Callable[..., dict[str, str]]) -> Callable[..., Recording]:
    """Records the dev stack in another partition and region."""

    def make(*, partition: str, region: str, dns_suffix: str) -> Recording:
        cloud = FakeCloud(partition=partition, region=region, dns_suffix=dns_suffix)
        return evaluate(PROJECT, "dev", config() | {"aws:region": region}, cloud=cloud)

    return make


@dataclass(frozen=True, kw_only=True)
class TerminalRun:
    """What a command wrote to the terminal and to the pipe, as text, and its exit code."""

    shown: str
    piped: str
    code: int


@pytest.fixture
def on_terminal() -> Callable[..., TerminalRun]:
    """Run a command with `stream` on a terminal and the other one in a pipe; "both" are on the terminal."""

    def run(
        command: Sequence[str | Path],
        stream: Literal["stdout", "stderr", "both"] = "both",
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> TerminalRun:
        try:
            leader, follower = pty.openpty()
        except OSError as error:
            pytest.skip(f"this machine gives no pseudo-terminal: {error}")
        stdout, stderr = (
            follower if stream in (name, "both") else subprocess.PIPE for name in ("stdout", "stderr")
        )
        with subprocess.Popen(command, stdout=stdout, stderr=stderr, cwd=cwd, env=env) as process:
            os.close(follower)
            shown = b"".join(iter(lambda: _read(leader), b""))
            piped = b"".join(part for part in process.communicate(timeout=300) if part)
        os.close(leader)
        return TerminalRun(
            shown=shown.decode().replace("\r\n", "\n"), piped=piped.decode(), code=process.returncode
        )

    return run


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says EIO once the other side is closed.
        return b""
