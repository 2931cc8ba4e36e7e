"""A stack that an earlier release of this program made, and this release: the states that saved_states.py has written.

What each release makes anew stands in CHANGELOG.md, under "Replaced"; nothing else may be.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.engine.conftest import Rig
from tests.engine.harness import REPOSITORY, Step, type_of
from tests.engine.saved_states import STATES, keep, restore
from tests.engine.standin.networks import EXISTING, PRIVATE, PUBLIC
from tests.engine.standin.world import CLUSTER

pytestmark = pytest.mark.engine

NAMES = sorted(file.name.removesuffix(".json.gz") for file in STATES.glob("*.json.gz"))
# What the stack has and this release would choose otherwise: the preview prints the command that keeps it.
KEPT = {
    "0.1.0": {"kubernetesVersion": "1.35", "supportType": "EXTENDED"},
    "0.1.0-later-own-site": {"podMtu": "1390"},
}


def numbers(release: str) -> list[int]:
    return [int(part) for part in release.partition("-")[0].split(".")]


def replaced_since(state: str) -> set[str]:
    """The types that CHANGELOG.md names under "Replaced", in the releases after that of a state."""
    types = set()
    for release, section in re.findall(
        r"^## \[(\S+)\].*?$(.*?)(?=^## |\Z)", (REPOSITORY / "CHANGELOG.md").read_text(), re.M | re.S
    ):
        if numbers(release) > numbers(state):
            table = section.partition("\n### Replaced\n")[2].partition("\n### ")[0]
            types |= {name for name in re.findall(r"`(\w+)`", table) if name[0].isupper()}
    return types


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """A stack of an earlier release before this one has touched it. `kept`: the settings that the preview asked for."""

    rig: Rig
    kept: dict[str, str]
    preview: Step

    @property
    def replaced(self) -> set[str]:
        """The types of what the preview makes anew or takes away, without their packages."""
        text = self.preview.run.text
        plan, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
        return {
            re.split("[:/]", type_of(step["urn"]))[-1]
            for step in plan["steps"]
            if step["op"] in ("replace", "delete")
        }


@pytest.fixture(scope="module")
def upgrade_of(new_rig: Callable[[], Rig]) -> Callable[[str], Upgrade]:
    """Previews this release on a state, once."""
    known: dict[str, Upgrade] = {}

    def upgrade(state: str) -> Upgrade:
        if state not in known:
            rig = new_rig()
            restore(rig.stack, state)
            rig.join()
            kept = keep(rig.stack)
            preview = rig.stack.step(lambda: rig.stack.pulumi("preview", "--json"))
            known[state] = Upgrade(rig=rig, kept=kept, preview=preview)
        return known[state]

    return upgrade


@pytest.fixture(scope="module", params=NAMES)
def state(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def upgraded(upgrade_of: Callable[[str], Upgrade], state: str) -> Step:
    """The first `pulumi up` with this release."""
    rig = upgrade_of(state).rig
    step = rig.stack.step(rig.stack.up)
    rig.join()
    return step


def test_what_the_stack_has_is_kept_by_the_commands_that_the_preview_prints(upgrade_of, state):
    assert upgrade_of(state).kept == KEPT.get(state, {})


def test_only_what_the_changelog_names_is_replaced(upgrade_of, state):
    assert upgrade_of(state).replaced <= replaced_since(state)


def test_what_the_changelog_names_is_replaced_in_some_stack(upgrade_of):
    oldest = [state for state in NAMES if numbers(state) == numbers(NAMES[0])]
    assert set.union(*(upgrade_of(state).replaced for state in oldest)) == replaced_since(NAMES[0])


def test_a_stack_of_a_release_that_knew_no_vpc_but_its_own_never_leaves_it(upgrade_of, state):
    stack = upgrade_of(state).rig.stack
    stack.there_is_a_vpc_of_others("eu-central-1")
    network = {"vpcId": EXISTING, "privateSubnetIds": [*PRIVATE], "publicSubnetIds": [*PUBLIC]}
    with stack.configured(network=network):
        step = stack.step(lambda: stack.up(succeeds=False))
    assert f"network cannot change from the VPC of this stack to {EXISTING}" in step.run.text
    assert step.changes == []


def test_one_of_a_release_that_knew_no_other_data_centre_keeps_the_vpc_that_plays_it(upgrade_of):
    rig = upgrade_of("0.1.0").rig
    machines = [{"name": "rack-1", "address": "10.80.0.11"}]
    site = {"nodeCidrs": ["10.80.0.0/16"], "routes": "none"}
    with rig.stack.configured(site=site, hybridNodes=machines):
        step = rig.stack.step(lambda: rig.stack.up(succeeds=False))
    assert (
        "site cannot change from the VPC of this stack that plays one to a site of your own" in step.run.text
    )
    assert step.changes == []


def test_the_first_up_leaves_nothing_to_do(upgrade_of, state, upgraded):
    stack = upgrade_of(state).rig.stack
    stack.pulumi("preview", "--expect-no-changes")
    had = {
        each["inputs"]["version"] for each in upgrade_of(state).preview.resources if each["type"] == CLUSTER
    }
    assert {each["inputs"]["version"] for each in upgraded.resources if each["type"] == CLUSTER} == had
