"""What is known of a stack: its outputs as far as they go, its settings for the rest."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.causes import CAUSES
from ops.clients.errors import AskError
from ops.doctor import subject
from ops.doctor.subject import Machine

PROJECT = """name: eks-hybrid-calico
runtime: python
config:
  clusterName: {type: string, default: eks-hybrid}
  onPremVpcCidr: {type: string, default: 10.90.0.0/16}
"""
SETTINGS = """config:
  aws:region: ap-northeast-1
  aws:profile: work
  hybridNodes:
    - name: hybrid-1
    - name: hybrid-2
"""
OUTPUTS: dict[str, Any] = {
    "clusterName": "eks-hybrid",
    "kubeconfig": json.dumps({"users": [{"user": {"token": "planted-token"}}]}),
    "hybridNodes": [
        {"name": "hybrid-1", "instanceId": "i-1", "privateIp": "10.90.1.5", "activationId": "a-1"},
    ],
    "checks": {
        "project": "eks-hybrid-calico",
        "stack": "prod",
        "region": "eu-central-1",
        "profile": "",
        "hybridRoleArn": "arn:aws:iam::0:role/x",
        "remoteNodeNetworks": ["10.80.0.0/16"],
        "targetGroups": {"managed": "arn-m", "hybrid": "arn-h"},
    },
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, on a machine without the Pulumi CLI."""
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "Pulumi.dev.yaml").write_text(SETTINGS)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("AWS_REGION", raising=False)
    return tmp_path


@pytest.fixture
def pulumi(project: Path) -> Callable[..., None]:
    """Install a stand-in of the Pulumi CLI."""

    def install(outputs: str, *, code: int = 0, error: str = "", selected: str = "dev") -> None:
        file = project / "bin" / "pulumi"
        (project / "outputs").write_text(outputs)
        file.write_text(
            f'#!/bin/sh\necho "$@" >> {project}/calls\n'
            f'case "$2" in --show-name) echo {selected}; exit 0;; esac\n'
            f"/bin/cat {project}/outputs\necho '{error}' >&2\nexit {code}\n"
        )
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    return install


def _file(folder: Path, values: object) -> str:
    path = folder / "outputs.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return str(path)


def test_outputs_win_over_settings(project: Path) -> None:
    found = subject.find(stack="dev", outputs=_file(project, OUTPUTS), project_dir=project)
    assert (found.region, found.cluster_name) == ("eu-central-1", "eks-hybrid")
    assert found.remote_node_networks == ("10.80.0.0/16",)
    assert found.target_groups == {"managed": "arn-m", "hybrid": "arn-h"}
    assert found.hybrid_role_arn == "arn:aws:iam::0:role/x"
    assert found.kubeconfig == {"users": [{"user": {"token": "planted-token"}}]}


def test_nodes_of_the_settings_stand_beside_those_of_the_outputs(project: Path) -> None:
    found = subject.find(stack="dev", outputs=_file(project, OUTPUTS), project_dir=project)
    assert found.machines == (
        Machine(name="hybrid-1", instance_id="i-1", activation_id="a-1", private_ip="10.90.1.5"),
        Machine(name="hybrid-2"),
    )


def test_the_stack_is_that_of_the_outputs_when_none_is_named(project: Path) -> None:
    found = subject.find(stack=None, outputs=_file(project, OUTPUTS), project_dir=project)
    assert found.stack == "prod"
    assert found.tag == "eks-hybrid-calico/prod"
    assert "Pulumi.prod.yaml" in " ".join(found.notes)


def test_settings_do_when_there_are_no_outputs(project: Path, pulumi: Callable[..., None]) -> None:
    pulumi("{}")
    found = subject.find(stack="dev", outputs=None, project_dir=project)
    assert (found.stack, found.region, found.profile) == ("dev", "ap-northeast-1", "work")
    assert found.cluster_name == "eks-hybrid"
    assert [machine.name for machine in found.machines] == ["hybrid-1", "hybrid-2"]
    assert found.remote_node_networks == ("10.90.0.0/16",)
    assert found.kubeconfig is None
    assert found.notes == ("the stack has no outputs: pulumi up has not come to its end yet",)


