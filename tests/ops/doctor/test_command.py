"""`ops doctor` from the command line, with the real Kubernetes client in front of an API server over HTTP."""

import dataclasses
import io
import json
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.clients import stack_outputs
from ops.clients.errors import AskError
from ops.doctor import session

TOKEN = "k8s-aws-v1.c2VjcmV0LXRva2Vu"


class _Api(BaseHTTPRequestHandler):
    """The part of the Kubernetes API that doctor reads, out of a world's lists."""

    server: Any

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        kube, path = self.server.kube, urlsplit(self.path).path.rstrip("/")
        parts = path.split("/")
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._answer(401, {"message": "Unauthorized"})
        elif path == "/api/v1/nodes":
            self._answer(200, {"items": kube.nodes_})
        elif path == "/api/v1/events":
            self._answer(200, {"items": kube.events_})
        elif parts[-1] == "pods":
            self._answer(200, {"items": kube.pods(parts[4])})
        elif parts[-1] == "log":
            self._answer(200, "felix: ready")
        elif parts[-2] == "daemonsets" and parts[-1] in kube.daemon_sets:
            self._answer(200, {"metadata": {"name": parts[-1]}})
        else:
            self._answer(404, {"message": "not found"})

    def _answer(self, status: int, body: object) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def api(world: Any) -> Iterator[str]:
    """The API server of the world: its address."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    server.daemon_threads = True
    server.kube = world.kube
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def outputs(api: str, world: Any, tmp_path: Path) -> Path:
    """The outputs of the world's stack in a file."""
    found = world.subject
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": api}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = tmp_path / "outputs.json"
    path.write_text(
        json.dumps(
            {
                "clusterName": found.cluster_name,
                "kubeconfig": json.dumps(kubeconfig),
                "hybridNodes": [
                    {
                        "name": machine.name,
                        "instanceId": machine.instance_id,
                        "activationId": machine.activation_id,
                        "privateIp": machine.private_ip,
                    }
                    for machine in found.machines
                ],
                "checks": {
                    "project": found.project,
                    "stack": found.stack,
                    "region": found.region,
                    "hybridRoleArn": found.hybrid_role_arn,
                    "targetGroups": dict(found.target_groups),
                    "remoteNodeNetworks": list(found.remote_node_networks),
                },
            }
        )
    )
    return path


