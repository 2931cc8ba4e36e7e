"""What docs/design.md says about tunnel addresses is what Calico writes and the stack has."""

import re
from ipaddress import IPv4Network
from pathlib import Path

import yaml

from infra.names import HTTP_ECHO_PORT, SAMPLE_APP, SAMPLE_NAMESPACE
from ops.verify.checks.system import TUNNEL_ANNOTATION

_TEXT = (Path(__file__).parents[3] / "docs" / "design.md").read_text(encoding="utf-8")
_SECTION = _TEXT.partition("## A NetworkPolicy for what is behind the load balancer")[2].partition("\n## ")[0]


def test_the_command_for_the_tunnel_addresses_asks_for_the_annotation_of_calico() -> None:
    # kubectl's custom-columns: a path of keys, where a dot of a key stands behind a backslash.
    match = re.search(r"custom-columns='NODE:(\S+),TUNNEL:(\S+)'", _SECTION)
    assert match
    name, tunnel = (
        [key.replace("\\.", ".") for key in re.split(r"(?<!\\)\.", path)[1:]] for path in match.groups()
    )
    assert name == ["metadata", "name"]
    assert tunnel == ["metadata", "annotations", TUNNEL_ANNOTATION]


def test_the_policy_selects_the_sample_app_and_admits_tunnels_on_the_port_of_the_pod() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", _SECTION, re.DOTALL)
    policy = yaml.safe_load(text)
    assert policy["metadata"]["namespace"] == SAMPLE_NAMESPACE
    assert policy["spec"]["podSelector"] == {"matchLabels": {"app": SAMPLE_APP}}
    (rule,) = policy["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": HTTP_ECHO_PORT}]
    ranges = [IPv4Network(peer["ipBlock"]["cidr"]) for peer in rule["from"]]
    pods = [cidr for cidr in ranges if cidr.subnet_of(IPv4Network("192.168.0.0/16"))]
    assert pods
    assert all(cidr.prefixlen == 32 for cidr in pods), "a tunnel has one address"
    assert len(ranges) > len(pods), "the load balancer's own subnets, for requests that stay on a node"
