"""Address arithmetic: how a VPC is cut into subnets, how much fits, and what is still free.

Pure, IPv4 only. Every CIDR is a string in canonical form ("10.10.0.0/16"), as AWS wants it.
"""

from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv4Network
from typing import Final

# What EKS accepts for remote networks: RFC 1918, and RFC 6598 (carrier-grade NAT).
RFC_1918: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
PRIVATE: Final = (*RFC_1918, "100.64.0.0/10")

ANYWHERE: Final = "0.0.0.0/0"

# A VPC is /16 to /28, a subnet /28 at the least, and in each subnet the first four addresses and the last
# one are AWS's own. https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
LARGEST_VPC_PREFIX: Final = 16
SMALLEST_SUBNET_PREFIX: Final = 28
_AWS_OWN_ADDRESSES: Final = 5

# Calico's default block: each node takes one, so the pod range is counted in these.
POD_BLOCK_PREFIX: Final = 26

_MOST_ZONES: Final = 4


def subnet_layout(vpc_cidr: str, availability_zones: int) -> tuple[list[str], list[str]]:
    """Cut a VPC into one public and one private subnet per availability zone.

    A /16 gives /24 subnets numbered as people expect them: private 10.10.1.0/24, 10.10.2.0/24 and public
    10.10.101.0/24, 10.10.102.0/24. A smaller VPC is cut into eight equal parts, the first four for private
    subnets and the last four for public ones. Either way a subnet keeps its range when a zone is added.

    Args:
        vpc_cidr: the VPC's range, /16 to /25.
        availability_zones: 1 to 4.

    Returns:
        The public and the private CIDRs, one per zone, in the order of the zones.

    Errors: ValueError (the range is malformed, larger than a VPC may be, or too small to be cut; or there are too
    few or too many zones).

    """
    vpc = IPv4Network(vpc_cidr)
    if not 1 <= availability_zones <= _MOST_ZONES:
        raise ValueError(f"{availability_zones} availability zones: 1 to {_MOST_ZONES} can be laid out")
    if vpc.prefixlen < LARGEST_VPC_PREFIX:
        raise ValueError(f"{vpc_cidr} is larger than a VPC may be (/{LARGEST_VPC_PREFIX})")
    if vpc.prefixlen == LARGEST_VPC_PREFIX:
        prefix, first_private, first_public = 24, 1, 101
    else:
        prefix, first_private, first_public = vpc.prefixlen + 3, 0, _MOST_ZONES
    if prefix > SMALLEST_SUBNET_PREFIX:
        raise ValueError(f"{vpc_cidr} is too small: its subnets would be /{prefix}")

    def subnet(index: int) -> str:
        start = int(vpc.network_address) + index * 2 ** (32 - prefix)
        return str(IPv4Network((start, prefix)))

    zones = range(availability_zones)
    return [subnet(first_public + zone) for zone in zones], [subnet(first_private + zone) for zone in zones]


def usable_addresses(subnet_cidr: str) -> int:
    """Count the addresses of a subnet that instances and network interfaces can have."""
    return max(0, IPv4Network(subnet_cidr).num_addresses - _AWS_OWN_ADDRESSES)


def pod_blocks(pod_cidr: str) -> int:
    """Count the /26 blocks in a pod range: the number of nodes that can run pods in it."""
    spare_bits = POD_BLOCK_PREFIX - IPv4Network(pod_cidr).prefixlen
    return 2**spare_bits if spare_bits >= 0 else 0


def overlap(one: str, other: str) -> bool:
    """Tell whether two ranges have an address in common."""
    return IPv4Network(one).overlaps(IPv4Network(other))


def lies_within(cidr: str, ranges: Iterable[str]) -> bool:
    """Tell whether a range lies wholly inside one of the given ranges."""
    return any(IPv4Network(cidr).subnet_of(IPv4Network(each)) for each in ranges)


def free_range(prefix: int, taken: Iterable[str], ranges: Iterable[str] = RFC_1918) -> str:
    """Find the first range of a size that overlaps nothing that is taken.

    Args:
        prefix: the size wanted, as a prefix length.
        taken: the ranges to stay clear of.
        ranges: where to look, in this order.

    Errors: ValueError (there is no room).

    """
    in_use = [IPv4Network(each) for each in taken]
    roomy = (where for each in ranges if (where := IPv4Network(each)).prefixlen <= prefix)
    candidates = (part for where in roomy for part in where.subnets(new_prefix=prefix))
    found = next((part for part in candidates if not any(map(part.overlaps, in_use))), None)
    if found is None:
        raise ValueError(f"no /{prefix} is free")
    return str(found)


def around(address: str, prefix: int) -> str:
    """Find the range of a size that an address lies in."""
    return str(IPv4Network((address, prefix), strict=False))


def free_address(ranges: Iterable[str], taken: Collection[str | None]) -> str:
    """Find the first address that a machine could have and none of the taken ones is.

    Errors: ValueError (there is none).
    """
    for network in map(IPv4Network, ranges):
        first = int(network.network_address)
        for number in range(first + (network.prefixlen < 31), first + network.num_addresses):
            if str(IPv4Address(number)) not in taken:
                return str(IPv4Address(number))
    raise ValueError("every address is taken")
