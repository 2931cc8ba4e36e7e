"""The life of a stack with a data centre of one's own, in the real engine, behind one gateway after the other.

A person joins the machines, with what `ops join` writes; the stand-in for Systems Manager admits only what it should.
"""

import json
import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from infra.names import LEAVE
from ops.cli import app
from tests.engine.harness import name_of, needs, type_of
from tests.engine.hybrid_apis import RegistrationError
from tests.engine.standin.gateways import TRANSIT_ATTACHMENT, TRANSIT_GATEWAY, VPN_ATTACHMENT, VPN_GATEWAY
from tests.engine.standin.world import TARGET

pytestmark = pytest.mark.engine

NOW = datetime.now(UTC)
ACTIVATION = "aws:ssm/activation:Activation"
PROPAGATION = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"
ROUTE = "aws:ec2/route:Route"
TGW = "tgw-0123456789abcdef0"
OWNER = {"ownerId": "999999999999", "state": "available"}
VGW, OTHER_VGW = "vgw-0123456789abcdef0", "vgw-0fedcba9876543210"
# As an earlier release of this program named its targets.
AS_BEFORE = 'f"hybrid-{known}" if known else former,', "former,"
RANGE, OTHER_RANGE = "10.80.0.0/16", "10.81.0.0/24"
RACK_1 = {"name": "rack-1", "address": "10.80.0.11"}
RACK_2 = {"name": "rack-2", "address": "10.80.0.12", "os": "al2023", "architecture": "arm64"}
# Its name begins like another one's: a command for rack-1 must not mean it.
RACK_10 = {"name": "rack-10", "address": "10.81.0.10"}


def site(*ranges, **way):
    return {"nodeCidrs": list(ranges), **way}


def ops_join(rig, name, *, hours_later=0):
    """Run `ops join` on the outputs that the real stack has, or on those of a stack some hours older."""
    outputs = rig.stack.outputs()
    for join in outputs["joins"].values():
        join["expires"] = str(datetime.fromisoformat(join["expires"]) - timedelta(hours=hours_later))
    file = rig.stack.folder / "outputs.json"
    file.write_text(json.dumps(outputs), encoding="utf-8")
    return CliRunner().invoke(app, ["join", name, "--outputs", str(file)])


def run_on_the_machine(rig, name, script):
    """Let a machine do what the script says, as far as Systems Manager sees it."""
    activation, code = (
        found(rf"{key}: *\"?([^\s\"]+)", script) for key in ("activationId", "activationCode")
    )
    return rig.apis.register(activation, code, name)


def found(pattern, text):
    """Return what the group of a pattern holds."""
    match = re.search(pattern, text)
    assert match, f"{pattern} is not in:\n{text}"
    return match[1]


def made(step, token):
    return {call.name: call for call in step.of("Create", token)}


def targets(rig):
    """Return the addresses that the load balancer sends requests to."""
    return {each.inputs["targetId"] for each in rig.stack.world().of(TARGET)}


def hours(call):
    """For how many hours an activation was asked for, when this module was begun: the stack takes minutes at most."""
    return round(
        (datetime.fromisoformat(call.details["inputs"]["expirationDate"]) - NOW) / timedelta(hours=1)
    )


@pytest.fixture(scope="module")
def rig(new_rig):
    """A stack behind a transit gateway of another account, whose owner accepts attachments by hand."""
    rig = new_rig(small=True)
    rig.stack.there_is(TRANSIT_GATEWAY, TGW, **OWNER, accepts=False)
    for gateway in (VGW, OTHER_VGW):
        rig.stack.there_is(VPN_GATEWAY, gateway, state="available")
    rig.stack.configure(
        site=site(RANGE, transitGatewayId=TGW), hybridNodes=[RACK_1, RACK_2], activationHours=48
    )
    rig.stack.edit("infra/load_balancer.py", *AS_BEFORE)
    return rig


@pytest.fixture(scope="module")
def waiting(rig):
    """The first `pulumi up`: the attachment waits for its owner."""
    return rig.stack.step(lambda: rig.stack.up(succeeds=False))


