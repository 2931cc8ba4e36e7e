"""The proof on what the program really plans."""

from dataclasses import replace

import pytest

from ops.plan.flows import Expectations, prove
from ops.plan.flows.expected import flows
from ops.plan.flows.extract import facts_of
from ops.plan.flows.proof import decide
from tests.conftest import CERTIFICATE

OFFICE, SHOP = "198.51.100.0/24", "192.0.2.0/24"
STACKS = {
    "dev": {},
    "one Amazon Linux node": {"hybridNodes": [{"name": "only", "os": "al2023"}]},
    "three zones": {"availabilityZones": 3},
    "two webhooks": {"webhookPorts": [9443, 8443]},
    "https": {"albCertificateArn": CERTIFICATE, "albAllowedCidrs": [OFFICE, SHOP]},
    "another port": {"sampleNodePort": 31234},
    "no sample app": {"sampleApp": False},
    "two offices": {"apiAllowedCidrs": [OFFICE, SHOP], "albAllowedCidrs": [OFFICE, SHOP]},
}
# Whatever the program makes of these kinds, it makes it to open a flow.
NETWORK = {
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/route:Route",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
}


@pytest.fixture(params=STACKS.values(), ids=list(STACKS))
def stack(request, record, config):
    """A recorded stack and what its settings ask for."""
    return record(**request.param), Expectations.from_config(config(**request.param))


def test_every_flow_is_open_and_nothing_unexpected_faces_the_internet(stack):
    report = prove(*stack)
    assert [(row.flow.number, row.missing) for row in report.missing] == []
    assert report.unexpected == ()
    assert report.passed


def test_no_flow_could_do_without_any_rule_or_route(stack):
    assert prove(*stack).needless == ()


def test_removing_any_single_network_resource_closes_a_flow(stack):
    recording, expectations = stack
    kinds = set()
    for urn, resource in recording.resources.items():
        if resource.type in NETWORK:
            kinds.add(resource.type)
            rest = {other: r for other, r in recording.resources.items() if other != urn}
            facts = facts_of(replace(recording, resources=rest))
            closed = any(not decide(facts, flow, expectations).allowed for flow in flows(expectations))
            assert closed, f"{resource.type} {resource.name} is not missed"
    assert kinds == NETWORK


def test_every_way_out_of_the_plan_is_in_the_facts(record):
    facts, recording = facts_of(record()), record()
    assert len(facts.rules) == sum(
        "securityGroup" in type_ and "Rule" in type_ for type_ in _types(recording)
    )
    assert len(facts.routes) == _types(recording).count("aws:ec2/route:Route")
    assert len(facts.associations) == len(facts.subnets) == 6
    assert {i.kind for i in facts.interfaces} == {"control plane", "managed nodes", "hybrid nodes", "ALB"}


def _types(recording) -> list[str]:
    return [r.type for r in recording.resources.values()]


def test_an_allow_list_of_the_api_without_a_nat_address_is_found(record, config):
    settings = STACKS["two offices"]
    recording = record(**settings)
    cluster = recording.one("eks:index:Cluster")
    nats = [r.outputs["publicIp"] for r in recording.of_type("aws:ec2/eip:Eip")]
    for address in nats:
        allowed = [cidr for cidr in cluster.inputs["publicAccessCidrs"] if cidr != f"{address}/32"]
        assert len(allowed) == len(cluster.inputs["publicAccessCidrs"]) - 1
        changed = replace(cluster, inputs={**cluster.inputs, "publicAccessCidrs": allowed})
        report = prove(
            replace(recording, resources={**recording.resources, cluster.urn: changed}),
            Expectations.from_config(config(**settings)),
        )
        assert [row.flow.target for row in report.missing] == ["API endpoint"]


def test_what_faces_the_internet_is_the_load_balancer_and_the_api(record, config):
    report = prove(record(), Expectations.from_config(config()))
    assert [(e.listener, e.ports, e.clients) for e in report.exposed] == [
        ("ALB", "tcp 80", "0.0.0.0/0"),
        ("API endpoint", "tcp 443", "0.0.0.0/0"),
    ]


