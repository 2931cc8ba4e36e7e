"""A stack as a company keeps it, with all of it at once: planned, proven, brought up, changed and taken down.

It stands in a VPC that somebody else has made, beside a data centre of one's own behind a transit gateway; it has no
demonstration, a permissions boundary, a registry of one's own, administrators, and more than one managed node group.
"""

import json

import pytest
from typer.testing import CliRunner

from k8s.images import images
from ops.cli import app
from tests.engine.breaking import join
from tests.engine.clouds import to_the_last_byte
from tests.engine.conftest import BOUNDARY, COLLEAGUE
from tests.engine.standin.gateways import TRANSIT_GATEWAY
from tests.engine.standin.networks import (
    EXISTING,
    NAT_ADDRESS,
    NAT_GATEWAY,
    PRIVATE,
    PUBLIC,
    in_answers_of_aws,
)
from tests.engine.standin.refusals import POLICY
from tests.engine.standin.world import ACCESS_ENTRY, ACTIVATION, CLUSTER, NODE_GROUP
from tests.manifest import small_manifest

pytestmark = pytest.mark.engine

REGION = "eu-central-1"
TGW, RANGE, OFFICE = "tgw-0123456789abcdef0", "10.80.0.0/16", "198.51.100.0/24"
OTHER_BOUNDARY = "arn:aws:iam::123456789012:policy/teams/boundary"
REGISTRY, OTHER_REGISTRY = "registry.example.com/mirror", "registry.example.com:5000"
NETWORK = {"vpcId": EXISTING, "privateSubnetIds": list(PRIVATE)}
RACK_1 = {"name": "rack-1", "address": "10.80.0.11"}
RACK_2 = {"name": "rack-2", "address": "10.80.0.12", "os": "al2023", "architecture": "arm64"}
BATCH = {"name": "batch", "instanceType": "m7i.large", "taints": ["batch=yes:NoSchedule"]}
SETTINGS = {
    "network": NETWORK,
    "sampleApp": False,
    "site": {"nodeCidrs": [RANGE], "transitGatewayId": TGW},
    "hybridNodes": [RACK_1],
    "apiAllowedCidrs": [OFFICE],
    "permissionsBoundaryArn": BOUNDARY,
    "imageRegistry": REGISTRY,
    "clusterAdmins": [COLLEAGUE],
    "managedNodes": {"labels": {"pool": "system"}, "taints": ["system=yes:PreferNoSchedule"]},
    "moreManagedNodes": [BATCH],
}
ROLE = "aws:iam/role:Role"


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """`ops plan` of these settings, with what AWS says of the VPC: exit code, and the plan."""
    file = tmp_path_factory.mktemp("plan") / "network.json"
    file.write_text(in_answers_of_aws(REGION), encoding="utf-8")
    calico, sha256 = small_manifest(file.parent)
    settings = {
        "calicoManifest": str(calico),
        "calicoManifestSha256": sha256,
        **SETTINGS,
        "aws:region": REGION,
    }
    words = [
        word
        for key, value in settings.items()
        for word in ("--config", f"{key}={value if isinstance(value, str) else json.dumps(value)}")
    ]
    done = CliRunner().invoke(app, ["plan", "--stack", "dev", "--json", "--network", str(file), *words])
    assert done.stdout, done.stderr
    return done.exit_code, json.loads(done.stdout)


@pytest.fixture(scope="module")
def rig(new_rig):
    rig = new_rig(small=True)
    for boundary in (BOUNDARY, OTHER_BOUNDARY):
        rig.stack.there_is(POLICY, boundary)
    rig.stack.there_is(TRANSIT_GATEWAY, TGW, ownerId="999999999999", state="available", accepts=True)
    rig.stack.there_is_a_vpc_of_others(REGION)
    rig.stack.configure(**SETTINGS)
    return rig


def up(rig):
    """`pulumi up`, the machines joined, what there is then, and the next preview."""
    step = rig.stack.step(rig.stack.up)
    join(rig)
    return step, rig.stack.world(), rig.stack.step(rig.stack.preview)


@pytest.fixture(scope="module")
def built(rig, before):
    assert before
    return up(rig)


@pytest.fixture(scope="module")
def changed(rig, built):
    """A label, a machine more, another registry, another boundary."""
    assert built[0].run.code == 0
    rig.stack.configure(
        managedNodes={"labels": {"pool": "first"}},
        hybridNodes=[RACK_1, RACK_2],
        imageRegistry=OTHER_REGISTRY,
        permissionsBoundaryArn=OTHER_BOUNDARY,
    )
    return up(rig)


@pytest.fixture(scope="module")
def with_the_sample_app(rig, changed):
    """Previews with the sample app: without public subnets for its load balancer, and with them."""
    assert changed[0].run.code == 0
    with rig.stack.configured(sampleApp=True):
        refused = rig.stack.step(lambda: rig.stack.preview(succeeds=False))
    with rig.stack.configured(sampleApp=True, network={**NETWORK, "publicSubnetIds": list(PUBLIC)}):
        return refused, rig.stack.step(rig.stack.preview)


