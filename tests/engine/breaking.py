"""What can happen to a `pulumi up`, and what the documents say to do then."""

from __future__ import annotations

import contextlib
import json
import os
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
from tests.engine.standin.world import TARGET
from tests.engine.stopping import CallCount, descendants

ACTIVATION = "aws:ssm/activation:Activation"
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


def _up(rig: Rig, _chance: Random) -> Run:
    return rig.stack.up(succeeds=None)


def _killed(rig: Rig, chance: Random) -> Run:
    """Kill the engine after some changes; then what docs/changes.md says."""
    stack, changes = rig.stack, chance.randint(1, 12)
    done, started = CallCount(stack, "Create", "Update", "Delete"), time.monotonic()
    stack.order(slow_answer=0.3)
    process = stack.start("up", "--yes", "--skip-preview")
    with ThreadPoolExecutor(1) as reader:
        end = reader.submit(stack.finish, process, started)
        while not end.done():
            if done.count() >= changes:
                for each in (process.pid, *descendants(process.pid)):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(each, signal.SIGKILL)
                break
            time.sleep(0.1)
    stack.order()
    if end.result().code != -signal.SIGKILL:
        return end.result()
    stack.pulumi("cancel", "--yes")
    stack.pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    mend(rig)
    return stack.up()


def _answer_lost(rig: Rig, chance: Random) -> Run:
    """Lose the answers to creations of a type: the provider's second try is refused."""
    rig.stack.order(lost=[chance.choice(_MADE)])
    run = rig.stack.up(succeeds=None)
    rig.stack.order()
    if "connection reset by peer" in run.text or _half_way(rig, run):
        mend(rig)
        return rig.stack.up()
    return run


def _throttled(rig: Rig, chance: Random) -> Run:
    """Refuse all calls for a type, more often than the provider tries again; then once more."""
    rig.stack.order(throttled=[chance.choice(_MADE)])
    run = rig.stack.up(succeeds=None)
    rig.stack.order()
    return rig.stack.up() if "ThrottlingException" in run.text else run


def _edited(rig: Rig, chance: Random) -> Run:
    """Let a colleague delete something by hand before the change; `--refresh` finds it."""
    world = rig.stack.world()
    loose = [
        thing
        for thing in world
        if thing.token in _LOOSE and thing.outputs and not refusals.deletion(world, thing)
    ]
    rig.stack.lose(chance.choice(loose).id)
    return rig.stack.pulumi("up", "--yes", "--skip-preview", "--refresh", succeeds=None)


def _half_way(rig: Rig, run: Run) -> bool:
    """Tell whether a run failed although its settings are possible: some of it was made."""
    return run.code != 0 and bool(printed(account_of(rig), rig.stack.state()))


BROKEN: dict[str, Callable[[Rig, Random], Run]] = {
    "": _up,
    "killed": _killed,
    "answer lost": _answer_lost,
    "throttled": _throttled,
    EDITED: _edited,
}
