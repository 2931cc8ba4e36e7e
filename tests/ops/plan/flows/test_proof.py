"""The evaluator on a network written by hand."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from rich.console import Console

from ops.plan.flows import render
from ops.plan.flows.facts import removable
from ops.plan.flows.proof import prove_facts
from ops.plan.flows.table import abridged

OFFICE = IPv4Network("198.51.100.0/24")


def closed(report) -> list[str]:
    return [row.flow.number for row in report.missing]


def without(facts, what: str):
    """The facts without one thing, named as `removable` names it."""
    found = [rest for label, name, rest in removable(facts) if f"{label} {name}" == what]
    assert len(found) == 1, what
    return found[0]


def change(items, name: str, **values):
    """The same items, with one of them changed."""
    assert any(item.name == name for item in items)
    return tuple(replace(item, **values) if item.name == name else item for item in items)


def shown(report) -> str:
    console = Console(width=200, record=True, file=None)
    with console.capture() as capture:
        console.print(render(report))
    return capture.get()


def test_every_flow_of_a_sound_network_is_open(network, expectations):
    report = prove_facts(network, expectations)
    assert closed(report) == []
    assert report.needless == ()
    assert report.passed


def test_taking_any_single_thing_away_closes_a_flow(network, expectations):
    for label, name, rest in removable(network):
        assert closed(prove_facts(rest, expectations)), f"{label} {name} is not missed"


@pytest.mark.parametrize(
    ("lost", "flows"),
    [
        ("route remote to 10.10.0.0/16", ["1", "4", "7", "8", "11", "12b", "12c", "17b", "15"]),
        ("route public to 10.90.0.0/16", ["11", "15"]),
        ("route remote to 0.0.0.0/0", ["3a", "3c", "14"]),
        ("route remote-public to 0.0.0.0/0", ["3a", "3c", "14"]),
        ("NAT gateway eks", ["3b", "3d"]),
        ("internet gateway eks", ["3b", "3d", "13"]),
        ("peering peering", ["1", "4", "7", "8", "11", "12b", "12c", "17b", "15"]),
        ("rule hybrid-out-internet-tcp80", ["14"]),
        ("rule hybrid-out-internet-tcp443", ["1", "3a", "3c"]),
        ("rule control-in-hybrid-tcp443", ["1"]),
        ("rule managed-in-managed-udp4789", ["6"]),
        ("association private", ["1", "3b", "3d", "4", "7", "8", "12b", "12c", "17b", "15"]),
    ],
)
def test_what_is_lost_closes_exactly_the_flows_that_rest_on_it(network, expectations, lost, flows):
    assert closed(prove_facts(without(network, lost), expectations)) == flows


def test_an_answer_that_finds_no_way_back_closes_the_flow(network, expectations):
    # The load balancer's way to hybrid nodes is whole; only the remote side cannot answer.
    report = prove_facts(without(network, "route remote to 10.10.0.0/16"), expectations)
    row = next(row for row in report.missing if row.flow.number == "11")
    assert "no answer" in row.missing[0]


def test_a_peering_that_nobody_accepts_carries_nothing(network, expectations):
    sleeping = replace(network, peerings=change(network.peerings, "peering", accepted=False))
    report = prove_facts(sleeping, expectations)
    assert "1" in closed(report)
    assert "nobody accepts" in report.missing[0].missing[0]


def test_a_more_specific_route_wins_for_its_part_of_a_subnet(network, expectations):
    # Half of the remote subnet is led astray: a proof by one sample address per subnet would miss it.
    astray = replace(
        network.routes[0], name="astray", table="private", destination=IPv4Network("10.90.1.128/25")
    )
    report = prove_facts(replace(network, routes=(*network.routes, astray)), expectations)
    assert "7" in closed(report)


def test_a_rule_for_half_a_subnet_is_not_enough(network, expectations):
    half = change(network.rules, "control-in-hybrid-tcp443", peer=IPv4Network("10.90.1.0/25"))
    report = prove_facts(replace(network, rules=half), expectations)
    assert closed(report) == ["1"]
    assert "10.90.1.128" in report.missing[0].missing[0]


def test_two_rules_may_share_the_work(network, expectations):
    first = change(network.rules, "control-in-hybrid-tcp443", peer=IPv4Network("10.90.1.0/25"))
    second = next(r for r in first if r.name == "control-in-hybrid-tcp443")
    rules = (*first, replace(second, name="other half", peer=IPv4Network("10.90.1.128/25")))
    assert prove_facts(replace(network, rules=rules), expectations).passed


def test_a_rule_that_names_a_group_does_not_reach_over_the_peering(network, expectations):
    rules = change(network.rules, "managed-in-hybrid-udp4789", peer="hybrid")
    assert closed(prove_facts(replace(network, rules=rules), expectations)) == ["8"]


def test_a_rule_that_names_a_group_works_inside_a_vpc(network, expectations):
    rules = change(network.rules, "managed-in-managed-udp4789", peer="managed")
    assert prove_facts(replace(network, rules=rules), expectations).passed


def test_a_rule_that_another_one_covers_is_needless(network, expectations):
    twin = replace(next(r for r in network.rules if r.name == "control-in-hybrid-tcp443"), name="twin")
    report = prove_facts(replace(network, rules=(*network.rules, twin)), expectations)
    assert report.passed
    assert report.needless == ("rule control-in-hybrid-tcp443", "rule twin")


def test_a_rule_that_no_flow_asks_for_is_needless(network, expectations):
    ssh = replace(network.rules[-1], name="ssh", protocol="tcp", first_port=22, last_port=22)
    report = prove_facts(replace(network, rules=(*network.rules, ssh)), expectations)
    assert report.needless == ("rule ssh",)
    assert "Needed by no flow:\n  rule ssh" in shown(report)


def test_an_allow_list_without_a_nat_address_locks_its_nodes_out(network, expectations):
    allowed = (OFFICE, IPv4Network("203.0.113.1/32"))
    closed_in = replace(network, api=replace(network.api, allowed=allowed))
    report = prove_facts(closed_in, replace(expectations, api_allowed=(OFFICE,)))
    assert closed(report) == ["3c"]
    assert "203.0.113.2" in report.missing[0].missing[0]


def test_a_node_with_its_own_public_address_does_not_pass_as_a_nat_gateway(network, expectations):
    interfaces = tuple(
        replace(i, subnet="remote-public", public=True) if i.kind == "hybrid nodes" else i
        for i in network.interfaces
    )
    report = prove_facts(replace(network, interfaces=interfaces), expectations)
    assert "3c" in closed(report)
    assert "own public address is not known" in report.missing[1].missing[0]


def test_a_plan_without_hybrid_nodes_says_so(network, expectations):
    rest = tuple(i for i in network.interfaces if i.kind != "hybrid nodes")
    report = prove_facts(replace(network, interfaces=rest), expectations)
    assert report.missing[0].missing == ("the plan has no hybrid nodes",)


def test_without_ubuntu_nobody_asks_for_plain_http(network, expectations):
    report = prove_facts(network, replace(expectations, ubuntu=False))
    assert report.passed
    assert report.needless == ("rule hybrid-out-internet-tcp80",)


def test_the_internet_reaches_the_load_balancer_and_the_api_only(network, expectations):
    exposed = prove_facts(network, expectations).exposed
    assert [(e.listener, e.ports, e.clients, e.expected) for e in exposed] == [
        ("ALB", "tcp 80", "0.0.0.0/0", True),
        ("API endpoint", "tcp 443", "0.0.0.0/0", True),
    ]


def test_an_allow_list_narrows_what_the_internet_reaches(network, expectations):
    nats = tuple(IPv4Network(n.public_ip) for n in network.nat_gateways)
    narrow = replace(
        network,
        rules=change(network.rules, "alb-in-clients-tcp80", peer=OFFICE),
        api=replace(network.api, allowed=(OFFICE, *nats)),
    )
    report = prove_facts(narrow, replace(expectations, alb_allowed=(OFFICE,), api_allowed=(OFFICE,)))
    assert report.passed
    assert {(e.listener, e.clients) for e in report.exposed} == {
        ("ALB", "198.51.100.0/24"),
        *(("API endpoint", cidr) for cidr in ("198.51.100.0/24", "203.0.113.1/32", "203.0.113.2/32")),
    }


def test_a_list_that_is_wider_than_the_settings_is_unexpected(network, expectations):
    report = prove_facts(network, replace(expectations, alb_allowed=(OFFICE,), api_allowed=(OFFICE,)))
    assert closed(report) == []
    assert [e.listener for e in report.unexpected] == ["ALB", "API endpoint"]
    assert not report.passed


def test_a_second_port_on_the_load_balancer_is_unexpected(network, expectations):
    wider = change(network.rules, "alb-in-clients-tcp80", last_port=8080)
    report = prove_facts(replace(network, rules=wider), expectations)
    assert [(e.listener, e.ports) for e in report.unexpected] == [("ALB", "tcp 80-8080")]
    assert "UNEXPECTED" in shown(report)


def test_a_private_node_is_not_reachable_however_open_its_group_is(network, expectations):
    rules = change(network.rules, "hybrid-in-alb-tcp30080", peer=IPv4Network("0.0.0.0/0"))
    assert prove_facts(replace(network, rules=rules), expectations).unexpected == ()


def test_a_node_with_a_public_address_in_a_public_subnet_is_reachable(network, expectations):
    rules = change(network.rules, "hybrid-in-alb-tcp30080", peer=IPv4Network("0.0.0.0/0"))
    interfaces = tuple(
        replace(i, subnet="remote-public", public=True) if i.kind == "hybrid nodes" else i
        for i in network.interfaces
    )
    exposed = prove_facts(replace(network, rules=rules, interfaces=interfaces), expectations)
    assert [(e.listener, e.ports) for e in exposed.unexpected] == [("hybrid nodes", "tcp 30080")]


def test_a_client_with_a_private_address_cannot_come_from_the_internet(network, expectations):
    intranet = IPv4Network("10.0.0.0/8")
    report = prove_facts(network, replace(expectations, alb_allowed=(intranet,)))
    assert closed(report) == ["13"]
    assert "no client on the internet" in report.missing[0].missing[0]


def lines_of(text: str, number: str) -> str:
    """What is printed about one flow."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.split()[1:2] == [number])
    rest = (i for i, line in enumerate(lines[first + 1 :], start=first + 1) if not line.startswith("      "))
    return "\n".join(lines[first : next(rest)])