@pytest.fixture(scope="module")
def destroyed(rig, with_the_sample_app):
    assert with_the_sample_app[1].run.code == 0
    return rig.stack.step(rig.stack.destroy)


def test_the_plan_can_be_built_and_every_flow_that_can_be_seen_is_open(planned):
    code, plan = planned
    assert (code, plan["verdict"], plan["needlessRules"]) == (0, "partial", [])
    assert [flow for flow in plan["flows"] if flow["missing"]] == []
    # What lies behind a gateway that is somebody else's has not been seen.
    closed = {flow["flow"]: flow.get("notSeen") for flow in plan["flows"] if not flow["open"]}
    assert closed == {flow: [f"that {NAT_GATEWAY} leads to the internet"] for flow in ("3b", "3d")}
    assert not any("ALB" in (flow["from"], flow["to"]) for flow in plan["flows"])
    assert {exposure["listener"] for exposure in plan["exposed"]} == {"API endpoint"}


def test_what_is_planned_is_what_is_built(planned, built):
    wanted = {
        (each["type"], each["name"]) for each in planned[1]["resources"] if each["type"].startswith("aws:")
    }
    made = {(call.type, call.name) for call in built[0].of("Create", "aws:")}
    assert wanted - made == set()
    # Inside of pulumi_eks, which a plan shows as one thing.
    assert {name for _, name in made - wanted} == {
        "eks-eksCluster",
        "eks-eksRole-4b490823",
        "eks-eksRole-role",
        "eks-kube-proxy",
    }


def test_every_role_in_aws_has_the_boundary(built, changed):
    for (_, world, _), boundary in ((built, BOUNDARY), (changed, OTHER_BOUNDARY)):
        roles = [role.inputs.get("permissionsBoundary") for role in world.of(ROLE)]
        # The cluster's inside pulumi_eks, and one of each kind of node.
        assert roles == [boundary] * 3


def test_every_image_that_kubernetes_is_told_is_of_the_registry(built, changed):
    for (_, world, _), registry in ((built, REGISTRY), (changed, OTHER_REGISTRY)):
        objects = [thing.inputs for thing in world if thing.token.startswith("kubernetes:")]
        told = [image for inputs in objects for image in images(inputs)]
        assert len(told) > 5
        assert [image for image in told if not image.startswith(f"{registry}/")] == []


def test_administrators_labels_and_groups_are_those_of_the_settings(built):
    step, *_ = built
    assert COLLEAGUE in {call.details["inputs"]["principalArn"] for call in step.of("Create", ACCESS_ENTRY)}
    groups = {call.name: call.details["inputs"] for call in step.of("Create", NODE_GROUP)}
    assert groups.keys() == {"managed", "managed-batch"}
    assert groups["managed"]["labels"] == {"pool": "system"}
    assert {group["taints"][0]["key"] for group in groups.values()} == {"system", "batch"}


def test_pods_get_credentials_and_nothing_faces_the_internet(rig, built):
    step, *_ = built
    outputs = rig.stack.outputs()
    assert outputs["oidcProviderArn"]
    assert not {"albUrl", "albDnsName"} & outputs.keys()
    assert [call.key for call in step.of("Create", "aws:lb/")] == []
    api = step.one("Create", CLUSTER).details["inputs"]["vpcConfig"]["publicAccessCidrs"]
    assert api == [OFFICE, f"{NAT_ADDRESS}/32"]


def test_what_is_somebody_elses_is_as_it_was(rig, before, built, changed, destroyed):
    for _, world, _ in (built, changed):
        there = to_the_last_byte(world)
        assert {key: there[key] for key in before} == before
    assert destroyed.run.code == 0
    assert to_the_last_byte(rig.stack.world()) == before


def test_each_time_the_next_preview_is_empty(built, changed):
    for preview in (built[-1], changed[-1]):
        assert preview.changes == []
        assert not any(word in preview.run.text for word in ("to create", "to update", "to delete"))


def test_each_change_is_made_where_it_stands(changed):
    step, *_ = changed
    assert {(call.type, call.name.partition(".")[0]) for call in step.of("Create", "aws:")} == {
        (ACTIVATION, "rack-2")
    }
    assert step.of("Delete") == []
    (group,) = step.of("Update", NODE_GROUP)
    assert group.details["inputs"]["labels"] == {"pool": "first"}


def test_the_sample_app_wants_public_subnets_and_may_come_with_them(with_the_sample_app):
    refused, taken = with_the_sample_app
    assert "network.publicSubnetIds" in refused.run.text
    assert "for the load balancer of sampleApp" in refused.run.text
    assert refused.changes == []
    assert "aws:lb:LoadBalancer" in taken.run.text


def test_nothing_is_left(rig, destroyed):
    assert destroyed.run.code == 0
    assert rig.stack.left() == []
    assert (rig.apis.nodes, rig.apis.machines) == ({}, {})
