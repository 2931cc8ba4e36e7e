"""Walks: a stack goes from settings to settings, and after each step its cloud is what a fresh one would have.

`make walk ARGS="--seed 7 --walks 2 --steps 20"`. After each step one of two holds:

- `pulumi up` refused the change in words that name a setting and a command, and state and cloud are as they were;
- it succeeded, the next preview is empty, and each thing that the program asks for in this preview, with all ids known,
  is in the cloud exactly once and as it was asked for, and nothing else is.

At the end of a walk the same settings are built on an empty stack, and the two clouds are compared (clouds.py); then a
destroy leaves nothing. A walk that fails is shortened to the fewest steps that still fail.
"""

import argparse
import json
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import yaml

from infra.names import POD_IDENTITY_RESOURCE
from tests.engine import breaking, clouds, draws
from tests.engine.conftest import Rig, configured_rig
from tests.engine.draws import Values
from tests.engine.harness import Step, type_of
from tests.engine.moments import Moment
from tests.engine.saved_states import keep, restore, settings_of
from tests.engine.standin import wire
from tests.engine.standin.gateways import TRANSIT_GATEWAY, VPN_GATEWAY
from tests.engine.standin.refusals import POLICY
from tests.engine.standin.world import ACTIVATION, ADD_ON, World

# What a walk begins with, by what the stack has: its settings, and the release whose state it is.
GROUNDS: dict[str, tuple[Values, str]] = {
    "a VPC that plays the data centre": (draws.PLAYED, ""),
    "a data centre of one's own": (draws.OWN, ""),
    "a VPC that was there before": (draws.IN_A_VPC_THAT_EXISTS, ""),
    "a state of release 0.1.0": (settings_of("0.1.0"), "0.1.0"),
    "a data centre of one's own, of release 0.1.0": (
        settings_of("0.1.0-later-own-site"),
        "0.1.0-later-own-site",
    ),
}
CHANGES_OF_THE_CLOUD = ("Create", "Update", "Delete")


@dataclass(frozen=True, kw_only=True)
class Move:
    """One step: a change of `draws.CHANGES` with its seed, and what breaks it, of `breaking.BROKEN`."""

    change: str
    seed: int
    broken: str = ""

    def __str__(self) -> str:
        return f"{self.change} ({self.seed}{f', {self.broken}' if self.broken else ''})"


