"""What can happen to a `pulumi up`, and what the documents say to do then."""

import json
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from types import SimpleNamespace
from typing import Any

from ops.clients.leftovers import Names
from ops.ready.checks import unrecorded
from tests.engine.aws_account import Account
from tests.engine.conftest import Rig
from tests.engine.harness import PROJECT, Run, name_of
from tests.engine.standin import refusals
from tests.engine.standin.world import ACTIVATION, TARGET
from tests.engine.stopping import CallCount, descendants, send, settle

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ROUTE = "aws:ec2/route:Route"
EDITED = "edited by a colleague"
NAMES = Names(project=PROJECT, stack="test", region="eu-central-1", cluster="eks-hybrid")
# What is made in a living stack.
_MADE = (
    ACTIVATION,
    INGRESS,
    ROUTE,
    TARGET,
    "aws:ec2/instance:Instance",
    "aws:eks/accessEntry:AccessEntry",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:lb/listener:Listener",
    "aws:lb/targetGroup:TargetGroup",
)
# What a colleague deletes by hand; nothing has its id.
_LOOSE = (INGRESS, ROUTE, TARGET, "aws:lb/listener:Listener")


def join(rig: Rig) -> None:
    """Let the machine of each activation join."""
    for resource in rig.stack.resources():
        if resource["type"] == ACTIVATION and not resource.get("delete"):
            rig.apis.join(resource["id"], name_of(resource["urn"]).partition(".")[0])


def account_of(rig: Rig) -> Account:
    """What a stack has in AWS."""
    return Account(rig.stack.standin / "journal.jsonl", rig.stack.pulumi)


def printed(account: Account, deployment: dict[str, Any]) -> list[str]:
    """The commands that `ops ready` prints for what AWS has and the state has not, in their order."""
    context: Any = SimpleNamespace(
        stack=NAMES.stack,
        cli=lambda *_: SimpleNamespace(exit_code=0, stdout=json.dumps({"deployment": deployment})),
        wanted=SimpleNamespace(stack_tag=NAMES.tag, region=NAMES.region, cluster=NAMES.cluster),
        aws=account,
    )
    outcome = unrecorded.state.run(context)
    return [command for problem in outcome.problems for command in problem.fix.split(" && ")]


def mend(rig: Rig) -> list[str]:
    """Run what is printed until nothing is; return it."""
    account = account_of(rig)
    commands = printed(account, rig.stack.state())
    for command in commands:
        account.run(command)
    assert printed(account, rig.stack.state()) == []
    return commands


def _up(rig: Rig, _chance: Random) -> tuple[Run, bool]:
    return rig.stack.up(succeeds=None), False


def _killed(rig: Rig, chance: Random) -> tuple[Run, bool]:
    """Kill the engine after some changes; then what docs/changes.md says."""
    stack, changes = rig.stack, chance.randint(1, 5)
    done, started = CallCount(stack, "Create", "Update", "Delete"), time.monotonic()
    stack.order(slow_answer=0.3)
    process = stack.start("up", "--yes", "--skip-preview")
    with ThreadPoolExecutor(1) as reader:
        end = reader.submit(stack.finish, process, started)
        while not end.done():
            if done.count() >= changes:
                send((process.pid, *descendants(process.pid)), signal.SIGKILL)
                break
            time.sleep(0.1)
    stack.order()
    if end.result().code != -signal.SIGKILL:
        return end.result(), False
    settle(stack)
    mend(rig)
    return stack.up(), True


def _answer_lost(rig: Rig, chance: Random) -> tuple[Run, bool]:
    """Lose the answers to creations of some types: the provider's second try is refused."""
    rig.stack.order(lost=chance.sample(_MADE, 5))
    run = rig.stack.up(succeeds=None)
    rig.stack.order()
    # Whatever failed, some of it was made.
    lost = "connection reset by peer" in run.text or (
        run.code != 0 and bool(printed(account_of(rig), rig.stack.state()))
    )
    if not lost:
        return run, False
    mend(rig)
    return rig.stack.up(), True


def _throttled(rig: Rig, chance: Random) -> tuple[Run, bool]:
    """Refuse all calls for some types, more often than the provider tries again; then once more."""
    rig.stack.order(throttled=chance.sample(_MADE, 5))
    run = rig.stack.up(succeeds=None)
    rig.stack.order()
    hit = "ThrottlingException" in run.text
    return rig.stack.up() if hit else run, hit


def _edited(rig: Rig, chance: Random) -> tuple[Run, bool]:
    """Let a colleague delete something by hand before the change; `--refresh` finds it."""
    world = rig.stack.world()
    loose = [
        thing
        for thing in world
        if thing.token in _LOOSE and thing.outputs and not refusals.deletion(world, thing)
    ]
    rig.stack.lose(chance.choice(loose).id)
    return rig.stack.pulumi("up", "--yes", "--skip-preview", "--refresh", succeeds=None), True


# What is done, and whether it has hit something.
BROKEN: dict[str, Callable[[Rig, Random], tuple[Run, bool]]] = {
    "": _up,
    "killed": _killed,
    "answer lost": _answer_lost,
    "throttled": _throttled,
    EDITED: _edited,
}
