"""A VPC that exists: what the settings alone can tell."""

from datetime import date

import pytest

from infra.changes import refusals
from tests.conftest import EXISTING_VPC

NETWORK = EXISTING_VPC["network"]


def test_without_one_the_stack_makes_its_own_and_remembers_nothing_new(parse):
    assert parse().existing_vpc is None
    assert "network" not in parse().in_effect


def test_its_ranges_are_not_known_here(parse):
    # The default vpcCidr means nothing then.
    found = parse(network=NETWORK, podCidr="10.10.0.0/16")
    assert found.ranges.existing == found.existing_vpc
    assert found.existing_vpc.public_subnet_ids == tuple(NETWORK["publicSubnetIds"])


@pytest.mark.parametrize(
    ("network", "says"),
    [
        ({"vpcId": "10.10.0.0/16"}, "network.vpcId 10.10.0.0/16 is not the id of a VPC"),
        ({"privateSubnetIds": NETWORK["privateSubnetIds"]}, "and network.vpcId is not set"),
        ({**NETWORK, "privateSubnetIds": NETWORK["privateSubnetIds"][:1]}, "are fewer than two"),
        ({**NETWORK, "publicSubnetIds": []}, "are fewer than two, for the load balancer"),
        (
            {**NETWORK, "publicSubnetIds": [*NETWORK["publicSubnetIds"], NETWORK["privateSubnetIds"][0]]},
            "is one of network.privateSubnetIds too",
        ),
        ({**NETWORK, "egressCidrs": ["10.0.0.1/32"]}, "overlaps 10.0.0.0/8, which is not public"),
        ({**NETWORK, "subnets": []}, "network.subnets is not a setting of network"),
    ],
)
def test_what_is_no_network_is_rejected(problems, network, says):
    assert any(says in problem for problem in problems(network=network))


def told(old, new):
    base = {
        "kubernetesVersion": "1.36",
        "supportType": "STANDARD",
        "calicoVersion": "3.32.1",
        "nodeadmVersion": "v1.0.20",
        "podMtu": "0",
        "release": "0.2.0",
        "vpcCidr": "10.10.0.0/16",
        "availabilityZones": "2",
    }
    found = refusals({**base, **old}, {**base, **new}, lambda: None, today=date(2026, 11, 30))
    return [each.what.removesuffix(" while this stack is up") for each in found]


def test_a_stack_never_changes_its_vpc():
    here = f"{NETWORK['vpcId']} ({', '.join([*NETWORK['privateSubnetIds'], *NETWORK['publicSubnetIds']])})"
    own = "the VPC of this stack"
    assert told({}, {"network": NETWORK}) == [f"network cannot change from {own} to {here}"]
    assert told({"network": NETWORK}, {}) == [f"network cannot change from {here} to {own}"]
    assert told({"network": NETWORK}, {"network": {**NETWORK, "egressCidrs": ["203.0.113.9/32"]}}) == []


def test_what_means_nothing_in_a_vpc_that_exists_may_change():
    old = {"network": NETWORK}
    assert told(old, {**old, "vpcCidr": "10.20.0.0/16", "availabilityZones": "3"}) == []
