"""A security-group rule lets a packet through when protocol, port and the other end all fit."""

from ipaddress import IPv4Address
from typing import Any

import pytest

from ops.verify.checks.firewall import Flow, Machine, allows

VXLAN = Flow(name="VXLAN", protocol="udp", port=4789, breaks="pods")
PEER = Machine(side="hybrid", ip=IPv4Address("10.90.1.182"), groups=("sg-hybrid",))
NEAR, FAR = [{"CidrIp": "10.90.0.0/16"}], [{"CidrIp": "10.91.0.0/16"}]


def rule(protocol: str = "udp", ports: tuple[int, int] = (4789, 4789), **ends: Any) -> dict[str, Any]:
    return {"IpProtocol": protocol, "FromPort": ports[0], "ToPort": ports[1], **(ends or {"IpRanges": NEAR})}


@pytest.mark.parametrize(
    ("permission", "open_"),
    [
        (rule(), True),
        (rule(ports=(4000, 5000)), True),
        ({"IpProtocol": "-1", "IpRanges": NEAR}, True),
        (rule(UserIdGroupPairs=[{"GroupId": "sg-hybrid"}]), True),
        (rule(ports=(4790, 4799)), False),
        (rule(ports=(1, 4788)), False),
        (rule(protocol="tcp"), False),
        (rule(IpRanges=FAR), False),
        (rule(UserIdGroupPairs=[{"GroupId": "sg-other"}]), False),
        (rule(Ipv6Ranges=[{"CidrIpv6": "::/0"}]), False),
        ({"IpProtocol": "udp", "IpRanges": NEAR}, False),
    ],
)
def test_a_rule_fits_or_does_not(permission: dict[str, Any], open_: bool) -> None:
    assert allows([{"IpPermissions": [permission]}], VXLAN, "ingress", PEER) is open_
    assert allows([{"IpPermissionsEgress": [permission]}], VXLAN, "egress", PEER) is open_
    assert not allows([{"IpPermissions": [permission]}], VXLAN, "egress", PEER)


def test_one_fitting_rule_in_any_group_is_enough() -> None:
    groups = [{"IpPermissions": [rule(protocol="tcp")]}, {}, {"IpPermissions": [rule()]}]

    assert allows(groups, VXLAN, "ingress", PEER)
