"""A first `pulumi up` that is killed, at 20 moments of its run, or whose answers are lost.

What AWS has and the state has not is named with commands. All of them work in the order in which `ops ready` prints
them; after them `up` goes on and `destroy` ends.
"""

import shutil
from typing import Any

import pytest

from infra.names import POD_IDENTITY_RESOURCE
from ops.clients import unrecorded
from ops.clients.errors import AskError
from tests.engine import moments
from tests.engine.aws_account import Account
from tests.engine.breaking import NAMES, account_of, mend, printed
from tests.engine.standin.cloud import CALLER

pytestmark = pytest.mark.engine

# A first up makes about 130 things.
KILLS = [6 * number for number in range(1, 21)]
EARLY, MIDDLE, LATE = 3, 10, 18
# To make one of these again changes nothing, so nobody has to look for them.
REPEATABLE = {
    "aws:autoscaling/attachment:Attachment",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:lb/targetGroupAttachment:TargetGroupAttachment",
}


def settle(rig: Any) -> None:
    """What docs/changes.md says after a kill. Of a state that was copied nobody holds the lock."""
    rig.stack.pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates")


def in_aws(resources: list[dict[str, Any]]) -> set[str]:
    types = ("aws:", POD_IDENTITY_RESOURCE)
    return {each["id"] for each in resources if each["type"].startswith(types) and "id" in each}


@pytest.fixture(scope="module")
def lost(new_rig):
    """A first `up` of which some answers are lost, so that the provider's second try is refused."""
    rig = new_rig()
    rig.stack.order(
        lost=[
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        ]
    )
    # Otherwise the first refusal keeps the others from being tried.
    go_on = ("up", "--yes", "--skip-preview", "--continue-on-error")
    step = rig.stack.step(lambda: rig.stack.pulumi(*go_on, succeeds=False))
    rig.stack.order()
    return rig, step, mend(rig)


@pytest.fixture(scope="module")
def copied(new_rig):
    """A first `up`, and what it would have left at each of the moments. AWS is slow to answer."""
    rig = new_rig()
    rig.stack.order(slow_answer=0.3)
    run, copies = moments.up(rig.stack, KILLS)
    assert run.code == 0, run.text
    assert len(copies) == len(KILLS)
    return rig, copies


@pytest.fixture(scope="module")
def complete(copied, tmp_path_factory):
    """What it has built in the end, as a copy."""
    rig, _ = copied
    journal = tmp_path_factory.mktemp("complete") / "journal.jsonl"
    shutil.copy(rig.stack.standin / "journal.jsonl", journal)
    return Account(journal, lambda *_: None), rig.stack.state()


@pytest.fixture(scope="module")
def finished(copied, complete):
    """The same stack back in the middle of its first `up`, then what the document says, and `up` to its end."""
    assert complete
    rig, copies = copied
    rig = copies[MIDDLE].restored(rig)
    rig.stack.order()
    settle(rig)
    commands, step = mend(rig), rig.stack.step(rig.stack.up)
    yield rig, commands, step
    rig.apis.close()


def test_what_was_made_and_reported_as_failed_is_named(lost):
    _, step, commands = lost
    assert "InvalidPermission.Duplicate" in step.run.text
    assert "Resource.AlreadyAssociated" in step.run.text
    operations = {command.split()[2] for command in commands}
    assert {"revoke-security-group-ingress", "disassociate-route-table"} <= operations


def test_a_destroy_after_lost_answers_ends_once_the_printed_commands_were_run(lost):
    rig, *_ = lost
    rig.stack.destroy()
    assert rig.stack.resources() == []
    assert account_of(rig).there() == []


@pytest.mark.parametrize("number", range(len(KILLS)))
def test_after_the_printed_commands_aws_has_what_the_state_has(number, copied, tmp_path):
    _, copies = copied
    moment = copies[number]
    account = moment.account(tmp_path, lambda *_: None)
    had = {thing.id for thing in account.world}
    for command in printed(account, moment.deployment):
        account.run(command)
    known = in_aws(moment.deployment.get("resources", []))
    # EKS makes the entry of whoever makes a cluster, and it goes with the cluster.
    by_eks = {f"eks-hybrid:{CALLER}"}
    left = [thing for thing in account.world if thing.token.startswith("aws:") and thing.id not in by_eks]
    assert [thing.id for thing in left if thing.token not in REPEATABLE and thing.id not in known] == []
    # What the state has is not what goes.
    assert had & known <= {thing.id for thing in account.world}
    assert printed(account, moment.deployment) == []


def test_the_kills_leave_much_that_the_state_does_not_have(copied, tmp_path):
    _, copies = copied
    operations = set()
    for moment in copies:
        commands = printed(moment.account(tmp_path, print), moment.deployment)
        operations |= {command.split()[2] for command in commands}
    assert len(operations) >= 8


def test_after_the_printed_commands_up_goes_on_to_its_end(finished):
    rig, commands, step = finished
    assert commands
    assert step.run.code == 0
    assert printed(account_of(rig), rig.stack.state()) == []
    rig.stack.pulumi("preview", "--expect-no-changes")


def test_destroy_leaves_nothing_after_that(finished):
    rig, *_ = finished
    rig.stack.destroy()
    assert rig.stack.resources() == []
    assert account_of(rig).there() == []


@pytest.mark.parametrize("number", [EARLY, LATE])
def test_a_destroy_after_a_kill_ends_once_the_printed_commands_were_run(number, finished, copied):
    rig, *_ = finished
    _, copies = copied
    rig = copies[number].restored(rig)
    try:
        settle(rig)
        mend(rig)
        rig.stack.destroy()
        assert rig.stack.resources() == []
        assert account_of(rig).there() == []
    finally:
        rig.apis.close()


def test_everything_that_cannot_be_made_twice_is_looked_for(complete):
    account, state = complete
    types = {resource["type"] for resource in state["resources"] if resource["type"].startswith("aws:")}
    aws: Any = account
    for type_ in types - REPEATABLE:
        of_type = [resource for resource in state["resources"] if resource["type"] == type_]
        rest = {"resources": [each for each in state["resources"] if each["type"] != type_]}
        named = unrecorded.find(aws, NAMES, unrecorded.recorded(rest))
        assert len(named) == len(of_type), f"{type_}: {named}"


def test_what_belongs_to_another_state_is_not_to_be_deleted(complete):
    account, _ = complete
    aws: Any = account
    with pytest.raises(AskError, match="this state has neither"):
        unrecorded.find(aws, NAMES, {})