def test_without_the_sample_app_nothing_but_the_api_faces_the_internet(record, config):
    settings = {"sampleApp": False, "albCertificateArn": CERTIFICATE}
    report = prove(record(**settings), Expectations.from_config(config(**settings)))
    assert [(e.listener, e.expected) for e in report.exposed] == [("API endpoint", True)]
    assert not [row for row in report.rows if "ALB" in (row.flow.source, row.flow.target)]


def test_the_rules_of_a_load_balancer_that_no_flow_needs_are_named_as_needless(record, config):
    report = prove(record(), Expectations.from_config(config(sampleApp=False)))
    assert any("load-balancer" in name for name in report.needless)
    assert {name.partition(" ")[0] for name in report.needless} == {"rule"}


def test_with_a_certificate_the_load_balancer_faces_the_internet_on_both_ports(record, config):
    settings = {"albCertificateArn": CERTIFICATE}
    report = prove(record(**settings), Expectations.from_config(config(**settings)))
    found = [
        (row.flow.number, row.flow.port, row.flow.breaks) for row in report.rows if "13" in row.flow.number
    ]
    assert found == [("13a", 443, "the sample app's URL"), ("13b", 80, "the redirect to https")]
    assert [(e.listener, e.ports, e.expected) for e in report.exposed] == [
        ("ALB", "tcp 443", True),
        ("ALB", "tcp 80", True),
        ("API endpoint", "tcp 443", True),
    ]


def test_port_443_of_the_load_balancer_is_open_to_nobody_without_a_certificate(record, config):
    report = prove(record(albCertificateArn=CERTIFICATE), Expectations.from_config(config()))
    assert [(e.listener, e.ports) for e in report.unexpected] == [("ALB", "tcp 443")]
    assert not report.passed


def test_a_kind_of_network_resource_that_is_not_known_stops_the_proof(record, config):
    recording = record()
    vpc = recording.one("aws:ec2/vpc:Vpc", "eks")
    acl = replace(vpc, type="aws:ec2/networkAcl:NetworkAcl", name="surprise")
    with pytest.raises(LookupError, match=r"cannot read aws:ec2/networkAcl:NetworkAcl surprise"):
        prove(
            replace(recording, resources={**recording.resources, "acl": acl}),
            Expectations.from_config(config()),
        )


@pytest.mark.parametrize(
    ("type_", "name", "inputs"),
    [
        ("aws:ec2/routeTable:RouteTable", "eks-public", {"routes": [{"cidrBlock": "0.0.0.0/0"}]}),
        ("aws:ec2/securityGroup:SecurityGroup", "hybrid", {"ingress": [{"protocol": "-1"}]}),
        ("aws:ec2/route:Route", "eks-public-internet", {"gatewayId": "", "coreNetworkArn": "arn:1"}),
        (
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
            "hybrid-egress-tcp-443-0.0.0.0/0",
            {"cidrIpv4": None, "prefixListId": "pl-1"},
        ),
    ],
)
def test_a_way_that_the_proof_cannot_read_stops_it(record, config, type_, name, inputs):
    recording = record()
    resource = recording.one(type_, name)
    changed = replace(resource, inputs={**resource.inputs, **inputs})
    with pytest.raises(LookupError, match=name):
        prove(
            replace(recording, resources={**recording.resources, resource.urn: changed}),
            Expectations.from_config(config()),
        )


def test_a_node_that_gets_a_public_address_is_seen(record):
    recording = record()
    changed = {
        r.urn: replace(r, inputs={**r.inputs, "associatePublicIpAddress": True})
        for r in recording.of_type("aws:ec2/instance:Instance")
    }
    facts = facts_of(replace(recording, resources={**recording.resources, **changed}))
    assert [i.public for i in facts.interfaces if i.kind == "hybrid nodes"] == [True]


def test_nodes_that_stand_alike_are_one_fact(record):
    assert len(record().of_type("aws:ec2/instance:Instance")) == 2
    assert len([i for i in facts_of(record()).interfaces if i.kind == "hybrid nodes"]) == 1
