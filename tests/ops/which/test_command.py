"""Which stack is meant: one line, before anything changes."""

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.clients.aws import AwsClient
from ops.clients.errors import AskError


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of another name with a stack that Pulumi has selected."""
    (tmp_path / "Pulumi.yaml").write_text("name: acme-edge\nconfig: {clusterName: {default: eks-hybrid}}\n")
    (tmp_path / "Pulumi.two.yaml").write_text("config: {aws:region: eu-west-1, clusterName: second}\n")
    cli = tmp_path / "pulumi"
    cli.write_text('#!/bin/sh\ncase "$2" in --show-name) echo two;; *) exit 1;; esac\n')
    cli.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(AwsClient, "ask", lambda *_: {"Account": "123456789012"})
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["which", *arguments])


@pytest.mark.usefixtures("project")
def test_the_selected_stack_is_said_with_cluster_region_and_account():
    expected = "Stack acme-edge/two: cluster second, region eu-west-1, account 123456789012\n"
    assert run().stdout == expected
    assert run("--stack", "organization/acme-edge/two").stdout == expected.replace(
        "acme", "organization/acme", 1
    )


@pytest.mark.usefixtures("project")
def test_an_account_that_does_not_answer_is_said_and_stops_nothing(monkeypatch):
    def refuse(*_):
        raise AskError("no credentials", code="credentials-missing")

    monkeypatch.setattr(AwsClient, "ask", refuse)
    done = run()
    assert done.exit_code == 0
    assert done.stdout.endswith("region eu-west-1, account not known (no credentials)\n")


def test_where_none_is_selected_nothing_is_guessed(project):
    (project / "pulumi").write_text("#!/bin/sh\nexit 1\n")
    done = run()
    assert done.exit_code == 2
    assert "no stack is selected" in done.stderr
    assert "pulumi stack select NAME, or name it, --stack NAME (make takes STACK=NAME)" in done.stderr
