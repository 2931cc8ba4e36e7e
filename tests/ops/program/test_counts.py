"""What an account limits and AWS bills is counted once."""

from collections import Counter

from ops.program.counts import NodeGroup, counts
from ops.ready.wanted import wanted


def test_machines_count_by_type_and_gateways_by_the_zone_that_they_are_in(record):
    nodes = [
        {"name": "a"},
        {"name": "b", "instanceType": "m6g.large"},
        {"name": "c", "instanceType": "m6g.large"},
    ]
    group = {"instanceType": "t4g.large", "min": 1, "desired": 2, "max": 5, "spot": True}
    recording = record(hybridNodes=nodes, managedNodes=group)
    number = counts(recording)
    assert number.hybrid == Counter({"t4g.medium": 1, "m6g.large": 2})
    assert number.groups == (NodeGroup(types=("t4g.large",), desired=2, most=5, spot=True, disk_gib=30),)
    # Both VPCs have theirs in the first zone.
    assert list(number.nat_gateways.values()) == [2]
    assert (number.addresses, number.vpcs, number.balancers) == (2, 2, 1)
    assert wanted(recording).types == ("t4g.medium", "m6g.large", "t4g.large")
