import re
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from infra import addressing

examples = hypothesis_settings(max_examples=80)


def networks(smallest=8, largest=30):
    """CIDRs anywhere, with a prefix length between two bounds."""
    return st.builds(
        lambda address, prefix: str(IPv4Network((address, prefix), strict=False)),
        st.integers(0, 2**32 - 1),
        st.integers(smallest, largest),
    )


vpcs = networks(16, 25)
zone_counts = st.integers(1, 4)


def test_a_16_gives_the_subnets_of_the_picture():
    assert addressing.subnet_layout("10.10.0.0/16", 2) == (
        ["10.10.101.0/24", "10.10.102.0/24"],
        ["10.10.1.0/24", "10.10.2.0/24"],
    )
    assert addressing.subnet_layout("10.90.0.0/16", 1) == (["10.90.101.0/24"], ["10.90.1.0/24"])


def test_a_smaller_vpc_is_cut_into_eight_parts():
    assert addressing.subnet_layout("10.10.0.0/24", 3) == (
        ["10.10.0.128/27", "10.10.0.160/27", "10.10.0.192/27"],
        ["10.10.0.0/27", "10.10.0.32/27", "10.10.0.64/27"],
    )


@given(vpcs, zone_counts)
@examples
def test_subnets_lie_in_the_vpc_apart_from_each_other_and_are_of_one_size(vpc, zones):
    public, private = addressing.subnet_layout(vpc, zones)
    subnets = [IPv4Network(each) for each in public + private]
    assert len(public) == len(private) == zones
    assert all(each.subnet_of(IPv4Network(vpc)) for each in subnets)
    assert not any(one.overlaps(other) for one, other in combinations(subnets, 2))
    assert len({each.prefixlen for each in subnets}) == 1
    assert all(addressing.usable_addresses(each) >= 11 for each in public + private)


@given(vpcs, st.integers(1, 3))
@examples
def test_a_zone_that_is_added_leaves_the_other_subnets_where_they_are(vpc, zones):
    public, private = addressing.subnet_layout(vpc, zones)
    more_public, more_private = addressing.subnet_layout(vpc, zones + 1)
    assert more_public[:zones] == public
    assert more_private[:zones] == private


@pytest.mark.parametrize(
    ("vpc", "zones", "reason"),
    [
        ("10.0.0.0/15", 2, "10.0.0.0/15 is larger than a VPC may be (/16)"),
        ("10.0.0.0/26", 2, "10.0.0.0/26 is too small: its subnets would be /29"),
        ("10.0.0.0/16", 0, "0 availability zones: 1 to 4 can be laid out"),
        ("10.0.0.0/16", 5, "5 availability zones: 1 to 4 can be laid out"),
        ("10.0.0.1/16", 2, "10.0.0.1/16 has host bits set"),
    ],
)
def test_what_cannot_be_laid_out_is_an_error(vpc, zones, reason):
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        addressing.subnet_layout(vpc, zones)


def test_aws_keeps_five_addresses_of_each_subnet():
    assert addressing.usable_addresses("10.90.1.0/24") == 251
    assert addressing.usable_addresses("10.90.1.0/28") == 11
    assert addressing.usable_addresses("10.90.1.0/30") == 0


@given(networks(16, 26))
@examples
def test_pod_blocks_are_the_26_networks_of_a_range(cidr):
    assert addressing.pod_blocks(cidr) == len(list(IPv4Network(cidr).subnets(new_prefix=26)))


def test_a_range_below_26_has_no_pod_block():
    assert addressing.pod_blocks("10.0.0.0/27") == 0


@given(networks(4, 32), networks(4, 32))
@examples
def test_ranges_overlap_when_they_share_an_address_whichever_is_named_first(one, other):
    a, b = IPv4Network(one), IPv4Network(other)
    shared = max(a.network_address, b.network_address) <= min(a.broadcast_address, b.broadcast_address)
    assert addressing.overlap(one, other) is shared
    assert addressing.overlap(other, one) is shared
    assert addressing.overlap(one, one)


@given(networks(8, 32), st.lists(networks(4, 16), max_size=4))
@examples
def test_a_range_lies_within_others_when_one_of_them_has_both_of_its_ends(cidr, ranges):
    ends = IPv4Network(cidr)
    held = any(ends[0] in IPv4Network(each) and ends[-1] in IPv4Network(each) for each in ranges)
    assert addressing.lies_within(cidr, ranges) is held


def test_the_private_ranges_are_those_of_rfc_1918_and_rfc_6598():
    inside = ["10.0.0.0/8", "172.16.0.0/16", "172.31.255.0/24", "192.168.0.0/24", "100.127.0.0/16"]
    outside = ["10.0.0.0/7", "172.32.0.0/16", "192.169.0.0/16", "100.128.0.0/16", "8.8.8.0/24"]
    assert all(addressing.lies_within(each, addressing.PRIVATE) for each in inside)
    assert not any(addressing.lies_within(each, addressing.PRIVATE) for each in outside)


@given(st.integers(12, 24), st.lists(networks(8, 24), max_size=6))
@examples
def test_a_free_range_has_the_size_wanted_and_touches_nothing_that_is_taken(prefix, taken):
    try:
        found = addressing.free_range(prefix, taken)
    except ValueError:
        # Then every candidate is taken.
        assert all(
            any(addressing.overlap(str(part), each) for each in taken)
            for where in addressing.RFC_1918
            if IPv4Network(where).prefixlen <= prefix
            for part in IPv4Network(where).subnets(new_prefix=prefix)
        )
    else:
        assert IPv4Network(found).prefixlen == prefix
        assert addressing.lies_within(found, addressing.RFC_1918)
        assert not any(addressing.overlap(found, each) for each in taken)


def test_a_free_range_is_looked_for_where_and_in_the_order_asked():
    assert addressing.free_range(16, ["10.0.0.0/16"]) == "10.1.0.0/16"
    assert addressing.free_range(16, [], ["192.168.0.0/16", "10.0.0.0/8"]) == "192.168.0.0/16"
    assert addressing.free_range(15, [], ["192.168.0.0/16", "10.0.0.0/8"]) == "10.0.0.0/15"


def test_a_full_house_is_an_error():
    with pytest.raises(ValueError, match=r"^no /16 is free$"):
        addressing.free_range(16, ["192.168.7.0/24"], ["192.168.0.0/16"])


def test_every_address_of_a_taken_range_is_avoided():
    free = addressing.free_range(24, ["10.0.0.128/32"], ["10.0.0.0/23"])
    assert IPv4Address("10.0.0.128") not in IPv4Network(free)