def test_the_cli_is_asked_for_the_stack_and_its_secrets(project: Path, pulumi: Callable[..., None]) -> None:
    pulumi(json.dumps(OUTPUTS))
    found = subject.find(stack="acme/eks-hybrid-calico/dev", outputs=None, project_dir=project)
    assert found.hybrid_role_arn == "arn:aws:iam::0:role/x"
    assert found.stack == "dev"
    calls = (project / "calls").read_text().splitlines()
    assert "stack output --json --show-secrets" in calls[0]
    assert any("config --json --show-secrets" in call for call in calls)
    assert not any("--show-secrets" in call for call in calls if "stack export" in call or "history" in call)
    assert all("--stack acme/eks-hybrid-calico/dev" in call for call in calls)


def test_a_machine_of_ones_own_is_known_by_the_outputs_and_before_the_first_up_by_the_settings(
    project: Path, pulumi: Callable[..., None]
) -> None:
    settings = SETTINGS.replace("- name: hybrid-2", "- name: rack-2\n      address: 10.80.0.12")
    (project / "Pulumi.dev.yaml").write_text(settings)
    node = {
        "name": "rack-1",
        "privateIp": "10.80.0.11",
        "activationId": "a-1",
        "activationExpires": "2026-11-26",
    }
    pulumi(json.dumps({**OUTPUTS, "hybridNodes": [node]}))
    found = {one.name: one for one in subject.find(stack="dev", outputs=None, project_dir=project).machines}
    assert found["rack-1"] == Machine(name="rack-1", activation_id="a-1", private_ip="10.80.0.11", own=True)
    assert found["rack-2"] == Machine(name="rack-2", private_ip="10.80.0.12", own=True)
    assert not found["hybrid-1"].own


STATE = {
    "deployment": {
        "resources": [
            {"urn": "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev"},
            {"urn": "urn:pulumi:dev::p::aws:eks/cluster:Cluster::eks-eksCluster"},
        ],
        "pending_operations": [
            {"resource": {"urn": "urn:pulumi:dev::p::aws:ec2/vpc:Vpc::eks"}, "type": "creating"}
        ],
    }
}


def test_the_state_is_read_with_what_a_killed_run_was_at(project: Path) -> None:
    file = project / "bin" / "pulumi"
    history = [{"kind": "refresh", "result": "succeeded"}, {"kind": "destroy", "result": "failed"}]
    file.write_text(
        '#!/bin/sh\ncase "$2" in\n'
        f"export) echo '{json.dumps(STATE)}';;\nhistory) echo '{json.dumps(history)}';;\n*) echo '{{}}';; esac\n"
    )
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    state = subject.find(stack="dev", outputs=None, project_dir=project).state
    assert state is not None
    assert state.has_cluster
    assert state.pending == ("urn:pulumi:dev::p::aws:ec2/vpc:Vpc::eks (creating)",)
    assert state.last == "refresh succeeded"
    assert state.removing


HALF = ("urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev", "urn:pulumi:dev::p::aws:ec2/vpc:Vpc::eks")
WHOLE = (*HALF, "urn:pulumi:dev::p::aws:eks/cluster:Cluster::eks")


@pytest.mark.parametrize(
    ("urns", "updates", "removing"),
    [
        (HALF, [("destroy", "failed")], True),
        (WHOLE, [("refresh", "succeeded"), ("destroy", "in-progress")], True),
        (HALF[:1], [("destroy", "failed")], False),
        (WHOLE, [("update", "failed"), ("destroy", "failed")], False),
        (HALF, [("update", "failed")], False),
        # The engine was killed: there is no record of the destroy.
        (HALF, [("update", "succeeded")], True),
        # Somebody deleted the cluster by hand and refreshed.
        (HALF, [("refresh", "succeeded"), ("update", "succeeded")], False),
        (HALF, [], False),
    ],
)
def test_a_destroy_that_has_not_ended_is_told_from_a_stack_that_is_being_built(
    urns: tuple[str, ...], updates: list[tuple[str, str]], removing: bool
) -> None:
    assert subject._removing(urns, updates) is removing