@pytest.fixture
def ops(world: Any, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run `ops doctor` on the world; AWS alone is not real."""
    made: list[dict[str, Any]] = []

    def cloud(**arguments: Any) -> Any:
        made.append(arguments)
        return world.cloud

    monkeypatch.setattr(session, "AwsClient", cloud)
    monkeypatch.setattr(session, "RETRIES", 0)

    def run(*arguments: str) -> Any:
        result = CliRunner().invoke(
            app, ["doctor", "--outputs", str(outputs), *arguments], env={"COLUMNS": "100"}
        )
        return SimpleNamespace(
            exit_code=result.exit_code,
            stdout=result.stdout,
            stderr=result.stderr,
            output=result.output,
            made=made,
        )

    return run


def test_a_healthy_deployment_ends_with_0(ops: Callable[..., Any]) -> None:
    result = ops()
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("ops doctor  stack dev  cluster eks-hybrid  region ap-northeast-1\n")
    assert "4 of 4 Ready" in result.stdout
    assert result.stdout.endswith("nothing found wrong\n")


def test_findings_end_with_1(ops: Callable[..., Any], world: Any, make: Any) -> None:
    world.lost(1, make.too_old_console)
    result = ops()
    assert result.exit_code == 1
    assert "nodeadm-too-old" in result.stdout


def test_what_could_not_be_seen_ends_with_2(ops: Callable[..., Any], world: Any, refusal: Any) -> None:
    world.cloud.refused["eks describe_cluster"] = refusal("denied")
    result = ops()
    assert result.exit_code == 2
    assert "1 thing could not be looked at, nothing found wrong in the rest" in result.stdout


def test_outputs_that_cannot_be_read_end_with_2_and_say_why(ops: Callable[..., Any], tmp_path: Path) -> None:
    result = ops("--outputs", str(tmp_path / "none"))
    assert result.exit_code == 2
    assert result.stderr.startswith("ops doctor could not run\n  seen --outputs")
    assert "\n  fix  pulumi stack output --json" in result.stderr


def test_json_goes_to_standard_output_alone(ops: Callable[..., Any], world: Any, make: Any) -> None:
    world.lost(1, make.too_old_console)
    found = json.loads(ops("-o", "json").stdout)
    assert found["causes"][0]["id"] == "nodeadm-too-old"


def test_a_bundle_is_written_and_announced(ops: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "bundle.tgz"
    result = ops("--bundle", str(path))
    assert result.exit_code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"wrote {path}" in result.stderr
    assert TOKEN.encode() not in path.read_bytes()


def test_a_bundle_that_cannot_be_written_is_refused_before_anything_is_asked(
    ops: Callable[..., Any], world: Any, tmp_path: Path
) -> None:
    result = ops("--bundle", str(tmp_path / "none" / "bundle.tgz"))
    assert result.exit_code == 2
    assert f"there is no folder {tmp_path}/none" in result.stderr
    assert world.cloud.asked == []


def test_outputs_may_come_from_standard_input(
    ops: Callable[..., Any], outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_outputs, "sys", SimpleNamespace(stdin=io.StringIO(outputs.read_text())))
    assert ops("--outputs", "-").exit_code == 0


def test_a_token_that_the_server_refuses_is_a_gap_without_the_token(
    ops: Callable[..., Any], outputs: Path
) -> None:
    outputs.write_text(outputs.read_text().replace(TOKEN, "k8s-aws-v1.another"))
    result = ops()
    assert result.exit_code == 2
    assert "Unauthorized" in result.stdout
    assert "k8s-aws-v1" not in result.output


def test_the_profile_of_the_command_line_wins(ops: Callable[..., Any]) -> None:
    result = ops("--profile", "other")
    assert result.made[0]["profile"] == "other"
    assert result.made[0]["region"] == "ap-northeast-1"


def test_a_profile_that_is_not_there_ends_with_2(
    ops: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(**_: Any) -> None:
        raise AskError("AWS: The config profile (x) could not be found", code="profile-missing")

    monkeypatch.setattr(session, "AwsClient", unknown)
    result = ops()
    assert result.exit_code == 2
    assert "ops doctor --profile PROFILE" in result.stderr


def test_interrupting_ends_with_130(ops: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "run", interrupted)
    assert ops().exit_code == 130


def test_without_an_output_the_kubeconfig_is_made_of_what_eks_says(world: Any) -> None:
    cluster = {"endpoint": "https://x", "certificateAuthority": {"data": "Q0E="}}
    found = session.described_kubeconfig(world.subject, cluster)
    assert found["clusters"][0]["cluster"] == {"server": "https://x", "certificate-authority-data": "Q0E="}
    plugin = found["users"][0]["user"]["exec"]
    command = "aws --region ap-northeast-1 eks get-token --cluster-name eks-hybrid --output json"
    assert " ".join([plugin["command"], *plugin["args"]]) == command


def test_the_output_kubeconfig_wins_over_what_eks_says(
    world: Any, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Any] = []

    def real(kubeconfig: Any, **_: Any) -> Any:
        used.append(kubeconfig)
        return world.kube

    monkeypatch.setattr(session, "Kube", real)
    found = dataclasses.replace(world.subject, kubeconfig={"from": "outputs"})
    session.connect(found, {"endpoint": api}, profile=None)
    assert used == [{"from": "outputs"}]


def test_a_cluster_without_an_endpoint_is_a_gap_that_says_so(world: Any) -> None:
    with pytest.raises(AskError, match="has no endpoint yet"):
        session.described_kubeconfig(world.subject, {"status": "CREATING"})


def test_importing_the_command_line_imports_neither_boto3_nor_pulumi() -> None:
    code = "import sys, ops.cli; print({'boto3', 'kubernetes', 'pulumi'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
