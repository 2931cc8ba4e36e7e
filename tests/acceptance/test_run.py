"""What the options of a run may say, the judges of its steps, and the workflow that runs it every week."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ops.verify.catalogue import CHECKS
from tests.acceptance import changes
from tests.acceptance.changes import CLUSTER, INSTANCE
from tests.acceptance.claims import CLAIMS, Claim, Verdict, verdict
from tests.acceptance.engine import Operation
from tests.acceptance.settings import hybrid_nodes, previous_minor, settings_of

ROOT = Path(__file__).parents[2]
STORY = (ROOT / "tests/acceptance/test_story.py").read_text()


def run(*options):
    """A run that cannot begin."""
    command = [sys.executable, "-m", "pytest", "-m", "acceptance", "tests/acceptance", "-q", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={"PATH": ""})


def test_what_cannot_be_built_is_refused_before_anything_is_made(tmp_path):
    folder = ("--region", "eu-central-1", "--folder")
    for options, says in (
        ((), "--region ap-northeast-1"),
        ((*folder, str(tmp_path)), "name a folder that is not there"),
        ((*folder, str(tmp_path / "x"), "--config", "site.routes=none"), "cannot join a machine of your own"),
    ):
        done = run(*options)
        assert done.returncode == 4
        assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_pulumi_the_report_says_how_to_get_it(tmp_path):
    done = run("--region", "eu-central-1", "--folder", str(tmp_path / "report"), "--yes", "--capture=no")
    assert done.returncode == 2
    assert "https://www.pulumi.com/docs/install/" in (tmp_path / "report" / "report.md").read_text()
    assert "not taken" in (tmp_path / "report" / "junit.xml").read_text()


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
    with pytest.raises(pytest.UsageError, match=says):
        settings_of([pair])


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
        with pytest.raises(pytest.UsageError, match="kubernetesVersion"):
            previous_minor(unknown)


# --- what a claim rests on ----------------------------------------------------------------------


def test_every_claim_rests_on_steps_and_checks_that_there_are():
    steps = {name.replace("_", "-") for name in re.findall(r"^def test_(\w+)\(story", STORY, re.MULTILINE)}
    for claim in CLAIMS:
        assert claim.steps or claim.checks, claim.text
        assert set(claim.steps) <= steps
        assert set(claim.checks) <= {check.id for check in CHECKS}


def test_a_claim_is_proved_refuted_or_open():
    claim = Claim(text="it works", steps=("up",), checks=("net.ping",))
    assert verdict(claim, {"up": True}, {"net.ping": ["pass", "warn"]}) == (Verdict.PROVED, "")
    assert verdict(claim, {"up": True}, {"net.ping": ["pass", "fail"]}) == (Verdict.REFUTED, "net.ping")
    assert verdict(claim, {"up": False}, {}) == (Verdict.REFUTED, "up")
    assert verdict(claim, {"up": None}, {"net.ping": ["skip"]}) == (Verdict.OPEN, "up, net.ping")


# --- what the engine may do to machines -----------------------------------------------------------


def operation(op, name="hybrid-1", type_=INSTANCE, started=0, ended=10, failed=False):
    return Operation(op=op, type=type_, name=name, started=started, ended=ended, failed=failed)


NEW = operation("create", "new", started=5, ended=15)


@pytest.mark.parametrize(
    ("judge", "done", "problems"),
    [
        (changes.added, [operation("create")], []),
        (changes.added, [], ["machines created: none; expected 1"]),
        (
            changes.added,
            [NEW, operation("delete")],
            ["machines removed: hybrid-1; expected 0"],
        ),
        (changes.changed, [NEW, operation("delete", "old", started=15, ended=20)], []),
        (
            changes.changed,
            [NEW, operation("delete", "old", started=9)],
            ["old was removed before new was there"],
        ),
        (changes.removed, [operation("delete")], []),
        (
            changes.removed,
            [operation("delete"), operation("delete", "hybrid-2")],
            ["machines removed: hybrid-1, hybrid-2; expected 1"],
        ),
        (changes.upgraded, [operation("update", type_=CLUSTER)], []),
        (
            changes.upgraded,
            [operation("create-replacement", "eks", CLUSTER)],
            [f"{CLUSTER} eks: create-replacement"],
        ),
    ],
)
def test_a_change_touches_nothing_but_what_it_should(judge, done, problems):
    assert judge(done) == problems


# --- every week -----------------------------------------------------------------------------------


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
