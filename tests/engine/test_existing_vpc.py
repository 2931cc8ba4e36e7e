"""The life of a stack in a VPC that somebody else has made, with a data centre of one's own behind a transit gateway.

Nothing of the VPC changes but by what the stack adds, and all of that goes again.
"""

import pytest

from tests.engine.clouds import to_the_last_byte
from tests.engine.conftest import BOUNDARY
from tests.engine.harness import type_of
from tests.engine.standin.gateways import TRANSIT_ATTACHMENT, TRANSIT_GATEWAY
from tests.engine.standin.networks import (
    EXISTING,
    MAIN_TABLE,
    NAT_ADDRESS,
    PRIVATE,
    PRIVATE_TABLE,
    PUBLIC,
    VPC,
)
from tests.engine.standin.refusals import POLICY

pytestmark = pytest.mark.engine

REGION = "eu-central-1"
TGW = "tgw-0123456789abcdef0"
RANGE = "10.80.0.0/16"
OFFICE = "198.51.100.0/24"
NETWORK = {"vpcId": EXISTING, "privateSubnetIds": list(PRIVATE), "publicSubnetIds": list(PUBLIC)}


@pytest.fixture(scope="module")
def rig(new_rig):
    rig = new_rig(small=True)
    rig.stack.there_is(POLICY, BOUNDARY)
    rig.stack.there_is(TRANSIT_GATEWAY, TGW, ownerId="999999999999", state="available", accepts=True)
    rig.stack.there_is_a_vpc_of_others(REGION)
    rig.stack.configure(
        network=NETWORK,
        site={"nodeCidrs": [RANGE], "transitGatewayId": TGW},
        hybridNodes=[{"name": "rack-1", "address": "10.80.0.11"}],
        apiAllowedCidrs=[OFFICE],
        permissionsBoundaryArn=BOUNDARY,
    )
    return rig


@pytest.fixture(scope="module")
def refused(rig, before):
    """`pulumi up` while the VPC has no DNS host names, and with pods in one of its ranges."""
    assert before
    rig.stack.there_is(VPC, EXISTING, cidrBlock="10.30.0.0/16", enableDnsHostnames=False)
    with rig.stack.configured(podCidr="10.30.0.0/16"):
        step = rig.stack.step(lambda: rig.stack.up(succeeds=False))
    rig.stack.there_is_a_vpc_of_others(REGION)
    return step


@pytest.fixture(scope="module")
def built(rig, refused):
    assert refused.run.code != 0
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def while_it_is_up(rig, built):
    assert built.run.code == 0
    return to_the_last_byte(rig.stack.world())


@pytest.fixture(scope="module")
def again(rig, while_it_is_up):
    assert while_it_is_up
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def moved(rig, again):
    """`pulumi preview` with a VPC of the stack's own in its place."""
    assert again.run.code == 0
    with rig.stack.configured(network={}):
        return rig.stack.step(lambda: rig.stack.preview(succeeds=False))


@pytest.fixture(scope="module")
def elsewhere(rig, moved):
    """`pulumi preview` with another region, where there is no such VPC."""
    assert moved.run.code != 0
    with rig.stack.configured(aws_region="eu-west-1"):
        return rig.stack.step(lambda: rig.stack.preview(succeeds=False))


@pytest.fixture(scope="module")
def destroyed(rig, elsewhere):
    assert elsewhere.run.code != 0
    return rig.stack.step(rig.stack.destroy)


def test_what_does_not_fit_is_refused_before_anything_is_made(refused):
    assert "has no DNS host names, which EKS needs" in refused.run.text
    assert (
        f"podCidr 10.30.0.0/16 overlaps 10.30.0.0/16, a range of network.vpcId {EXISTING}" in refused.run.text
    )
    assert refused.of("Create") == []
    # Nothing of it is remembered either: the subnets that it refuses may be others next time.
    assert [each["type"] for each in refused.resources if "FixedSettings" in each["type"]] == []


def test_no_network_is_made(built):
    made = {call.type for call in built.of("Create") if call.type.startswith("aws:ec2")}
    assert made == {
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:ec2/route:Route",
        "aws:ec2/securityGroup:SecurityGroup",
        TRANSIT_ATTACHMENT,
    }


def test_each_table_that_the_subnets_use_gets_a_route_of_its_own_resource(built):
    routes = [call.details["inputs"] for call in built.of("Create", "aws:ec2/route:Route")]
    assert {each["routeTableId"] for each in routes} == {PRIVATE_TABLE, MAIN_TABLE}
    assert {each["destinationCidrBlock"] for each in routes} == {RANGE}


def test_the_cluster_and_the_nodes_stand_in_the_private_subnets_and_the_balancer_in_the_public_ones(built):
    cluster = built.one("Create", "aws:eks/cluster:Cluster").details["inputs"]["vpcConfig"]
    assert cluster["subnetIds"] == list(PRIVATE)
    assert built.one("Create", "aws:eks/nodeGroup:NodeGroup").details["inputs"]["subnetIds"] == list(PRIVATE)
    assert built.one("Create", "aws:lb/loadBalancer:LoadBalancer").details["inputs"]["subnets"] == list(
        PUBLIC
    )


def test_a_narrow_api_has_the_address_of_the_nat_gateway_that_was_found(built):
    cluster = built.one("Create", "aws:eks/cluster:Cluster").details["inputs"]["vpcConfig"]
    assert cluster["publicAccessCidrs"] == [OFFICE, f"{NAT_ADDRESS}/32"]


def test_the_clusters_own_role_has_the_boundary_too(built):
    roles = {
        call.name: call.details["inputs"].get("permissionsBoundary")
        for call in built.of("Create", "aws:iam/role:Role")
    }
    assert roles == dict.fromkeys(("eks-eksRole-role", "hybrid-node", "managed-node"), BOUNDARY)


def test_what_is_somebody_elses_is_as_it_was_while_the_stack_is_up(before, while_it_is_up):
    assert {key: while_it_is_up[key] for key in before} == before


def test_a_second_up_finds_its_own_routes_and_changes_nothing(again):
    assert again.changes == []
    assert "updated" not in again.run.text


def test_the_stack_never_leaves_the_vpc(moved):
    assert (
        f"network cannot change from {EXISTING} ({', '.join([*PRIVATE, *PUBLIC])}) to the VPC of this stack"
        in (moved.run.text)
    )
    assert moved.changes == []


def test_an_id_that_is_not_there_is_refused_with_the_region_and_the_account_that_were_asked(elsewhere):
    assert (
        f"network.vpcId {EXISTING} cannot be read in aws:region eu-west-1 as account 123456789012: "
        in elsewhere.run.text
    )
    assert "aws ec2 describe-vpcs --region eu-west-1" in elsewhere.run.text
    assert elsewhere.changes == []


def test_after_the_destroy_everything_is_as_it_was(rig, before, destroyed):
    assert destroyed.run.code == 0
    assert to_the_last_byte(rig.stack.world()) == before
    assert [each for each in destroyed.resources if type_of(each["urn"]).startswith("aws:")] == []