def test_the_table_names_the_rules_and_the_routes_of_an_open_flow(network, expectations):
    about = lines_of(shown(prove_facts(network, expectations)), "11")
    assert about.startswith("open   11  ALB > hybrid nodes, tcp 30080")
    assert "rules: alb-out-hybrid-tcp30080, hybrid-in-alb-tcp30080" in about
    assert "routes: public to 10.90.0.0/16, remote to 10.10.0.0/16" in about


def test_the_table_says_what_a_closed_flow_breaks(network, expectations):
    about = lines_of(shown(prove_facts(without(network, "rule control-in-hybrid-tcp443"), expectations)), "1")
    assert about.startswith("CLOSED 1   hybrid nodes > control plane, tcp 443")
    assert "control has no ingress rule for tcp 443 from 10.90.1.0" in about
    assert "without it: pods and Calico there cannot reach the API" in about


def test_names_that_differ_in_a_number_are_printed_as_one():
    assert abridged(["from-managed-1", "from-managed-2", "other"]) == ["from-managed-1,2", "other"]


def test_the_nat_gateway_stands_in_its_own_vpc(network, expectations):
    borrowed = change(network.nat_gateways, "on-prem", subnet="public", public_ip=IPv4Address("203.0.113.2"))
    report = prove_facts(replace(network, nat_gateways=borrowed), expectations)
    assert closed(report) == ["3a", "3c", "14"]