class FaultError(AssertionError):
    """A property does not hold. `kind` says which, in few words."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}\n{text}")
        self.kind = kind


class Ground:
    """A stack that any number of walks begin on: it is built once and put back before each walk.

    One of an earlier release is upgraded: its state is that of a file of saved_states.py.
    """

    def __init__(self, rig: Rig, base: Values, release: str = "") -> None:
        self.rig, self.base = rig, base
        stack = rig.stack
        for gateway in draws.TRANSIT_GATEWAYS:
            stack.there_is(TRANSIT_GATEWAY, gateway, state="available", accepts=True)
        for gateway in draws.VPN_GATEWAYS:
            stack.there_is(VPN_GATEWAY, gateway, state="available")
        for boundary in draws.BOUNDARIES:
            stack.there_is(POLICY, boundary)
        stack.there_is_a_vpc_of_others(base["aws_region"])
        self.foreign = clouds.to_the_last_byte(stack.world())
        self._empty = self._copied()
        if release:
            restore(stack, release)
            breaking.join(rig)
            kept = keep(stack).items()
            self.base = base | {key: int(text) if text.isdigit() else text for key, text in kept}
        self._file = stack.project / f"Pulumi.{stack.name}.yaml"
        content = yaml.safe_load(self._file.read_text(encoding="utf-8"))
        manifest = ("calicoManifest", "calicoManifestSha256")
        config = content["config"]
        content["config"] = {key: config[key] for key in config if key.endswith(manifest)}
        self._settings = yaml.safe_dump(content)
        self.configure(self.base)
        stack.up()
        self._built = self._copied()

    def _copied(self) -> Moment:
        stack = self.rig.stack
        journal = (stack.standin / "journal.jsonl").read_text(encoding="utf-8")
        return Moment(state=stack.state_text(), journal=journal)

    def configure(self, values: Values) -> None:
        """Let these be all the settings."""
        self._file.write_text(self._settings, encoding="utf-8")
        self.rig.stack.configure(**values)

    def built(self) -> None:
        """Put the stack back to where the first `up` has brought it."""
        self._put_back(self._built, self.base)

    def fresh(self, values: Values) -> World:
        """Build these settings on the empty stack; give its cloud."""
        self._put_back(self._empty, values)
        self.rig.stack.up()
        return self.rig.stack.world()

    def _put_back(self, moment: Moment, values: Values) -> None:
        self.rig = moment.restored(self.rig)
        self.rig.stack.order()
        self.configure(values)


class Walk:
    """One walk on a ground. `counts` says how many moves of which kind came to which end; `tell` is told each end."""

    def __init__(self, ground: Ground, tell: Callable[[str], object] = lambda _: None) -> None:
        self._ground, self._tell, self.values = ground, tell, ground.base
        self.counts: Counter[str] = Counter()

    @property
    def rig(self) -> Rig:
        """The stack."""
        return self._ground.rig

    def run(self, moves: Sequence[Move]) -> None:
        """Walk, and end with a destroy.

        Raises:
            FaultError: a property does not hold.

        """
        self._ground.built()
        breaking.join(self.rig)
        for move in moves:
            end, hit = self._move(move)
            self._tell(f"  {move}: {end}{', broken' if hit else ''}")
            self.counts[f"{move.broken if hit else 'unbroken'}, {end}"] += 1
            self.counts[f"{move.change}: {end}"] += 1
        cloud = self.rig.stack.world()
        self._destroy()
        fresh = self._ground.fresh(self.values)
        only = clouds.differences(cloud, fresh, names=("after the walk", "on a fresh stack"))
        if only:
            raise FaultError("the cloud is not that of a fresh stack", only)

    def _move(self, move: Move) -> tuple[str, bool]:
        """Give how it ended, and whether what was to break it has hit something."""
        values = draws.CHANGES[move.change](Random(move.seed), self.values)
        if values is None or values == self.values:
            return "nothing to do", False
        stack, before = self.rig.stack, _state(self.rig)
        self._ground.configure(values)
        chance = Random(f"{move.seed} {move.broken}")
        try:
            before_calls = len(stack.journal())
            run, hit = breaking.BROKEN[move.broken](self.rig, chance)
        except AssertionError as error:
            raise FaultError(f"what the documents say does not help: {move.broken}", str(error)) from error
        if run.code != 0:
            step = Step(run=run, calls=stack.journal()[before_calls:], resources=[])
            self._refused(step, values, None if move.broken == breaking.EDITED else before)
            self._ground.configure(self.values)
            if move.broken == breaking.EDITED:
                stack.pulumi("up", "--yes", "--skip-preview", "--refresh")
            return "refused", hit
        self.values = values
        breaking.join(self.rig)
        self._is_as_asked_for()
        return "done", hit

    def _refused(self, step: Step, values: Values, before: dict[str, Any] | None) -> None:
        tried = [call.key for call in step.calls if call.kind in CHANGES_OF_THE_CLOUD]
        if tried:
            raise FaultError("a change failed half way", f"{tried}\n{step.run.text}")
        if before is not None:
            after = _state(self.rig)
            changed = [urn for urn in {**before, **after} if before.get(urn) != after.get(urn)]
            if changed:
                raise FaultError("a change that was refused changed the state", f"{changed}\n{step.run.text}")
        changed = [key for key in {*values, *self.values} if values.get(key) != self.values.get(key)]
        names = [key.replace("aws_", "aws:") for key in changed]
        text = " ".join(step.run.text.split())
        said = any(name in text for name in names)
        if not said or not re.search(r"pulumi (config (set|rm)|refresh|up)|ops pin", text):
            raise FaultError("a refusal without the setting or a command", f"{names}\n{step.run.text}")
        if "Traceback" in text:
            raise FaultError("a refusal is a traceback", step.run.text)

    def _is_as_asked_for(self) -> None:
        stack = self.rig.stack
        step = stack.step(lambda: stack.pulumi("preview", "--expect-no-changes", succeeds=None))
        if step.run.code != 0:
            raise FaultError("the next preview is not empty", step.run.text)
        ids = {resource["urn"]: resource.get("id") for resource in step.resources}
        checks = [call for call in step.of("Check") if call.urn in ids]
        asked = [
            clouds.known(call.type, ids[call.urn], wire.plain(call.details["inputs"])) for call in checks
        ]
        agents = [each["inputs"] for each in step.resources if type_of(each["urn"]) == POD_IDENTITY_RESOURCE]
        asked += [clouds.known(ADD_ON, made.id, made.inputs) for made in map(clouds.asked_of_eks, agents)]
        there = [clouds.known(thing.token, thing.id, thing.inputs) for thing in clouds.things(stack.world())]
        wrong = [*_only("asked for", asked, there), *_only("there", there, asked)]
        nodes = set(self.rig.apis.nodes.values())
        activations = {identity for token, identity, _ in there if token == ACTIVATION}
        if nodes != activations:
            wrong.append(f"Node objects of {nodes}, activations {activations}")
        wrong += self._changed_for_others()
        if wrong:
            raise FaultError("the cloud is not what the program asks for", "\n".join(wrong))

    def _changed_for_others(self) -> list[str]:
        there = clouds.to_the_last_byte(self.rig.stack.world())
        return [
            f"somebody else's {key}" for key, text in self._ground.foreign.items() if there.get(key) != text
        ]

    def _destroy(self) -> None:
        stack = self.rig.stack
        run = stack.destroy(succeeds=None)
        left = [f"{thing.token} {thing.id}" for thing in clouds.things(stack.world())]
        left = [each for each in left if not each.startswith("kubernetes:")]
        left += [resource["urn"] for resource in stack.resources()]
        left += [*self.rig.apis.machines, *self.rig.apis.nodes, *self._changed_for_others()]
        if run.code != 0 or left:
            raise FaultError("destroy leaves something", f"{left}\n{run.text}")


def _state(rig: Rig) -> dict[str, Any]:
    """What the state has, but for the providers: these are how to sign in.

    A secret that is the same may be encrypted anew each time.
    """
    resources = [each for each in rig.stack.resources() if not each["type"].startswith("pulumi:providers:")]
    return {
        each["urn"]: re.sub(r'"ciphertext": "[^"]*"', "", json.dumps([each.get("id"), each.get("inputs")]))
        for each in resources
    }


def _only(name: str, these: list[Any], those: list[Any]) -> Iterator[str]:
    return (f"only {name}: {each}" for each in these if these.count(each) > those.count(each))


# --- series -----------------------------------------------------------------------------------------


def drawn(seed: int, steps: int) -> list[Move]:
    """Draw a walk. One move in four is broken."""
    chance = Random(seed)
    broken = [name for name in breaking.BROKEN if name]
    return [
        Move(
            change=chance.choice(sorted(draws.CHANGES)),
            seed=chance.randrange(10**6),
            broken=chance.choice(broken) if chance.random() < 0.25 else "",
        )
        for _ in range(steps)
    ]


def shortened(moves: Sequence[Move], kind: str, fails: Callable[[Sequence[Move]], str]) -> list[Move]:
    """Leave out moves, large parts first, as long as the walk still fails with a fault of this kind."""
    left, size = list(moves), len(moves) // 2
    while size:
        place = 0
        while place < len(left):
            without = left[:place] + left[place + size :]
            if without and fails(without) == kind:
                left = without
            else:
                place += size
        size //= 2
    return left


def fault_of(ground: Ground, moves: Sequence[Move]) -> str:
    """Walk once more; give the kind of the fault, empty when there is none."""
    try:
        Walk(ground).run(moves)
    except FaultError as fault:
        return fault.kind
    return ""


# --- make walk --------------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """Walk, on a stack of each kind by turns, and print what was walked; 1 when a property does not hold."""
    parser = argparse.ArgumentParser(prog="make walk", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of the first walk")
    parser.add_argument("--walks", type=int, default=3, help="how many; each has the next seed")
    parser.add_argument("--steps", type=int, default=12, help="of each walk")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no walk begins after that")
    options = parser.parse_args(arguments)
    folder = shutil.which("pulumi")
    if not folder:
        parser.error('no pulumi on the PATH: PATH="$(.ci/install-pulumi):$PATH"')
    with tempfile.TemporaryDirectory(prefix="walk-") as home:
        return _walk(options, Path(home), Path(folder).resolve().parent)


def _walk(options: argparse.Namespace, home: Path, cli: Path) -> int:
    end, grounds, counts = time.monotonic() + options.minutes * 60, dict[str, Ground](), Counter[str]()
    fault = None
    # By the seed, so that a walk can be had again alone.
    for seed in range(options.seed, options.seed + options.walks):
        if fault or time.monotonic() > end:
            break
        kind, (base, release) = list(GROUNDS.items())[seed % len(GROUNDS)]
        if kind not in grounds:
            grounds[kind] = Ground(configured_rig(home / str(len(grounds)), cli, None), base, release)
        moves, walk = drawn(seed, options.steps), Walk(grounds[kind], _say)
        _say(f"seed {seed}: {len(moves)} steps on a stack with {kind}")
        try:
            walk.run(moves)
        except FaultError as error:
            fault = error
            _say(f"{fault}\nNow the shortest series that fails so ...")
            shortest = shortened(moves, fault.kind, partial(fault_of, grounds[kind]))
            _say(f"On {kind}: {shortest}")
            _say(f'Again: make walk ARGS="--seed {seed} --walks 1 --steps {options.steps}"')
        counts.update(walk.counts)
    for end_of_move, count in sorted(counts.items()):
        _say(f"{count:5} {end_of_move}")
    return 1 if fault else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