@pytest.fixture(scope="module")
def built(rig, waiting):
    """The next one, after the owner has accepted it."""
    assert waiting.run.code != 0
    rig.stack.there_is(TRANSIT_GATEWAY, TGW, **OWNER, accepts=True)
    return rig.stack.step(rig.stack.up)


@dataclass(frozen=True, kw_only=True)
class Joined:
    """A machine that a person has joined. `refused`: why the same script admits no second one."""

    name: str
    activation: str
    refused: str


@pytest.fixture(scope="module")
def joined(rig, built):
    """What a person runs on rack-2, and then on another machine by mistake."""
    assert built.run.code == 0
    done = ops_join(rig, "rack-2")
    assert done.exit_code == 0
    machine = run_on_the_machine(rig, "rack-2", done.stdout)
    with pytest.raises(RegistrationError) as error:
        run_on_the_machine(rig, "rack-2", done.stdout)
    return Joined(name=machine, activation=rig.apis.nodes[machine], refused=str(error.value))


@pytest.fixture(scope="module")
def again(rig, joined):
    """`pulumi up` with nothing changed but the release, after one machine has joined."""
    assert joined
    rig.stack.edit("infra/load_balancer.py", *reversed(AS_BEFORE))
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def changed(rig, again):
    """A machine more, in a range more; another address; activations for longer."""
    assert again.run.code == 0
    rig.stack.configure(
        site=site(RANGE, OTHER_RANGE, transitGatewayId=TGW),
        hybridNodes=[RACK_1, {**RACK_2, "address": "10.80.0.22"}, RACK_10],
        activationHours=72,
    )
    step = rig.stack.step(rig.stack.up)
    run_on_the_machine(rig, "rack-10", ops_join(rig, "rack-10").stdout)
    return step


@pytest.fixture(scope="module")
def over(rig, changed):
    """What `ops join` says of rack-1 when its activation is over."""
    assert changed.run.code == 0
    return ops_join(rig, "rack-1", hours_later=72)


@pytest.fixture(scope="module")
def renewed(rig, over):
    """The command that it says."""
    command = shlex.split(found(r"(pulumi up .*?), then ops join", over.stderr))
    assert command[:2] == ["pulumi", "up"]
    return rig.stack.step(lambda: rig.stack.pulumi(*command[1:], "--yes", "--skip-preview"))


@pytest.fixture(scope="module")
def removed(rig, renewed):
    """`pulumi up` after rack-2, which runs, was taken out of the settings, and a VPN gateway takes over."""
    assert renewed.run.code == 0
    rig.stack.configure(site=site(RANGE, OTHER_RANGE, vpnGatewayId=VGW), hybridNodes=[RACK_1, RACK_10])
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def by_another_vpn(rig, removed):
    """`pulumi up` after another VPN gateway was named: a VPC takes one only."""
    assert removed.run.code == 0
    rig.stack.configure(site=site(RANGE, OTHER_RANGE, vpnGatewayId=OTHER_VGW))
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def by_others(rig, by_another_vpn):
    """`pulumi up` after the routes were left to somebody else."""
    assert by_another_vpn.run.code == 0
    rig.stack.configure(site=site(RANGE, OTHER_RANGE, routes="none"))
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def swapped(rig, by_others):
    """`pulumi up` after the two machines that are left have swapped their addresses, and the targets after it."""
    assert by_others.run.code == 0
    first, second = RACK_1["address"], RACK_10["address"]
    rig.stack.configure(hybridNodes=[{**RACK_1, "address": second}, {**RACK_10, "address": first}])
    return rig.stack.step(rig.stack.up), targets(rig)


@pytest.fixture(scope="module")
def renamed(rig, swapped):
    """`pulumi up` after one of them got another name."""
    step, _ = swapped
    assert step.run.code == 0
    rig.stack.configure(hybridNodes=[{**RACK_1, "address": RACK_10["address"]}, {**RACK_1, "name": "rack-7"}])
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def refused(rig, renamed):
    """`pulumi preview` with the VPC that plays a data centre in place of one's own."""
    assert renamed.run.code == 0
    with rig.stack.configured(site={}, hybridNodes=[{"name": "rack-1"}]):
        return rig.stack.step(lambda: rig.stack.preview(succeeds=False))


