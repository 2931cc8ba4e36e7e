"""Outputs come from a file, standard input or the Pulumi CLI, and what is wrong with them is said without secrets."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.causes import problem_of
from ops.clients import stack_outputs
from ops.clients.errors import AskError

Outputs = Callable[[], dict[str, Any]]


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a stand-in for the Pulumi CLI alone on the PATH."""

    def install(body: str) -> None:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/pulumi").write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "bin/pulumi").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")

    return install


def test_outputs_are_read_from_a_file(outputs: Outputs, tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(outputs()))

    found = stack_outputs.deployment(outputs=str(file), stack=None)

    assert found.cluster_name == "eks-hybrid"
    assert found.cluster_arn == "arn:aws:eks:ap-northeast-1:012345678901:cluster/eks-hybrid"
    assert [node.name for node in found.hybrid_nodes] == ["onprem-1", "onprem-2"]
    assert found.subject == {"stack": "dev", "cluster": "eks-hybrid", "region": "ap-northeast-1"}


def test_a_dash_reads_standard_input(outputs: Outputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(outputs())))

    assert stack_outputs.deployment(outputs="-", stack=None).checks.node_port == 30080


def test_the_cli_is_asked_for_secrets_of_the_named_stack(
    outputs: Outputs, pulumi: Callable[[str], None], tmp_path: Path
) -> None:
    # The stack output is a secret string of JSON, not an object.
    values = outputs()
    values["kubeconfig"] = json.dumps(values["kubeconfig"])
    (tmp_path / "o.json").write_text(json.dumps(values))
    pulumi(f'echo "$*" > {tmp_path}/asked; cat {tmp_path}/o.json')

    found = stack_outputs.deployment(outputs=None, stack="prod")

    assert found.kubeconfig["current-context"] == "x"
    asked = (tmp_path / "asked").read_text()
    assert asked == "stack output --json --show-secrets --non-interactive --stack prod\n"


def test_without_a_stack_the_selected_one_is_asked(
    pulumi: Callable[[str], None], outputs: Outputs, tmp_path: Path
) -> None:
    (tmp_path / "o.json").write_text(json.dumps(outputs()))
    pulumi(f'[ "${{6:-}}" = "" ] && cat {tmp_path}/o.json')

    assert stack_outputs.deployment(outputs=None, stack=None).checks.stack == "dev"


def test_a_missing_cli_is_an_error_that_names_the_way_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(AskError) as error:
        stack_outputs.deployment(outputs=None, stack=None)
    assert "pulumi could not be started" in error.value.seen
    assert "ops verify --outputs outputs.json" in problem_of(error.value, "verify").fix


def test_a_failing_cli_is_an_error_in_its_own_words(pulumi: Callable[[str], None]) -> None:
    pulumi("echo \"error: no stack named 'prod' found\" >&2; exit 255")

    with pytest.raises(AskError, match="error: no stack named 'prod' found"):
        stack_outputs.deployment(outputs=None, stack="prod")


@pytest.mark.parametrize("name", ["opsOnly", "checks"])
def test_what_ops_reads_is_found_by_the_name_that_the_first_release_gave_it_too(
    outputs: Outputs, tmp_path: Path, name: str
) -> None:
    values = outputs()
    values[name] = values.pop("checks")
    (tmp_path / "o.json").write_text(json.dumps(values))
    assert stack_outputs.deployment(outputs=str(tmp_path / "o.json"), stack=None).checks.node_port == 30080


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[1]", "missing or malformed: (all)"),
        (
            "{}",
            "missing or malformed: clusterName, hybridNodes, kubeconfig, managedNodeGroup, opsOnly",
        ),
    ],
)
def test_outputs_of_something_else_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "o.json").write_text(text)

    with pytest.raises(AskError) as error:
        stack_outputs.deployment(outputs=str(tmp_path / "o.json"), stack=None)
    assert said in error.value.seen


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AskError, match="No such file"):
        stack_outputs.deployment(outputs="/nowhere/o.json", stack=None)


def test_a_kubeconfig_shows_neither_in_errors_nor_in_a_repr(outputs: Outputs, tmp_path: Path) -> None:
    values = {**outputs(), "kubeconfig": "hush: [not json"}
    file = tmp_path / "o.json"
    file.write_text(json.dumps(values))
    with pytest.raises(AskError) as error:
        stack_outputs.deployment(outputs=str(file), stack=None)
    assert "malformed: kubeconfig" in error.value.seen
    assert "hush" not in str(error.value) + repr(error.value.__cause__)

    file.write_text(json.dumps(outputs()))
    found = stack_outputs.deployment(outputs=str(file), stack=None)
    assert found.kubeconfig["users"][0]["user"]["token"] not in repr(found)


@pytest.mark.parametrize(
    ("partition", "host"), [("aws", "sts.r.amazonaws.com"), ("aws-cn", "sts.r.amazonaws.com.cn")]
)
def test_the_name_outside_the_cluster_is_of_the_partition(
    outputs: Outputs, partition: str, host: str
) -> None:
    checks = {**outputs()["checks"], "partition": partition, "region": "r"}

    assert stack_outputs.Expected.model_validate(checks).sts_host == host
