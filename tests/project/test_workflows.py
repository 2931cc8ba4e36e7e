"""The workflows: what they run is pinned, each job ends, and the CLI is of the SDK's release."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it(path):
    actions = re.findall(r"uses: (.*)", path.read_text())
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_an_action_has_the_same_commit_in_every_workflow():
    actions = {action for path in WORKFLOWS for action in re.findall(r"uses: (.*)", path.read_text())}
    assert len({action.partition("@")[0] for action in actions}) == len(actions), sorted(actions)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_job_has_a_limit_and_every_workflow_says_what_runs_at_once(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"]["contents"] in ("read", "write")
    assert workflow["concurrency"]["group"]
    assert [name for name, job in workflow["jobs"].items() if "timeout-minutes" not in job] == []


def test_the_cli_of_the_workflows_is_of_the_sdks_release():
    (sdk,) = re.findall(r"^pulumi==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert (ROOT / ".ci/pulumi-version").read_text() == f"{sdk}\n"
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            for step in job["steps"]:
                if step.get("uses", "").startswith("pulumi/actions@"):
                    assert step["with"] == {"pulumi-version-file": ".ci/pulumi-version"}