@pytest.fixture(scope="module")
def destroyed(rig, refused):
    """`pulumi destroy` while a machine runs that has joined under its new name."""
    assert refused.run.code != 0
    run_on_the_machine(rig, "rack-7", ops_join(rig, "rack-7").stdout)
    return rig.stack.step(rig.stack.destroy)


def test_an_attachment_that_its_owner_has_not_accepted_stops_the_first_up_at_the_routes(waiting, built):
    assert f"InvalidTransitGatewayID.NotFound: The transitGateway ID '{TGW}' does not exist." in (
        waiting.run.text
    )
    assert made(waiting, TRANSIT_ATTACHMENT).keys() == {"site"}
    assert made(built, TRANSIT_ATTACHMENT) == {}
    routes = {name for name in made(built, ROUTE) if name.startswith("site-")}
    assert routes == {f"site-public-{RANGE}", f"site-private-{RANGE}"}


def test_up_ends_without_a_person_and_says_what_is_left_to_do(rig, built):
    assert rig.apis.machines == {}
    assert (
        "2 machines of your own to join, unless they have: ops join --all --out FOLDER (rack-1, rack-2)"
        in (built.run.text)
    )


def test_no_network_of_the_data_centre_is_built(rig, built):
    made_ever = [call for call in rig.stack.journal() if call.kind == "Create" and not call.failed]
    count = {token: sum(call.type == token for call in made_ever) for token in {c.type for c in made_ever}}
    assert count["aws:ec2/vpc:Vpc"] == count["aws:ec2/natGateway:NatGateway"] == 1
    assert count["aws:ec2/eip:Eip"] == 1
    assert "aws:ec2/vpcPeeringConnection:VpcPeeringConnection" not in count
    assert "aws:ec2/instance:Instance" not in count
    assert built.run.code == 0


def test_every_input_is_one_that_the_sdks_know(waiting, built, removed):
    checks = [*waiting.of("Check"), *built.of("Check"), *removed.of("Check")]
    assert {call.key: call.details["failures"] for call in checks if call.details["failures"]} == {}


def test_the_hours_of_an_activation_begin_when_the_machine_can_join(waiting, built):
    creations = [call for step in (waiting, built) for call in step.of("Create")]
    (entry,) = (call for call in creations if call.type == "aws:eks/accessEntry:AccessEntry")
    activations = {call.name: call for call in creations if call.type == ACTIVATION}
    assert activations.keys() == {"rack-1", "rack-2"}
    assert all(entry.ended <= call.started for call in activations.values())
    assert {hours(call) for call in activations.values()} == {48}


def test_what_ops_join_writes_from_the_real_outputs_admits_one_machine(rig, joined):
    (activation,) = (
        call.details["id"]
        for call in rig.stack.journal()
        if call.kind == "Create" and call.key == f"{ACTIVATION}::rack-2"
    )
    assert joined.activation == activation
    assert joined.refused == "registration limit exceeded"


def test_the_load_balancer_asks_the_machines_at_their_addresses(waiting, built):
    inputs = [call.details["inputs"] for step in (waiting, built) for call in step.of("Create", TARGET)]
    assert {each["targetId"]: each["availabilityZone"] for each in inputs} == {
        "10.80.0.11": "all",
        "10.80.0.12": "all",
    }


def test_a_route_is_made_after_the_attachment(again):
    (attachment,) = (each["urn"] for each in again.resources if each["type"] == TRANSIT_ATTACHMENT)
    routes = [each["urn"] for each in again.resources if each.get("outputs", {}).get("transitGatewayId")]
    assert len(routes) == 3, "the attachment itself, and two tables"
    for urn in set(routes) - {attachment}:
        assert attachment in needs(again.resources, urn, whole_components=False)


def test_a_second_up_changes_nothing(again):
    assert again.changes == []
    assert "updated" not in again.run.text


