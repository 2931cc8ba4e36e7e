"""What the command line takes, and what it refuses before anything is made."""

import io
import json
import re
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from ops.acceptance import command
from ops.acceptance.command import hybrid_nodes, settings_of
from ops.acceptance.story import StepError, previous_minor
from ops.cli import app

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def no_region(monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments):
    return CliRunner().invoke(app, ["acceptance", *arguments])


def test_without_a_region_nothing_begins():
    done = run()
    assert done.exit_code == 2
    assert "--region ap-northeast-1" in done.stderr


def test_a_folder_that_is_there_is_not_written_over(tmp_path):
    done = run("--region", "eu-central-1", "--folder", str(tmp_path))
    assert done.exit_code == 2
    assert "Name a folder that is not there" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_pulumi_the_report_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run("--region", "eu-central-1", "--folder", str(tmp_path / "report"), "--yes")
    assert done.exit_code == 2
    assert "https://www.pulumi.com/docs/install/" in (tmp_path / "report" / "report.md").read_text()


def test_without_a_terminal_nothing_is_built_unless_told_to(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert command._asked() is False
    assert "--yes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        ("availabilityZones", "not KEY=VALUE"),
        ("=3", "not KEY=VALUE"),
        ("clusterName=mine", "names its cluster itself"),
        ("hybridNodes=[]", "by path"),
        (
            "site.nodeCidrs[0]=10.80.0.0/16",
            "site.nodeCidrs.0.: .*cannot join a machine of your own.*ops join NAME",
        ),
        ('site={"routes": "none"}', "site: a run makes its hybrid nodes itself"),
        ("eks-hybrid-calico:site.routes=none", "docs/data-centre.md"),
        ("hybridNodes[0].address=10.80.0.11", "Leave site and hybridNodes"),
        ("hybridNodes[1].architecture=arm64", "Leave site and hybridNodes"),
    ],
)
def test_what_a_run_sets_itself_cannot_be_set(pair, says):
    with pytest.raises(typer.BadParameter, match=says):
        settings_of([pair])


def test_a_data_centre_of_ones_own_is_refused_before_anything_is_made(tmp_path):
    done = run("--region", "eu-central-1", "--folder", str(tmp_path / "report"), "-c", "site.routes=none")
    assert done.exit_code == 2
    assert "cannot join a machine of your own" in " ".join(done.stderr.replace("│", "").split())
    assert list(tmp_path.iterdir()) == []


def test_settings_name_at_least_one_hybrid_node():
    assert settings_of(["eks-hybrid-calico:availabilityZones=3"]) == {
        "availabilityZones": "3",
        "hybridNodes[0].name": "hybrid-1",
    }
    assert hybrid_nodes(settings_of([])) == 1
    assert hybrid_nodes(settings_of(["hybridNodes[1].name=b", "hybridNodes[2].name=c"])) == 3


def test_the_minor_before_is_one_of_the_table():
    assert previous_minor("1.36") == "1.35"
    for unknown in ("1.33", "1.99"):
        with pytest.raises(StepError, match="kubernetesVersion"):
            previous_minor(unknown)


@pytest.fixture(scope="module")
def workflow():
    return yaml.safe_load((ROOT / ".github" / "workflows" / "acceptance.yml").read_text())


def test_the_workflow_runs_alone_and_outlives_the_runs_own_limit(workflow):
    (job,) = workflow["jobs"].values()
    assert workflow["concurrency"] == {"group": "acceptance", "cancel-in-progress": False}
    (command,) = [step["run"] for step in job["steps"] if "make acceptance" in step.get("run", "")]
    limit = int(command.partition("--limit ")[2].split()[0])
    credentials = next(step["with"] for step in job["steps"] if "role-to-assume" in step.get("with", {}))
    # Two removals after the limit, and credentials for all of it.
    assert job["timeout-minutes"] >= limit + 120
    assert int(credentials["role-duration-seconds"]) >= 60 * job["timeout-minutes"]


def test_the_workflow_signs_in_without_a_key_and_as_the_trust_policy_says(workflow):
    (job,) = workflow["jobs"].values()
    assert workflow["permissions"] == {"contents": "read", "id-token": "write"}
    (statement,) = json.loads((ROOT / "docs/policies/trust-github.json").read_text())["Statement"]
    subject = statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject.endswith(f":environment:{job['environment']}")
    assert "AWS_SECRET_ACCESS_KEY" not in str(workflow)


def test_the_workflow_gives_only_options_that_there_are(workflow):
    (job,) = workflow["jobs"].values()
    options = set(re.findall(r"--[a-z-]+", f"{job['env']['UPGRADE']} {job['steps'][-2]['run']}"))
    known = set(re.findall(r"--[a-z-]+", run("--help").output))
    assert {"--yes", "--limit", "--folder", "--upgrade"} == options
    assert options <= known