def test_a_peering_of_other_vpcs_carries_nothing(network, expectations):
    elsewhere = replace(network.peerings[0], id="other", name="other", vpcs=frozenset({"on-prem", "third"}))
    routes = change(network.routes, "private to 10.90.0.0/16", via="other")
    report = prove_facts(
        replace(network, peerings=(*network.peerings, elsewhere), routes=routes), expectations
    )
    assert "7" in closed(report)
    assert "peering other, which is not this VPC's" in report.missing[0].missing[0]


def test_an_internal_load_balancer_has_no_clients(network, expectations):
    interfaces = tuple(replace(i, public=False) if i.kind == "ALB" else i for i in network.interfaces)
    report = prove_facts(replace(network, interfaces=interfaces), expectations)
    assert closed(report) == ["13"]
    assert report.missing[0].missing == ("ALB in public has no public address",)
    assert [e.listener for e in report.exposed] == ["API endpoint"]


def test_an_address_that_both_vpcs_claim_stays_at_home(network, expectations):
    greedy = tuple(replace(v, cidr=IPv4Network("10.0.0.0/8")) if v.id == "eks" else v for v in network.vpcs)
    report = prove_facts(replace(network, vpcs=greedy), expectations)
    assert "7" in closed(report)
    row = next(row for row in report.missing if row.flow.number == "7")
    assert "the address of remote is taken for eks" in row.missing[0]
