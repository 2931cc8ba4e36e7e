"""The order of a run, and that the removal comes last whatever happens; signals are real ones."""

from xml.etree import ElementTree as Xml

import pytest

from tests.ops.acceptance.conftest import operation

BEFORE = ["stack", "ready", "plan", "preview", "agree"]
AFTER = [
    *("up", "again", "verify", "article", "add", "verify-add", "change", "verify-change"),
    *("remove", "verify-remove", "upgrade", "verify-upgrade"),
]
REMOVAL = ["destroy", "verify-destroyed", "stack rm"]
# What can be refused: the question is asked of the user, not of a program.
FAILING = [step for step in BEFORE + AFTER if step != "agree"]


def test_a_run_takes_every_step_in_order_and_removes_the_stack(tell, world):
    run = tell()
    assert world.log == BEFORE + AFTER + REMOVAL
    assert run.passed
    assert set(run.statuses.values()) == {"pass"}
    assert run.found.commands == []


def test_without_upgrade_there_is_none_and_its_claim_stays_open(tell, world):
    run = tell(upgrade=False)
    assert "upgrade" not in world.log
    assert run.passed
    assert world.settings["kubernetesVersion"] == "1.36"
    assert "| The next Kubernetes minor is one `pulumi up` | not shown |" in run.report


def test_an_upgrade_begins_one_minor_lower_and_ends_at_the_one_of_the_settings(tell, world):
    run = tell()
    assert "Kubernetes 1.35" in run.found.taken[0].text
    assert world.settings["kubernetesVersion"] == "1.36"


def test_the_added_node_is_as_the_first_and_is_gone_from_the_settings_at_the_end(tell, world):
    world.failing.add("verify-change")
    tell()
    assert world.settings["hybridNodes[1].name"] == "added"
    assert world.settings["hybridNodes[1].instanceType"] == "t4g.large"
    assert world.settings["hybridNodes[1].os"] == "al2023"


def test_the_removed_node_is_gone_from_the_settings(tell, world):
    tell()
    assert not any(key.startswith("hybridNodes[1]") for key in world.settings)


@pytest.mark.parametrize("step", FAILING)
def test_a_failure_ends_the_story_and_the_stack_is_removed(tell, world, step):
    world.failing.add(step)
    run = tell()
    assert not run.passed
    assert run.statuses[step] == "fail"
    later = (BEFORE + AFTER)[(BEFORE + AFTER).index(step) + 1 :]
    assert {run.statuses[each] for each in later} <= {"not taken"}
    assert not set(later) & set(world.log)
    assert_removed(world, built=step in AFTER, made=step != "stack")
    assert ("doctor" in world.log) is (step in AFTER)


@pytest.mark.parametrize("step", BEFORE + AFTER)
def test_ctrl_c_ends_the_step_and_the_stack_is_removed(tell, world, step):
    world.hanging[step] = 1
    run = tell()
    assert run.stopped == "Ctrl-C"
    assert run.statuses[step] == "stopped"
    # A stack whose making was stopped may be there.
    assert_removed(world, built=step in AFTER, made=True)
    assert "doctor" not in world.log


def assert_removed(world, *, built, made):
    if built:
        assert world.log[-3:] == REMOVAL
    else:
        # Nothing is in AWS: only the stack has to go, where it was made.
        assert ("stack rm" in world.log) is made
        assert not {"destroy", "verify-destroyed"} & set(world.log)


def test_ctrl_c_while_the_stack_is_being_removed_is_noted_and_the_removal_goes_on(tell, world):
    world.hanging["destroy"] = 1
    run = tell()
    assert world.log[-2:] == REMOVAL[-2:]
    assert run.stopped == "Ctrl-C"
    assert "The stack is being removed, which goes on." in world.text


def test_a_second_ctrl_c_stops_the_removal_and_what_is_left_is_named(tell, world):
    world.hanging["destroy"] = 2
    world.failing.add("destroy")
    run = tell()
    assert "verify-destroyed" not in world.log
    assert "stack rm" not in world.log
    assert_named(run, world)


def test_a_time_limit_ends_the_step_and_the_stack_is_removed(tell, world):
    world.hanging["up"] = -1
    run = tell(limit_s=2)
    assert run.stopped.startswith("the time limit of")
    assert run.statuses["up"] == "stopped"
    assert world.log[-3:] == REMOVAL