def test_a_target_of_an_earlier_release_keeps_what_it_is_under_its_new_name(waiting, built, again):
    before = {call.name for step in (waiting, built) for call in step.of("Create", TARGET)}
    assert before == {"hybrid-rack-1", "hybrid-rack-2"}
    after = {name_of(each["urn"]) for each in again.resources if each["type"] == TARGET}
    assert after == {"hybrid-10.80.0.11", "hybrid-10.80.0.12"}


def test_a_third_machine_in_another_range_brings_only_what_it_needs(changed):
    assert {(call.type, call.name) for call in changed.of("Create")} == {
        (ACTIVATION, "rack-10"),
        (TARGET, "hybrid-10.80.0.22"),
        (TARGET, "hybrid-10.81.0.10"),
        (ROUTE, f"site-public-{OTHER_RANGE}"),
        (ROUTE, f"site-private-{OTHER_RANGE}"),
        *((call.type, call.name) for call in changed.of("Create", "aws:vpc/securityGroup")),
    }


def test_longer_hours_are_for_new_activations_only(changed):
    assert made(changed, ACTIVATION).keys() == {"rack-10"}
    assert changed.of("Delete", ACTIVATION) == []
    assert hours(changed.one("Create", ACTIVATION)) == 72


def test_another_address_moves_the_target_and_nothing_else_of_the_machine(changed):
    new, old = changed.one("Create", TARGET, "hybrid-10.80.0.22"), changed.one("Delete", TARGET)
    assert new.details["inputs"]["targetId"] == "10.80.0.22"
    assert old.name == "hybrid-10.80.0.12"
    assert [changed.of(kind) for kind in ("Cordon", "Evict", "DeleteNode", "Deregister")] == [[]] * 4


def test_the_cluster_learns_of_the_new_range_in_place(changed):
    cluster = changed.one("Update", "aws:eks/cluster:Cluster").details["inputs"]
    assert cluster["remoteNetworkConfig"]["remoteNodeNetworks"]["cidrs"] == [RANGE, OTHER_RANGE]


def test_when_an_activation_is_over_ops_join_says_how_to_renew_it(over):
    assert over.exit_code == 1
    assert over.stdout == ""


def test_the_command_makes_a_new_activation_for_that_machine_alone(renewed):
    assert made(renewed, ACTIVATION).keys() == {"rack-1"}
    assert [call.name for call in renewed.of("Delete", ACTIVATION)] == ["rack-1"]
    assert made(renewed, TARGET) == {}
    assert [renewed.of(kind) for kind in ("Cordon", "Evict", "DeleteNode", "Deregister")] == [[]] * 4


def test_a_renewed_activation_is_good_for_as_long_as_the_settings_say_now(renewed):
    # `ignore_changes` does not hold for what --replace names: the old date would be refused.
    assert hours(renewed.one("Create", ACTIVATION)) == 72


def test_ops_join_hands_out_the_renewed_activation(renewed):
    (stack,) = (each for each in renewed.resources if each["type"] == "pulumi:pulumi:Stack")
    (rack_1, *_) = stack["outputs"]["hybridNodes"]
    new = renewed.one("Create", ACTIVATION).details
    assert (rack_1["activationId"], rack_1["activationExpires"]) == (
        new["id"],
        new["outputs"]["expirationDate"],
    )


def test_a_machine_that_goes_is_drained_told_how_to_leave_and_forgotten(rig, joined, removed):
    machine, text = joined.name, removed.run.text
    told = text.index(f"{machine}: if this machine still runs, run on it: {LEAVE}")
    assert told < text.index(f"{machine}: Kubernetes Node deleted")
    assert told < text.index(f"{machine}: SSM registration removed")
    assert "EC2 instance" not in text
    order = [removed.one(kind, "") for kind in ("Cordon", "Evict", "DeleteNode", "Deregister")]
    assert {call.name for call in order} == {machine}
    assert removed.one("Delete", TARGET).ended <= order[0].started
    assert order[-1].ended <= removed.one("Delete", ACTIVATION).started
    assert machine not in rig.apis.machines


