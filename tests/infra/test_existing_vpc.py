"""A VPC that was there before: what is refused before anything is made, and that only what leads to the site is."""

import re
from dataclasses import replace

import pytest

from infra.existing_vpc import SeenSubnet, SeenVpc, egress_cidrs, refusals
from infra.shapes import ExistingVpc
from tests.conftest import EXISTING_VPC, OWN_SITE

ROUTE = "aws:ec2/route:Route"
NAT, INTERNET = "nat-00000000000000aa0", "igw-00000000000000aa0"
SETTINGS = ExistingVpc(vpc_id="vpc-1", private_subnet_ids=(), public_subnet_ids=(), egress_cidrs=())
EVERYWHERE, OFFICE = ["0.0.0.0/0"], ["198.51.100.0/24"]


def subnet(name, zone, table, vpc="vpc-1"):
    return SeenSubnet(id=name, vpc_id=vpc, cidr="10.30.1.0/24", zone=zone, table=table)


GOOD = SeenVpc(
    id="vpc-1",
    cidrs=["10.30.0.0/16", "100.64.0.0/16"],
    dns_support=True,
    dns_hostnames=True,
    private=[subnet("private-a", "r1a", "rtb-private"), subnet("private-c", "r1c", "rtb-private")],
    public=[subnet("public-a", "r1a", "rtb-public"), subnet("public-c", "r1c", "rtb-public")],
    ways_out={"rtb-private": NAT, "rtb-public": INTERNET},
    nat_addresses={NAT: ["203.0.113.7"]},
    zones=["r1a", "r1c", "r1d"],
)


def told(vpc=GOOD, settings=SETTINGS, *, others=None, allowed=EVERYWHERE):
    return list(refusals(vpc, settings, others=others or {}, allowed_cidrs=allowed))


