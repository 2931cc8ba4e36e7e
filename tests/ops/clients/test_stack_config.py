"""Where a stack's settings are read from, and what is said of those that cannot be seen."""

import json
import stat
from pathlib import Path

import pytest

from ops.clients.stack_config import stack_config
from ops.clients.stack_file import StackFileError

SECRET = (
    "config:\n  aws:region: eu-west-1\n  podCidr: {secure: v1:abc}\n  apiAllowedCidrs: [{secure: v1:d}]\n"
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project's folder, on a machine without the Pulumi CLI."""
    (tmp_path / "Pulumi.yaml").write_text(
        "name: eks-hybrid-calico\nruntime: python\nconfig:\n  podCidr: {type: string, default: 192.168.0.0/16}\n"
    )
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def write(text: str) -> Path:
        (tmp_path / "Pulumi.dev.yaml").write_text(text)
        return tmp_path

    return write


@pytest.fixture
def pulumi(tmp_path):
    def install(answer: str, code: int = 0) -> None:
        (tmp_path / "answer").write_text(answer)
        program = tmp_path / "bin" / "pulumi"
        program.write_text(
            f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n/bin/cat {tmp_path}/answer\nexit {code}\n'
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    return install


def answered(**values):
    return json.dumps({f"eks-hybrid-calico:{key}": value for key, value in values.items()})


def test_the_file_is_the_source_without_a_cli(project):
    found = stack_config(project("config: {aws:region: eu-west-1}"), "dev")
    assert found.source == "Pulumi.dev.yaml"
    assert found.values == {"aws:region": "eu-west-1", "eks-hybrid-calico:podCidr": "192.168.0.0/16"}
    assert found.notes == ("Settings are read from Pulumi.dev.yaml.",)


def test_the_cli_is_the_better_source(project, pulumi, tmp_path):
    folder = project(SECRET)
    pulumi(answered(podCidr={"value": "192.0.2.0/24", "secret": True}, clusterName={"value": "mine"}))
    found = stack_config(folder, "acme/x/dev")
    assert found.source == "pulumi config --stack acme/x/dev"
    assert found.values["eks-hybrid-calico:podCidr"] == "192.0.2.0/24"
    assert found.hidden == ()
    assert "--show-secrets --non-interactive --stack acme/x/dev" in (tmp_path / "calls").read_text()


def test_what_the_cli_decrypts_is_not_shown(project, pulumi):
    pulumi(answered(apiAllowedCidrs={"value": '["198.51.100.7/32"]', "secret": True}))
    found = stack_config(project(SECRET), "dev")
    assert found.concealed("tcp 443 from 198.51.100.7/32") == "tcp 443 from [secret]"
    assert "198.51.100" not in repr(found).replace(repr(found.values), "")


@pytest.mark.parametrize(("answer", "code"), [("", 255), ("not JSON", 0), ("[]", 0), ("{}", 0)])
def test_a_cli_that_knows_no_such_stack_leaves_the_file(project, pulumi, answer, code):
    pulumi(answer, code)
    assert stack_config(project(SECRET), "dev").source == "Pulumi.dev.yaml"


def test_secrets_and_environments_are_named(project):
    found = stack_config(project("environment: [team/aws-dev]\n" + SECRET), "dev")
    assert found.hidden == ("eks-hybrid-calico:podCidr", "eks-hybrid-calico:apiAllowedCidrs")
    text = " ".join(found.notes)
    assert "Secret, so not seen here: eks-hybrid-calico:podCidr, eks-hybrid-calico:apiAllowedCidrs." in text
    assert "Not opened: environment team/aws-dev." in text


def test_a_secret_that_is_tried_with_a_value_is_no_longer_unseen(project):
    found = stack_config(
        project(SECRET), "dev", {"podCidr": "10.0.0.0/16", "apiAllowedCidrs[0]": "192.0.2.0/24"}
    )
    assert found.hidden == ()
    assert found.values["eks-hybrid-calico:podCidr"] == "10.0.0.0/16"


def test_no_advice_overwrites_a_secret(project):
    found = stack_config(project(SECRET), "dev")
    own = "eks-hybrid-calico:podCidr 192.168.0.0/16 is bad. Choose another, e.g. pulumi config set podCidr 10.0.0.0/16"
    other = "eks-hybrid-calico:vpcCidr x overlaps podCidr 192.168.0.0/16. Choose one, e.g. pulumi config set vpcCidr y"
    for problem in (own, other):
        said = found.explained(problem)
        assert "pulumi config set" not in said
        assert "eks-hybrid-calico:podCidr is a secret of this stack, which is not seen here" in said
        assert said.endswith("Leave it as it is")
    plain = "eks-hybrid-calico:clusterName x! is bad. Set one, e.g. pulumi config set clusterName y"
    assert found.explained(plain) == plain


def test_a_setting_that_an_environment_may_supply_is_not_advised_to_be_set(project):
    found = stack_config(project("environment: [team/aws-dev]\n"), "dev")
    said = found.explained(
        "aws:region is not set. Set the region, e.g. pulumi config set aws:region eu-west-1"
    )
    assert "environment team/aws-dev" in said
    assert "pulumi config set" not in said


@pytest.mark.parametrize("path", ["podCidr[0]", "podCidr.a", "nodes[99999999]", "aws:"])
def test_an_override_that_fits_nowhere_is_an_error_in_words(project, path):
    with pytest.raises(StackFileError, match="there is no place"):
        stack_config(project(SECRET.replace("podCidr", "x")), "dev", {path: "1"})


def test_a_broken_project_file_is_an_error_in_words(project):
    folder = project("config: {}")
    (folder / "Pulumi.yaml").write_text("name: [\n")
    with pytest.raises(StackFileError, match=r"Pulumi\.yaml, line 2: "):
        stack_config(folder, "dev")


def test_a_stack_without_a_file_is_said_to_be_missing(project):
    with pytest.raises(FileNotFoundError):
        stack_config(project("config: {}"), "prod")


def test_names_without_a_namespace_are_the_projects_whatever_it_is_called(project):
    folder = project("config: {aws:region: eu-west-1, podCidr: 10.20.0.0/16}")
    (folder / "Pulumi.yaml").write_text("name: acme-edge\nconfig: {podCidr: {default: 192.168.0.0/16}}\n")
    found = stack_config(folder, "dev", {"vpcCidr": "10.30.0.0/16"})
    assert found.values == {
        "aws:region": "eu-west-1",
        "acme-edge:podCidr": "10.20.0.0/16",
        "acme-edge:vpcCidr": "10.30.0.0/16",
    }
    assert (found.project, found.value("podCidr")) == ("acme-edge", "10.20.0.0/16")
