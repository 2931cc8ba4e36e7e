"""The command as `make ready` and `make up` start it, on machines that lack things."""

import json

import pytest
from typer.testing import CliRunner

from ops.cli import app

_LOCAL = "^(tools|plan.settings|who)"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose PATH has only what the test puts there, and no credentials."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def fake(name, body):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)

    return fake


def run(*arguments):
    return CliRunner().invoke(app, ["ready", *arguments], env={"COLUMNS": "80"})


def statuses(done):
    return {each["id"]: each["status"] for each in json.loads(done.stdout)["checks"]}


@pytest.mark.usefixtures("machine")
def test_a_machine_without_anything_hears_all_at_once():
    done = run("--only", _LOCAL)
    assert done.exit_code == 1
    for said in ("pulumi is not on the PATH", "aws is not on the PATH", "nobody is signed in to AWS"):
        assert said in done.stdout
    assert "Traceback" not in done.output


def test_a_stack_that_is_not_there_is_said_with_the_command(machine):
    machine(
        "pulumi",
        'case "$*" in *"stack ls"*) echo \'[{"name": "organization/eks-hybrid-calico/device"}]\';; esac',
    )
    machine("aws", "echo aws-cli/2.31.0")
    done = run("--only", _LOCAL, "-o", "json")
    found = statuses(done)
    assert (found["tools.pulumi"], found["tools.aws-cli"], found["tools.backend"]) == ("pass", "pass", "pass")
    assert (found["tools.stack"], found["tools.secrets"]) == ("fail", "blocked")
    assert "pulumi stack init dev" in done.stdout
    assert json.loads(done.stdout)["exitCode"] == done.exit_code == 1


def test_offline_asks_no_account(machine):
    machine("pulumi", 'case "$*" in *"--show-name"*) echo dev;; *) echo v3.259.0;; esac')
    machine("aws", "echo aws-cli/2.31.0")
    done = run("--offline")
    assert done.exit_code == 0, done.output
    assert "who" not in done.stdout


@pytest.mark.usefixtures("machine")
def test_settings_that_are_refused_are_failures_and_no_traceback():
    done = run("--offline", "--stack", "nosuch")
    assert done.exit_code == 1
    assert "There is no stack nosuch" in " ".join(done.stdout.split())


def test_checks_can_be_listed_and_chosen():
    assert "account.vcpus" in run("--list").stdout
    assert run("--only", "nothing").exit_code == 2