def test_a_vpc_of_a_usual_kind_is_taken():
    others = {"podCidr": ["192.168.0.0/16"], "site.nodeCidrs": ["10.80.0.0/16", "10.81.0.0/16"]}
    assert told(others=others) == told(others=others, allowed=OFFICE) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dns_support": False}, "network.vpcId vpc-1 has no DNS resolution, which EKS needs"),
        ({"dns_hostnames": False}, "aws ec2 modify-vpc-attribute --vpc-id vpc-1 --enable-dns-hostnames"),
        (
            {"private": [GOOD.private[0], subnet("b", "r1c", "rtb-private", vpc="vpc-2")]},
            "network.privateSubnetIds b is of vpc-2, not of network.vpcId vpc-1",
        ),
        (
            {"public": [GOOD.public[0], subnet("b", "r1e", "rtb-public")]},
            "network.publicSubnetIds b is in r1e, which holds no control plane of EKS: those of this region are r1a,",
        ),
        (
            {"private": [*GOOD.private, subnet("b", "r1c", "rtb-private")]},
            "network.privateSubnetIds private-c and b are both in r1c",
        ),
        (
            {"public": [GOOD.public[0]]},
            "network.publicSubnetIds are in one zone, and EKS and load balancers want two",
        ),
        (
            {"ways_out": {"rtb-public": INTERNET}},
            "network.privateSubnetIds private-a has no way out: route table rtb-private has no route to 0.0.0.0/0",
        ),
        (
            {"ways_out": {"rtb-private": INTERNET, "rtb-public": INTERNET}},
            "network.privateSubnetIds private-a leads to an internet gateway",
        ),
        (
            {"ways_out": {"rtb-private": NAT, "rtb-public": NAT}},
            "network.publicSubnetIds public-a has no default route to an internet gateway (route table rtb-public)",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_is_refused_with_the_setting_and_the_way_out(change, words):
    texts = told(replace(GOOD, **change))
    assert any(words in text for text in texts)
    assert all(re.search("(pulumi config (set|rm)|aws ec2) ", text) for text in texts)


@pytest.mark.parametrize("cidr", ["10.30.4.0/24", "100.64.0.0/10"])
def test_no_range_of_the_vpc_may_be_somebody_elses_too(cidr):
    (text,) = told(others={"podCidr": [cidr]})
    assert text.startswith(f"podCidr {cidr} overlaps ")
    assert (
        "a range of network.vpcId vpc-1. Choose a range outside it: pulumi config set podCidr 10.0.0.0/16"
        in text
    )


def test_of_a_data_centre_and_a_vpc_that_overlap_it_is_the_vpc_that_can_be_another():
    (text,) = told(others={"podCidr": ["10.0.0.0/16"], "site.nodeCidrs": ["10.30.4.0/24"]})
    assert text.endswith("name another VPC, pulumi config set --path network.vpcId VPC")


def test_a_narrow_api_wants_to_know_from_where_the_nodes_come():
    central = replace(GOOD, ways_out={**GOOD.ways_out, "rtb-private": "tgw-1"}, nat_addresses={})
    assert told(central) == []
    assert [text.partition(": its")[0] for text in told(central, allowed=OFFICE)] == [
        "apiAllowedCidrs 198.51.100.0/24 would lock out the nodes in private-a",
        "apiAllowedCidrs 198.51.100.0/24 would lock out the nodes in private-c",
    ]
    assert told(central, replace(SETTINGS, egress_cidrs=("203.0.113.9/32",)), allowed=OFFICE) == []


def test_ranges_of_the_settings_are_let_in_beside_those_that_were_found(record):
    settings = replace(SETTINGS, egress_cidrs=("203.0.113.9/32",))
    assert egress_cidrs(GOOD, settings) == ("203.0.113.7/32", "203.0.113.9/32")
    network = {**EXISTING_VPC["network"], "egressCidrs": ["203.0.113.9/32"]}
    clusters = [
        record(network=each, apiAllowedCidrs=OFFICE).one("eks:index:Cluster").inputs["publicAccessCidrs"]
        for each in (EXISTING_VPC["network"], network)
    ]
    assert set(clusters[1]) - set(clusters[0]) == {"203.0.113.9/32"}


def test_eks_takes_forty_ranges_with_those_of_the_ways_out():
    (text,) = told(allowed=[f"198.51.100.{number}/32" for number in range(40)])
    assert "there are 41: EKS takes 40" in text


def test_only_what_leads_to_the_site_is_made_in_it(record):
    recording = record(**EXISTING_VPC)
    network = EXISTING_VPC["network"]
    made = {each.name for each in recording.of_type("aws:ec2/vpc:Vpc")}
    assert made == {"on-prem"}
    assert {each.inputs["vpcId"] for each in recording.of_type("aws:ec2/subnet:Subnet")}.isdisjoint(
        {network["vpcId"]}
    )
    peering = recording.one("aws:ec2/vpcPeeringConnection:VpcPeeringConnection")
    assert peering.inputs["vpcId"] == network["vpcId"]
    routes = {each.name: each.inputs["routeTableId"] for each in recording.of_type(ROUTE)}
    assert routes["peering-vpc-the private table"] == "the private table"
    assert routes["peering-vpc-the public table"] == "the public table"
    cluster = recording.one("eks:index:Cluster").inputs
    assert cluster["privateSubnetIds"] == network["privateSubnetIds"]
    assert recording.stack_outputs["privateSubnetIds"] == network["privateSubnetIds"]
    assert recording.stack_outputs["vpcId"] == network["vpcId"]


def test_a_site_of_ones_own_is_reached_from_every_table_in_use(record):
    recording = record(**EXISTING_VPC, **OWN_SITE)
    assert recording.of_type("aws:ec2/vpc:Vpc") == recording.of_type("aws:ec2/subnet:Subnet") == []
    assert len(recording.of_type(ROUTE)) == 4  # two tables, two ranges
    attachment = recording.one("aws:ec2transitgateway/vpcAttachment:VpcAttachment").inputs
    assert attachment["subnetIds"] == EXISTING_VPC["network"]["privateSubnetIds"]