def test_the_machine_that_stays_is_left_alone(rig, removed):
    assert [call.name for call in removed.of("Delete", ACTIVATION)] == ["rack-2"]
    assert list(rig.apis.nodes.values()) == list(rig.apis.machines.values())
    assert len(rig.apis.nodes) == 1


def test_a_site_of_ones_own_does_not_become_a_vpc_that_plays_one(refused):
    text = (
        f"site cannot change from a site of your own ({RANGE}, {OTHER_RANGE}) to the VPC of this stack that "
        "plays one while this stack is up"
    )
    assert text in refused.run.text
    assert refused.changes == []
    assert "Traceback" not in refused.run.text


def test_the_routes_to_a_gateway_go_before_the_attachment(removed):
    attachment, routes = removed.one("Delete", TRANSIT_ATTACHMENT), removed.of("Delete", ROUTE, "site-")
    assert len(routes) == 4
    assert max(call.ended for call in routes) <= attachment.started


def test_a_vpn_gateway_takes_over_before_the_transit_gateway_goes(removed):
    attachment, tables = removed.one("Create", VPN_ATTACHMENT), made(removed, PROPAGATION)
    assert tables.keys() == {"site-public", "site-private"}
    assert attachment.ended <= min(call.started for call in tables.values())
    assert max(call.ended for call in tables.values()) <= removed.of("Delete", ROUTE)[0].started


def test_another_vpn_gateway_is_attached_after_the_first_one_has_gone(by_another_vpn):
    new, old = by_another_vpn.one("Create", VPN_ATTACHMENT), by_another_vpn.one("Delete", VPN_ATTACHMENT)
    gone, tables = by_another_vpn.of("Delete", PROPAGATION), made(by_another_vpn, PROPAGATION)
    assert max(call.ended for call in gone) <= old.started
    assert old.ended <= new.started
    assert {call.details["inputs"]["vpnGatewayId"] for call in tables.values()} == {OTHER_VGW}
    assert tables.keys() == {"site-public", "site-private"}


def test_routes_that_somebody_else_makes_need_nothing_of_the_stack(by_others):
    assert by_others.of("Create") == []
    assert {call.type for call in by_others.of("Delete")} == {VPN_ATTACHMENT, PROPAGATION}
    assert max(call.ended for call in by_others.of("Delete", PROPAGATION)) <= (
        by_others.one("Delete", VPN_ATTACHMENT).started
    )


def test_two_machines_that_swap_their_addresses_both_keep_their_target(swapped):
    # DeregisterTargets takes a target from every attachment that has registered it.
    step, addresses = swapped
    assert addresses == {RACK_1["address"], RACK_10["address"]}
    assert step.of("Create", TARGET) == step.of("Delete", TARGET) == []
    (drain,) = (each for each in step.resources if each["urn"].endswith("NodeDrain::rack-1"))
    assert drain["outputs"]["address"] == RACK_10["address"]


def test_a_machine_with_another_name_and_its_address_keeps_its_target(rig, renamed):
    assert {call.name for call in renamed.of("Delete", ACTIVATION)} == {"rack-10"}
    assert made(renamed, ACTIVATION).keys() == {"rack-7"}
    assert targets(rig) == {RACK_1["address"], RACK_10["address"]}


def test_a_gateway_is_detached_before_its_subnets_and_its_vpc_go(again, by_another_vpn):
    for step, token, kept in (
        (again, TRANSIT_ATTACHMENT, "aws:ec2/subnet:Subnet::eks-private-1"),
        (by_another_vpn, VPN_ATTACHMENT, "aws:ec2/vpc:Vpc::eks"),
    ):
        (attachment,) = (each["urn"] for each in step.resources if each["type"] == token)
        before = needs(step.resources, attachment, whole_components=False)
        assert any(f"{type_of(urn)}::{name_of(urn)}" == kept for urn in before)


def test_a_destroy_leaves_nothing(rig, destroyed):
    assert destroyed.resources == []
    assert rig.stack.left() == []
    assert (rig.apis.nodes, rig.apis.machines) == ({}, {})
    assert "if this machine still runs, run on it" in destroyed.run.text
