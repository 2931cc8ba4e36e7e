"""A fixed set of walks, and the walks themselves without an engine. `make walk` draws others, and breaks them."""

from random import Random

import pytest

from tests.engine import clouds, draws
from tests.engine.standin.world import TARGET, Thing, World
from tests.engine.walks import GROUNDS, Ground, Move, Walk, drawn, shortened

GROUP, RULE = (
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)


WALKS = {
    "a data centre of one's own": [
        Move(change="two addresses swapped", seed=1),
        Move(change="a node more", seed=2),
        Move(change="albAllowedCidrs", seed=4),
        Move(change="what is fixed", seed=5),
    ],
    "a state of release 0.1.0": [
        Move(change="a port for another", seed=2),
        Move(change="a node's system", seed=1),
        Move(change="managedNodes", seed=3),
    ],
}
BASES = {kind: base for kind, (base, _) in GROUNDS.items()}


@pytest.fixture
def ground(new_rig, kind):
    ground = Ground(new_rig(), *GROUNDS[kind])
    yield ground
    ground.rig.apis.close()


@pytest.mark.engine
@pytest.mark.parametrize("kind", WALKS)
def test_from_settings_to_settings(ground, kind):
    Walk(ground).run(WALKS[kind])


# --- the walks themselves, without an engine ---------------------------------------------------------


def cloud(folder, *, prefix, rule_of=0):
    """Two security groups and a rule in one of them."""
    world = World(folder / "none")
    for number, name in enumerate(("a", "b")):
        inputs = {"name": f"{name}-{prefix}abc123", "vpcId": "vpc-1", "description": name}
        world.add(Thing(token=GROUP, id=f"sg-{prefix}{number}", inputs=inputs, outputs=inputs))
    inputs = {"securityGroupId": f"sg-{prefix}{rule_of}", "fromPort": 80}
    world.add(Thing(token=RULE, id=f"sgr-{prefix}", inputs=inputs, outputs=inputs))
    return world


def test_clouds_are_alike_whatever_ids_and_made_up_names_are_in_them(tmp_path):
    one, other = cloud(tmp_path, prefix="0"), cloud(tmp_path, prefix="1")
    assert clouds.differences(one, other, names=("one", "other")) == ""


def test_a_rule_in_another_group_is_another_cloud(tmp_path):
    one, other = cloud(tmp_path, prefix="0"), cloud(tmp_path, prefix="1", rule_of=1)
    text = clouds.differences(one, other, names=("one", "other"))
    assert text.startswith(f"only one: {RULE}")
    assert f"only other: {RULE}" in text


def test_a_target_less_is_another_cloud(tmp_path):
    one, other = cloud(tmp_path, prefix="0"), cloud(tmp_path, prefix="1")
    inputs = {"targetId": "10.80.0.11"}
    one.add(Thing(token=TARGET, id="edge", inputs=inputs, outputs=inputs))
    assert (
        clouds.differences(one, other, names=("one", "other"))
        == f'only one: {TARGET} {{"targetId": "10.80.0.11"}}'
    )


@pytest.mark.parametrize("change", sorted(draws.CHANGES))
@pytest.mark.parametrize("base", BASES.values(), ids=list(BASES))
def test_a_change_is_the_same_with_the_same_seed_and_leaves_what_it_began_with(change, base):
    before = repr(base)
    some = [draws.CHANGES[change](Random(seed), base) for seed in range(9)]
    assert some == [draws.CHANGES[change](Random(seed), base) for seed in range(9)]
    assert repr(base) == before


def test_every_change_is_one_on_one_of_the_stacks():
    for name, change in draws.CHANGES.items():
        drawn_values = [change(Random(seed), base) for base in BASES.values() for seed in range(20)]
        assert any(values not in (None, *BASES.values()) for values in drawn_values), name


def test_settings_without_a_line_of_their_own_are_drawn_from_the_schema():
    assert {"metricsServer", "activationHours"} <= draws.CHANGES.keys()


def test_a_series_is_shortened_to_the_moves_that_matter():
    moves = drawn(7, 12)
    wanted = {moves[2], moves[9]}

    def fails(some):
        return "it" if wanted <= set(some) else "" if moves[4] in some else "another"

    assert shortened(moves, "it", fails) == [moves[2], moves[9]]