def test_the_selected_stack_is_taken_when_none_is_named(project: Path, pulumi: Callable[..., None]) -> None:
    (project / "Pulumi.other.yaml").write_text("config: {aws:region: us-east-1}")
    pulumi("{}", selected="other")
    assert subject.find(stack=None, outputs=None, project_dir=project).region == "us-east-1"


def test_the_only_stack_is_taken_without_a_cli(project: Path) -> None:
    found = subject.find(stack=None, outputs=None, project_dir=project)
    assert found.stack == "dev"
    assert "pulumi could not be started" in found.notes[0]


def test_a_cli_that_fails_is_a_note(project: Path, pulumi: Callable[..., None]) -> None:
    pulumi("", code=255, error="error: no stack named dev found")
    found = subject.find(stack="dev", outputs=None, project_dir=project)
    assert found.notes == ("no stack outputs: pulumi stack output: error: no stack named dev found",)


@pytest.mark.parametrize(
    "values",
    [
        {"checks": None, "hybridNodes": None, "kubeconfig": None},
        {"checks": 3, "hybridNodes": 3, "kubeconfig": "no json", "clusterName": 3},
        {"checks": {"targetGroups": 3, "remoteNodeNetworks": 3, "region": None}, "hybridNodes": [3, {}]},
    ],
)
def test_outputs_of_any_shape_are_taken(project: Path, values: object) -> None:
    found = subject.find(stack="dev", outputs=_file(project, values), project_dir=project)
    assert found.cluster_name == "eks-hybrid"
    assert found.kubeconfig is None
    assert found.target_groups == {}


@pytest.mark.parametrize("text", ["no json", "[1]", ""])
def test_a_file_that_is_no_json_object_is_refused(project: Path, text: str) -> None:
    with pytest.raises(AskError) as error:
        subject.find(stack="dev", outputs=_file(project, text), project_dir=project)
    assert "is not a JSON object" in error.value.seen
    assert "pulumi stack output --json" in CAUSES[error.value.code].fix


def test_a_file_that_is_not_there_is_refused(project: Path) -> None:
    with pytest.raises(AskError, match="No such file"):
        subject.find(stack="dev", outputs=str(project / "none"), project_dir=project)


def test_settings_that_cannot_be_read_are_a_note(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text("config: [unclosed")
    found = subject.find(stack="dev", outputs=_file(project, OUTPUTS), project_dir=project)
    assert "no settings: Pulumi.dev.yaml" in found.notes[0]


def test_without_region_or_cluster_nothing_can_be_looked_at(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text("config: {}")
    with pytest.raises(AskError, match=r"Pulumi\.dev\.yaml name a region"):
        subject.find(stack="dev", outputs=None, project_dir=project)


def test_the_region_of_the_environment_does_when_no_other_is_known(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "Pulumi.dev.yaml").write_text("config: {}")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert subject.find(stack="dev", outputs=None, project_dir=project).region == "eu-west-1"


def test_the_kubeconfig_is_in_no_repr(project: Path) -> None:
    found = subject.find(stack="dev", outputs=_file(project, OUTPUTS), project_dir=project)
    assert "planted-token" not in repr(found)


def test_the_settings_of_the_example_stack_are_understood(tmp_path: Path) -> None:
    found = subject.find(stack="dev", outputs=_file(tmp_path, {}))
    assert (found.project, found.tag) == ("eks-hybrid-calico", "eks-hybrid-calico/dev")
    assert (found.region, found.cluster_name) == ("ap-northeast-1", "eks-hybrid")
    assert [machine.name for machine in found.machines] == ["hybrid-1", "hybrid-2"]
