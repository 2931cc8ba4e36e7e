"""Security groups: the rules are exactly the flow table of docs/design.md, written out here by hand."""

import pytest

from infra.flows import flows, rules
from tests.conftest import CERTIFICATE

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
MANAGED_CIDRS = ["10.10.1.0/24", "10.10.2.0/24"]
ALB_CIDRS = ["10.10.101.0/24", "10.10.102.0/24"]
HYBRID_CIDR = "10.90.1.0/24"
WORLD = "0.0.0.0/0"

# (group, protocol, port, peer); a name is a security group, an address a range.
IN = {
    # 1, 2: nodes to the API
    ("control-plane", "tcp", 443, HYBRID_CIDR),
    ("control-plane", "tcp", 443, "managed"),
    # 4, 5: the control plane to kubelets
    *(("hybrid", "tcp", 10250, cidr) for cidr in MANAGED_CIDRS),
    ("managed", "tcp", 10250, "control-plane"),
    # 6 to 9: VXLAN, four pairs
    ("hybrid", "udp", 4789, "hybrid"),
    *(("hybrid", "udp", 4789, cidr) for cidr in MANAGED_CIDRS),
    ("managed", "udp", 4789, "managed"),
    ("managed", "udp", 4789, HYBRID_CIDR),
    # 10, 11: the load balancer to both kinds of node
    ("managed", "tcp", 30080, "load-balancer"),
    *(("hybrid", "tcp", 30080, cidr) for cidr in ALB_CIDRS),
    # 12: every node to every node
    ("hybrid", "tcp", 30080, "hybrid"),
    *(("hybrid", "tcp", 30080, cidr) for cidr in MANAGED_CIDRS),
    ("managed", "tcp", 30080, "managed"),
    ("managed", "tcp", 30080, HYBRID_CIDR),
    # 16, 17a: metrics-server; 17b, to hybrid nodes, is the rule of 4: the control plane has the same addresses
    ("managed", "tcp", 10251, "control-plane"),
    ("managed", "tcp", 10250, "managed"),
    # 13: clients
    ("load-balancer", "tcp", 80, WORLD),
}
OUT = {
    # 3, and with it 1 and 2
    ("hybrid", "tcp", 443, WORLD),
    ("managed", "tcp", 443, WORLD),
    # Ubuntu's package mirrors
    ("hybrid", "tcp", 80, WORLD),
    ("control-plane", "tcp", 10250, HYBRID_CIDR),
    ("control-plane", "tcp", 10250, "managed"),
    ("control-plane", "tcp", 10251, "managed"),
    ("managed", "tcp", 10250, "managed"),
    ("managed", "tcp", 10250, HYBRID_CIDR),
    ("hybrid", "udp", 4789, "hybrid"),
    *(("hybrid", "udp", 4789, cidr) for cidr in MANAGED_CIDRS),
    ("managed", "udp", 4789, "managed"),
    ("managed", "udp", 4789, HYBRID_CIDR),
    ("load-balancer", "tcp", 30080, "managed"),
    ("load-balancer", "tcp", 30080, HYBRID_CIDR),
    ("hybrid", "tcp", 30080, "hybrid"),
    *(("hybrid", "tcp", 30080, cidr) for cidr in MANAGED_CIDRS),
    ("managed", "tcp", 30080, "managed"),
    ("managed", "tcp", 30080, HYBRID_CIDR),
}


def test_without_the_sample_app_no_rule_is_for_its_port_or_its_load_balancer(record):
    recording = record(sampleApp=False)
    for type_, table in ((INGRESS, IN), (EGRESS, OUT)):
        left = {row for row in table if row[2] != 30080 and "load-balancer" not in (row[0], row[3])}
        assert opened(recording, type_) == left


# Two rules that have these in common are one rule.
AS_AWS_SEES_IT = (
    "securityGroupId",
    "ipProtocol",
    "fromPort",
    "toPort",
    "cidrIpv4",
    "referencedSecurityGroupId",
)


def opened(recording, type_):
    names = {r.id: r.name for r in recording.of_type("aws:ec2/securityGroup:SecurityGroup")}
    found = [
        (
            names[r.inputs["securityGroupId"]],
            r.inputs["ipProtocol"],
            r.inputs["fromPort"],
            r.inputs.get("cidrIpv4") or names[r.inputs["referencedSecurityGroupId"]],
        )
        for r in recording.of_type(type_)
    ]
    assert len(found) == len(set(found)), "a rule twice"
    return set(found)


@pytest.mark.parametrize(("type_", "expected"), [(INGRESS, IN), (EGRESS, OUT)], ids=["ingress", "egress"])
def test_the_rules_are_the_flow_table_and_nothing_more(dev, type_, expected):
    assert opened(dev, type_) == expected


def test_no_rule_opens_more_than_one_port_and_every_rule_says_why(dev):
    for rule in dev.of_type(INGRESS) + dev.of_type(EGRESS):
        assert rule.inputs["fromPort"] == rule.inputs["toPort"]
        assert len(rule.inputs["description"]) > 20
        # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html
        assert set(rule.inputs["description"]) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/()#,@[]+=&;{}!$*"
        )


def test_groups_have_no_rules_of_their_own(dev):
    # Inline rules and rule resources fight over a group for ever.
    for group in dev.of_type("aws:ec2/securityGroup:SecurityGroup"):
        assert not {"ingress", "egress"} & group.inputs.keys()


