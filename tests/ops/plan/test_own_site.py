"""`ops plan` for a data centre of one's own: flows proven as far as it goes, what its firewall must open, a picture."""

import csv
import io
from dataclasses import replace

import pytest
from rich.console import Console

from infra import versions
from ops.plan import firewall
from ops.plan.evaluation import Plan
from ops.plan.flows import Expectations, prove
from ops.plan.picture import draw
from tests.conftest import OWN_SITE

RANGES = ["10.80.0.0/16", "10.81.0.0/24"]
WAYS = {
    "transit": {"transitGatewayId": "tgw-0123456789abcdef0"},
    "vpn": {"vpnGatewayId": "vgw-0123456789abcdef0"},
    "none": {"routes": "none"},
}


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture
def planned(record, config):
    def plan(way, **changes):
        overrides = {**OWN_SITE, "site": {"nodeCidrs": RANGES, **WAYS[way]}, **changes}
        recording = record(**overrides)
        expectations = Expectations.from_config(config(**overrides))
        return Plan(recording=recording, flows=prove(recording, expectations), notes=()), expectations

    return plan


def test_every_flow_is_open_and_nothing_is_needless(planned, way):
    plan, _ = planned(way)
    assert [row.missing for row in plan.flows.rows if row.missing] == []
    assert plan.flows.passed
    assert plan.flows.needless == ()


@pytest.mark.parametrize(
    ("way", "type_", "flows"),
    [
        ("transit", "aws:ec2transitgateway/vpcAttachment:VpcAttachment", {"4", "7", "8", "11", "12b"}),
        ("vpn", "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment", {"4", "7", "8", "11", "12b"}),
        ("vpn", "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation", {"4", "7", "11"}),
    ],
)
def test_without_the_way_the_flows_across_it_are_closed(planned, way, type_, flows):
    plan, expectations = planned(way)
    rest = {urn: r for urn, r in plan.recording.resources.items() if r.type != type_}
    # Without any attachment the plan would take the routes for somebody else's.
    lost = prove(replace(plan.recording, resources=rest), replace(expectations, routes_elsewhere=False))
    assert flows <= {row.flow.number for row in lost.missing}


def test_a_route_for_each_range_is_needed(planned):
    plan, expectations = planned("transit")
    rest = {urn: r for urn, r in plan.recording.resources.items() if r.name != "site-private-10.81.0.0/24"}
    lost = prove(replace(plan.recording, resources=rest), expectations)
    assert {"4", "7"} <= {row.flow.number for row in lost.missing}


def test_what_is_taken_for_granted_is_listed(planned, way, dev, config):
    plan, _ = planned(way)
    words = {"transit": "transit gateway", "vpn": "virtual private gateway", "none": "Somebody else"}[way]
    assert any(words in line for line in plan.flows.assumptions)
    assert any("route back" in line for line in plan.flows.assumptions)
    assert not any(
        "data centre" in line for line in prove(dev, Expectations.from_config(config())).assumptions
    )


def test_the_list_for_the_firewall_has_every_flow_of_the_hybrid_nodes(planned):
    plan, _ = planned("transit")
    rows = list(csv.DictReader(io.StringIO(firewall.to_csv(plan))))
    assert {row["data_centre"] for row in rows} == set(RANGES)
    found = {(row["direction"], row["protocol"], row["port"], row["who"]) for row in rows}
    assert found == {
        ("out", "tcp", "443", "control plane"),
        ("out", "tcp", "443", "internet"),
        ("out", "tcp", "443", "API endpoint"),
        ("out", "tcp", "80", "internet"),
        ("in", "tcp", "10250", "control plane"),
        ("in", "tcp", "10250", "managed nodes"),
        ("in", "udp", "4789", "managed nodes"),
        ("out", "udp", "4789", "managed nodes"),
        ("inside", "udp", "4789", "hybrid nodes"),
        ("in", "tcp", "30080", "ALB"),
        ("in", "tcp", "30080", "managed nodes"),
        ("out", "tcp", "30080", "managed nodes"),
        ("inside", "tcp", "30080", "hybrid nodes"),
    }
    assert {row["other_end"] for row in rows if row["who"] == "ALB"} == {"10.10.101.0/24", "10.10.102.0/24"}
    assert all(row["without_it"] for row in rows)


@pytest.mark.parametrize("image", [name for name in vars(versions) if name.endswith("_IMAGE")])
def test_the_list_has_the_registry_of_each_image(planned, image):
    # What a registry redirects to is asked too: of registry.k8s.io come CoreDNS of the site and metrics-server.
    asked = {
        "docker.io": {"registry-1.docker.io", "auth.docker.io", "production.cloudflare.docker.com"},
        "ghcr.io": {"ghcr.io", "pkg-containers.githubusercontent.com"},
        "registry.k8s.io": {
            "registry.k8s.io",
            "*.pkg.dev",
            "prod-registry-k8s-io-*.s3.dualstack.*.amazonaws.com",
        },
    }
    plan, _ = planned("transit")
    rows = csv.DictReader(io.StringIO(firewall.to_csv(plan)))
    names = {row["other_end"] for row in rows if (row["who"], row["port"]) == ("internet", "443")}
    assert asked[getattr(versions, image).partition("/")[0]] <= names
    assert not any(" " in name for name in names), "a row is one host"


def test_an_image_of_a_registry_without_known_hosts_is_told(planned, monkeypatch):
    monkeypatch.setattr(versions, "COREDNS_IMAGE", "registry.example.com/coredns:v1")
    plan, _ = planned("transit")
    with pytest.raises(KeyError, match=r"registry\.example\.com"):
        firewall.to_csv(plan)


def test_on_a_terminal_what_differs_in_its_address_only_is_one_row(planned):
    plan, _ = planned("transit")
    console = Console(file=io.StringIO(), width=140, record=True)
    console.print(firewall.render(plan))
    text = console.export_text()
    assert "What the data centre (10.80.0.0/16, 10.81.0.0/24) must open, as it sees it" in text
    (alb,) = [line for line in text.splitlines() if line.split()[3:4] == ["ALB"]]
    assert alb.split()[:5] == ["in", "tcp", "30080", "ALB", "10.10.101.0/24"]
    assert text.count("10.10.102.0/24") == 1


def test_where_a_vpc_plays_the_data_centre_there_is_no_such_list(dev, config):
    plan = Plan(recording=dev, flows=prove(dev, Expectations.from_config(config())), notes=())
    assert firewall.render(plan) is None
    with pytest.raises(ValueError, match="a VPC of this stack plays the data centre"):
        firewall.to_csv(plan)


def test_the_picture_has_a_data_centre_in_place_of_the_vpc(planned, way):
    plan, _ = planned(way)
    text = draw(plan.recording, plan.flows)
    assert "Your data centre 10.80.0.0/16 +1" in text
    assert "rack-1" in text
    assert "10.81.0.12" in text
    assert "peering" not in text.partition("<!-- flows")[0].rpartition("<!-- between them -->")[2]
    link = text.partition("<!-- between them -->")[2].partition("<!-- flows")[0]
    assert {"transit": "transit", "vpn": "VPN", "none": "routes"}[way] in link