def test_a_destroy_that_fails_once_is_tried_again_with_a_refresh(tell, world):
    world.failing.add("destroy")
    run = tell()
    assert world.log[-5:] == ["destroy", "cancel", "destroy with refresh", "verify-destroyed", "stack rm"]
    assert run.passed


def test_a_destroy_that_fails_twice_names_what_is_left_with_the_commands(tell, world):
    world.failing |= {"destroy", "destroy with refresh"}
    run = tell()
    assert not run.passed
    assert world.log.count("verify-destroyed") == 1
    assert "stack rm" not in world.log
    assert_named(run, world)


def assert_named(run, world):
    for text in (world.text, run.report):
        assert "aws:ec2/vpc:Vpc eks (in the stack's state)" in text
        assert "pulumi destroy --stack acceptance-1a2b3c" in text
        assert "ops verify --destroyed --stack acceptance-1a2b3c" in text


def test_what_the_destroy_did_not_find_is_named_with_the_command_that_removes_it(tell, world):
    world.failing.add("verify-destroyed")
    run = tell()
    assert not run.passed
    assert "stack rm" not in world.log
    for text in (world.text, run.report):
        assert "vpc-1 is there" in text
        assert "aws ec2 delete-vpc" in text


def test_a_stack_that_is_kept_is_not_touched_and_the_report_says_how_to_remove_it(tell, world):
    world.failing.add("verify-add")
    run = tell(keep=True)
    assert not set(REMOVAL) & set(world.log)
    assert "The stack was kept (--keep)" in run.report
    assert "pulumi destroy --stack acceptance-1a2b3c" in run.report


def test_who_does_not_agree_gets_nothing_built(tell, world):
    world.agrees = False
    run = tell()
    assert "up" not in world.log
    assert world.log[-1] == "stack rm"
    assert run.statuses["agree"] == "stopped"


def test_what_it_may_cost_is_said_before_the_question(tell, world):
    tell()
    assert "NAT gateway: 2, by hour" in world.text
    assert "pulumi up takes about 16m40s (15m00s to 25m00s)" in world.text


@pytest.mark.parametrize(
    ("step", "done", "problem"),
    [
        ("again", [operation("update")], "the second pulumi up changed something"),
        ("add", [operation("create"), operation("delete")], "machines removed: hybrid-1; expected 0"),
        ("add", [], "machines created: none; expected 1"),
        (
            "change",
            [operation("create", "new", started=5, ended=15), operation("delete", "old", started=9)],
            "old was removed before new was there",
        ),
        ("remove", [operation("delete"), operation("delete", "hybrid-2")], "hybrid-1, hybrid-2; expected 1"),
        (
            "upgrade",
            [operation("create-replacement", "eks", "aws:eks/cluster:Cluster")],
            "aws:eks/cluster:Cluster eks: create-replacement",
        ),
    ],
)
def test_a_change_that_touches_what_it_should_not_is_a_failure(tell, world, step, done, problem):
    world.done[step] = done
    run = tell()
    assert run.statuses[step] == "fail"
    assert problem in run.report


def test_the_articles_checks_are_asked_by_name(tell, world):
    tell()
    only = world.asked["article"][world.asked["article"].index("--only") + 1]
    assert r"net\.ping" in only
    assert r"lb\.hybrid-pod" in only


def test_nothing_in_the_folder_holds_a_secret(tell, world):
    world.failing.add("change")
    run = tell()
    for path in run.folder.iterdir():
        text = path.read_text()
        assert world.secret not in text, path.name
        assert "AKIAABCDEFGHIJKLMNOP" not in text, path.name
    assert "AKIAABCDEFGHIJKLMNOP" not in world.text
    assert run.folder.stat().st_mode & 0o077 == 0


def test_a_failed_check_refutes_what_rests_on_it_and_the_rest_is_not_shown(tell, world):
    world.failing.add("verify")
    run = tell()
    assert "| One `pulumi up` builds everything, without a manual step | not true here |" in run.report
    assert "| A hybrid node is removed without touching the others | not shown |" in run.report
    assert "vpc-1 is there" in run.report


def test_junit_has_a_case_for_each_step_and_each_claim(tell, world):
    world.failing.add("verify-add")
    run = tell()
    suites = Xml.fromstring(run.junit)  # noqa: S314 - it is our own
    steps, claims = suites
    assert int(steps.get("tests", "0")) == len(steps) == len(run.statuses)
    assert int(steps.get("failures", "0")) == len(steps.findall("testcase/failure")) == 1
    assert len(claims) > 10
    assert claims.find("testcase/failure") is not None