def test_hybrid_nodes_live_in_the_other_vpc_and_are_named_by_address_from_here(dev):
    groups = {r.name: r for r in dev.of_type("aws:ec2/securityGroup:SecurityGroup")}
    on_prem = dev.one("aws:ec2/vpc:Vpc", "on-prem").id
    assert [name for name, group in groups.items() if group.inputs["vpcId"] == on_prem] == ["hybrid"]
    for rule in dev.of_type(INGRESS) + dev.of_type(EGRESS):
        pair = {rule.inputs["securityGroupId"], rule.inputs.get("referencedSecurityGroupId")}
        if None not in pair:
            assert pair == {groups["hybrid"].id} or groups["hybrid"].id not in pair


def test_port_80_to_the_internet_is_open_only_when_a_node_runs_ubuntu(record):
    recording = record(hybridNodes=[{"name": "hybrid-1", "os": "al2023"}])
    assert opened(recording, EGRESS) == OUT - {("hybrid", "tcp", 80, WORLD)}
    assert opened(recording, INGRESS) == IN


def test_the_sample_port_and_the_allowed_clients_come_from_the_settings(record):
    recording = record(sampleNodePort=31000, albAllowedCidrs=["198.51.100.0/24", "203.0.113.0/24"])
    found = opened(recording, INGRESS)
    assert {row for row in found if row[0] == "load-balancer"} == {
        ("load-balancer", "tcp", 80, "198.51.100.0/24"),
        ("load-balancer", "tcp", 80, "203.0.113.0/24"),
    }
    assert 30080 not in {row[2] for row in found}
    assert ("managed", "tcp", 31000, "load-balancer") in found


def test_the_ports_of_webhooks_are_open_from_the_control_plane_to_every_node(record):
    recording = record(webhookPorts=[9443, 8443])
    ports = (9443, 8443)
    assert opened(recording, INGRESS) - IN == {
        *(("managed", "tcp", port, "control-plane") for port in ports),
        *(("hybrid", "tcp", port, cidr) for port in ports for cidr in MANAGED_CIDRS),
    }
    assert opened(recording, EGRESS) - OUT == {
        *(("control-plane", "tcp", port, "managed") for port in ports),
        *(("control-plane", "tcp", port, HYBRID_CIDR) for port in ports),
    }


def test_a_certificate_opens_port_443_to_the_same_clients_and_to_nobody_else(record):
    recording = record(albCertificateArn=CERTIFICATE, albAllowedCidrs=["198.51.100.0/24", "203.0.113.0/24"])
    found = opened(recording, INGRESS)
    assert {row for row in found if row[0] == "load-balancer"} == {
        ("load-balancer", "tcp", port, cidr)
        for port in (80, 443)
        for cidr in ("198.51.100.0/24", "203.0.113.0/24")
    }
    assert opened(recording, EGRESS) == OUT


def test_an_egress_rule_to_the_internet_stands_for_the_same_port_nearby():
    table = flows(node_port=443, plain_http=False)
    egress = [r for r in rules(table) if r.direction == "egress" and r.group == "managed" and r.port == 443]
    assert [r.peer for r in egress] == ["internet"]


def named_rules(recording):
    return {r.name: r for r in recording.of_type(INGRESS) + recording.of_type(EGRESS)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["198.51.100.0/24"], ["198.51.100.0/24", "203.0.113.0/24"]),
        (["198.51.100.0/24", "203.0.113.0/24"], ["203.0.113.0/24"]),
        (["198.51.100.0/24", "203.0.113.0/24"], ["203.0.113.0/24", "198.51.100.0/24"]),
    ],
)
def test_a_rule_has_one_name_wherever_it_stands_in_a_list(record, before, after):
    # AWS refuses a second rule like it, and the engine creates before it deletes.
    one, other = (named_rules(record(albAllowedCidrs=cidrs)) for cidrs in (before, after))
    content = {name: rule.inputs.get("cidrIpv4") for name, rule in one.items()}
    assert {
        name: rule.inputs.get("cidrIpv4") for name, rule in other.items() if name in one
    }.items() <= content.items()
    kept = {name for name in one if name.startswith("load-balancer-ingress")} & other.keys()
    assert len(kept) == len(set(before) & set(after))


def test_a_rule_has_one_name_whichever_setting_asks_for_it(record):
    # Both ports are open from the control plane's addresses to the hybrid nodes, before and after.
    contents = [
        {
            (rule.type, *(rule.inputs.get(key) for key in AS_AWS_SEES_IT)): name
            for name, rule in named_rules(record(sampleNodePort=sample, webhookPorts=[webhook])).items()
        }
        for sample, webhook in ((30080, 31000), (31000, 30080))
    ]
    first, second = contents
    both = first.keys() & second.keys()
    assert {content: first[content] for content in both} == {content: second[content] for content in both}
    assert any(INGRESS in content and 31000 in content for content in both)


def test_every_rule_says_what_it_was_called_before(record):
    recording = record(albAllowedCidrs=["198.51.100.0/24", "203.0.113.0/24"])
    former = {alias for rule in named_rules(recording).values() for alias in rule.options.aliases}
    assert "load-balancer-ingress-http-from-clients-2" in former
    assert "load-balancer-ingress-http-from-clients-80-203.0.113.0/24" in former
    assert "control-plane-ingress-api-from-hybrid" in former
    assert len(former) == 2 * len(named_rules(recording))


def test_every_rule_waits_for_the_count_of_all(dev):
    (limit,) = dev.of_type("pulumi-python:dynamic/ekshybrid:RuleLimit")
    counted = [name for names in limit.inputs["rules"].values() for name in names]
    assert sorted(counted) == sorted(named_rules(dev))
    assert all(limit.urn in rule.dependencies for rule in named_rules(dev).values())
