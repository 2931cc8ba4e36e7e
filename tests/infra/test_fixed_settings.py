"""What is fixed once the stack is up: which changes are refused, when, and that nothing comes before the refusal."""

import pickle
from datetime import date

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from pulumi.dynamic.dynamic import PROVIDER_KEY

from infra import eks_api, living_cluster
from infra.changes import DEFAULTED, FIXED, REMEMBERED, ControlPlane, NoAnswerError, refusals
from infra.credentials import Identity
from infra.eks_api import CleanupError
from infra.fixed_settings import CALLER, UNSET, FixedSettingsProvider, NotRefreshedError
from infra.versions import RELEASE
from tests.conftest import EXISTING_VPC
from tests.waits import waits_for

OLD = {
    "region": "ap-northeast-1",
    "account_id": "123456789012",
    "network": {},
    "vpcCidr": "10.10.0.0/16",
    "onPremVpcCidr": "10.90.0.0/16",
    "site": {},
    "availabilityZones": "2",
    "clusterName": "eks-hybrid",
    "podCidr": "192.168.0.0/16",
    "serviceCidr": "172.16.0.0/16",
    "kubernetesVersion": "1.34",
    "supportType": "STANDARD",
    "calicoVersion": "3.32.1",
    "nodeadmVersion": "v1.0.20",
    "podMtu": "0",
    "clusterAdmins": [],
    "release": "0.2.0",
}
NETWORKS = {"region", "account_id", "network", "vpcCidr", "onPremVpcCidr", "site", "availabilityZones"}
OWN = {"nodeCidrs": ["10.80.0.0/16"], "routes": "none"}
OTHERS = {"site": OWN, "network": EXISTING_VPC["network"]}
# Old and new, in words.
WORDS = {
    "site": ("the VPC of this stack", "a site of your own"),
    "network": ("the VPC of this stack", EXISTING_VPC["network"]["vpcId"]),
}
STACK = "eks-hybrid-calico/dev"
MEMORY = "pulumi-python:dynamic/ekshybrid:FixedSettings"


# 1.34 is in standard support until then.
DAY = date(2026, 12, 2)


def refused(change, *, version="1.34", support="STANDARD", old=OLD, unset=(), today=DAY):
    present = None if version is None else ControlPlane(version=version, support_type=support)
    found = refusals(old, {**OLD, **change}, lambda: present, unset=unset, today=today)
    return {each.setting: each.reason for each in found}


@pytest.mark.parametrize("setting", sorted(FIXED))
def test_a_fixed_setting_is_refused_with_old_new_why_and_the_way_out(setting):
    reason = refused({setting: OTHERS.get(setting, "new")})[setting]
    words = WORDS.get(setting, (str(OLD[setting]), "new"))
    for part in (*words, FIXED[setting].why, "destroy this stack first", "a second stack"):
        assert part in reason


def test_everything_that_is_remembered_is_in_the_example():
    assert set(OLD) == set(REMEMBERED)


@pytest.mark.parametrize("setting", sorted(set(FIXED) - NETWORKS))
def test_a_first_up_that_failed_before_there_was_a_cluster_may_go_on_with_another_value(setting):
    assert refused({setting: "new"}, version=None) == {}


@pytest.mark.parametrize("setting", sorted(NETWORKS))
def test_networks_are_fixed_from_the_first_up_on(setting):
    assert set(refused({setting: OTHERS.get(setting, "new")}, version=None)) == {setting}


def test_a_stack_that_an_earlier_release_made_keeps_the_vpc_that_plays_the_data_centre():
    old = {key: value for key, value in OLD.items() if key != "site"}
    assert set(refused({"site": OWN}, old=old)) == {"site"}
    assert refused({}, old=old) == {}


def test_of_a_site_of_ones_own_the_kind_alone_is_fixed():
    old = {**OLD, "site": OWN}
    other = {"nodeCidrs": ["10.81.0.0/16"], "transitGatewayId": "tgw-1"}
    assert refused({"site": other, "onPremVpcCidr": "10.91.0.0/16"}, old=old) == {}
    (reason,) = refused({"site": {}}, old=old).values()
    assert "Keep it: pulumi config set --path 'site.nodeCidrs[0]' 10.80.0.0/16" in reason


def test_of_a_vpc_that_exists_public_subnets_come_and_go_with_the_load_balancer():
    network = EXISTING_VPC["network"]
    with_none = {**network, "publicSubnetIds": []}
    for old, new in ((network, with_none), (with_none, network)):
        assert refused({"network": new}, old={**OLD, "network": old}) == {}
    swapped = {
        **network,
        "privateSubnetIds": network["publicSubnetIds"],
        "publicSubnetIds": network["privateSubnetIds"],
    }
    for new in (
        swapped,
        {**network, "publicSubnetIds": ["subnet-other"]},
        {**swapped, "publicSubnetIds": []},
    ):
        assert set(refused({"network": new}, old={**OLD, "network": network})) == {"network"}
    other_order = {
        **network,
        "publicSubnetIds": network["publicSubnetIds"][::-1],
        "egressCidrs": ["192.0.2.0/24"],
    }
    assert refused({"network": other_order}, old={**OLD, "network": network}) == {}


def test_a_stack_made_before_there_was_a_memory_may_be_what_its_settings_say():
    assert refused({}, old={}) == {}
    assert (
        refused({"podCidr": "10.0.0.0/8", "calicoVersion": "3.31.7", "nodeadmVersion": "v1.0.19"}, old={})
        == {}
    )


def test_a_stack_made_before_there_was_a_memory_stays_in_the_vpc_that_its_control_plane_is_in():
    network = EXISTING_VPC["network"]
    for vpc_id, settings in (("vpc-of-the-stack", {"network"}), (network["vpcId"], set())):
        present = ControlPlane(version="1.34", support_type="STANDARD", vpc_id=vpc_id)
        new = {**OLD, "network": network}
        assert {each.setting for each in refusals({}, new, lambda has=present: has, today=DAY)} == settings


def test_a_stack_made_before_there_was_a_memory_keeps_the_vpc_that_plays_its_data_centre():
    new = {**OLD, "site": {"nodeCidrs": ["10.80.0.0/16"]}}
    for cidrs, settings in ((("10.90.0.0/16",), {"site"}), (("10.80.0.0/16",), set())):
        present = ControlPlane(version="1.34", support_type="STANDARD", node_cidrs=cidrs)
        assert {each.setting for each in refusals({}, new, lambda has=present: has, today=DAY)} == settings


def test_the_ranges_of_the_hybrid_nodes_are_read_from_what_eks_says():
    networks = [{"cidrs": ["10.80.0.0/24", "10.81.0.0/24"]}]
    said = {"version": "1.34", "remoteNetworkConfig": {"remoteNodeNetworks": networks}}
    assert ControlPlane.described(said).node_cidrs == ("10.80.0.0/24", "10.81.0.0/24")
    assert ControlPlane.described({"version": "1.34"}).node_cidrs == ()


def test_what_an_earlier_release_did_not_remember_is_not_judged():
    old = {
        key: value for key, value in OLD.items() if key not in ("calicoVersion", "nodeadmVersion", "release")
    }
    assert refused({"calicoVersion": "3.31.7", "nodeadmVersion": "v1.0.19"}, old=old) == {}


def test_eks_is_asked_once():
    asked = []

    def ask():
        asked.append(1)
        return ControlPlane(version="1.34", support_type="STANDARD")

    list(
        refusals(
            OLD, {**OLD, "podCidr": "a", "serviceCidr": "b", "kubernetesVersion": "1.36"}, ask, today=DAY
        )
    )
    assert asked == [1]


# What an older release of the program would choose, and a newer one. Both commands: keep, change.
@pytest.mark.parametrize(
    ("setting", "has", "default", "step"),
    [
        ("kubernetesVersion", "1.34", "1.35", "1.35"),
        ("kubernetesVersion", "1.34", "1.36", "1.35"),
        ("supportType", "EXTENDED", "STANDARD", "STANDARD"),
        ("calicoVersion", "3.31.7", "3.32.1", "3.32.1"),
        ("nodeadmVersion", "v1.0.19", "v1.0.20", "v1.0.20"),
        ("podMtu", "1390", "1356", "1356"),
    ],
)
def test_a_default_never_changes_a_stack_that_is_up(setting, has, default, step):
    support = has if setting == "supportType" else "STANDARD"
    old = {**OLD, setting: has}
    reason = refused({setting: default}, support=support, old=old, unset=DEFAULTED)[setting]
    assert (
        f"{setting} is not set, and this release's default {default} is not what this stack has, {has}"
        in reason
    )
    assert f"To keep what it has: pulumi config set {setting} {has}. " in reason
    assert f"To change it: pulumi config set {setting} {step}." in reason
    assert setting not in refused({setting: default}, version=None, old=old, unset=DEFAULTED)
    assert setting not in refused({setting: has}, support=support, old=old, unset=DEFAULTED)
    assert set(refused({setting: default}, support=support, old=old)) <= {"kubernetesVersion"}


def test_where_nothing_is_remembered_eks_says_what_there_is():
    found = refused(
        {"kubernetesVersion": "1.36"}, version="1.35", support="EXTENDED", old={}, unset=DEFAULTED
    )
    assert set(found) == {"kubernetesVersion", "supportType"}
    assert "pulumi config set kubernetesVersion 1.35" in found["kubernetesVersion"]
    assert "pulumi config set supportType EXTENDED" in found["supportType"]


@pytest.mark.parametrize(
    ("setting", "had", "site", "default"),
    [
        ("calicoVersion", "3.32.1", {}, "3.33.1"),
        ("nodeadmVersion", "v1.0.20", {}, "v1.0.21"),
        ("podMtu", "1390", OWN, "1356"),
    ],
)
def test_what_the_first_release_chose_and_did_not_remember_is_known(setting, had, site, default):
    old = {key: value for key, value in OLD.items() if key not in (setting, "release")} | {"site": site}
    reason = refused({setting: default, "site": site}, old=old, unset=(setting,))[setting]
    assert f"To keep what it has: pulumi config set {setting} {had}." in reason


@pytest.mark.parametrize(
    ("remembered", "own", "is_refused"),
    [
        ("0.3.0", "0.2.0", True),
        ("0.10.0", "0.9.0", True),
        ("0.2.0", "0.2.0", False),
        ("0.2.0", "0.3.0", False),
    ],
)
def test_an_older_release_refuses_what_a_newer_one_has_made(remembered, own, is_refused):
    found = refused({"release": own, "podCidr": "new"}, old={**OLD, "release": remembered})
    if is_refused:
        (reason,) = found.values()
        assert f"release {remembered} of this program, and this is {own}" in reason
        assert f"Use release {remembered} or a newer one" in reason
    else:
        assert set(found) == {"podCidr"}


@pytest.mark.parametrize("wanted", ["1.33", "1.34", "1.36"])
def test_when_eks_has_upgraded_by_itself_the_setting_follows_first(wanted):
    reason = refused({"kubernetesVersion": wanted}, version="1.35")["kubernetesVersion"]
    assert f"EKS has Kubernetes 1.35, and kubernetesVersion says {wanted}" in reason
    assert "pulumi config set kubernetesVersion 1.35, then pulumi refresh, then make up" in reason
    assert refused({"kubernetesVersion": "1.35"}, version="1.35") == {}


def test_a_stack_that_remembers_nothing_hears_the_same_when_its_setting_is_behind():
    reason = refused({"kubernetesVersion": "1.33"}, version="1.34", old={})["kubernetesVersion"]
    assert "EKS has Kubernetes 1.34" in reason


def test_standard_support_cannot_be_chosen_once_it_has_ended():
    late = {"today": date(2026, 12, 3), "support": "EXTENDED"}
    reason = refused({}, **late)["supportType"]
    assert (
        "supportType cannot change from EXTENDED to STANDARD: Kubernetes 1.34 left standard support" in reason
    )
    assert "Keep it: pulumi config set supportType EXTENDED" in reason
    assert "supportType" in refused({}, unset=DEFAULTED, **late)
    assert refused({"supportType": "EXTENDED"}, **late) == {}
    assert refused({}, today=DAY, support="EXTENDED") == {}


def test_calico_goes_first_where_it_is_not_tested_with_the_next_kubernetes():
    old = {**OLD, "kubernetesVersion": "1.36"}
    both = {"kubernetesVersion": "1.37", "calicoVersion": "3.33.1"}
    reason = refused(both, version="1.36", old=old)["kubernetesVersion"]
    assert "Calico first: pulumi config set kubernetesVersion 1.36, make up, then" in reason
    assert refused({**both, "kubernetesVersion": "1.36"}, version="1.36", old=old) == {}
    assert refused(both, version="1.36", old={**old, "calicoVersion": "3.33.1"}) == {}


@pytest.mark.parametrize(
    ("present", "new", "words"),
    [
        ("1.34", "1.36", "First pulumi config set kubernetesVersion 1.35, then pulumi up"),
        ("1.33", "1.36", "First pulumi config set kubernetesVersion 1.34, then pulumi up"),
        ("1.34", "1.33", "EKS takes no Kubernetes version back"),
    ],
)
def test_kubernetes_goes_up_one_minor_version_at_a_time(present, new, words):
    found = refused({"kubernetesVersion": new}, version=present, old={**OLD, "kubernetesVersion": present})
    assert words in found["kubernetesVersion"]


@pytest.mark.parametrize(
    ("remembered", "present", "new"), [("1.34", "1.34", "1.35"), ("1.35", "1.34", "1.34")]
)
def test_an_upgrade_is_judged_by_what_the_control_plane_has(remembered, present, new):
    # In the second case an upgrade to 1.35 failed: the way back to what there is stays open.
    old = {**OLD, "kubernetesVersion": remembered}
    assert refused({"kubernetesVersion": new}, version=present, old=old) == {}


def test_an_upgrade_that_failed_does_not_let_the_next_one_skip_it():
    old = {**OLD, "kubernetesVersion": "1.35"}
    assert "one minor version at a time" in str(
        refused({"kubernetesVersion": "1.36"}, version="1.34", old=old)
    )


def test_calico_goes_up_only():
    assert (
        "calicoVersion cannot change from 3.32.1 to 3.31.7"
        in refused({"calicoVersion": "3.31.7"})["calicoVersion"]
    )
    assert refused({"calicoVersion": "3.33.0"}) == {}


def test_the_provider_is_kept_by_reference_and_holds_nothing():
    text = pickle.dumps(FixedSettingsProvider())
    assert b"infra.fixed_settings" in text
    assert FixedSettingsProvider().__dict__ == {}
    assert FixedSettingsProvider.serialize_as_secret_always is False


@pytest.fixture
def eks(monkeypatch):
    """What EKS answers, an error or what it has, and what it was asked."""

    class Eks:
        def __init__(self):
            self.has, self.asked = ControlPlane(version="1.34", support_type="STANDARD"), []

        def __call__(self, **question):
            self.asked.append(question)
            if isinstance(self.has, Exception):
                raise self.has
            return self.has

    found = Eks()
    monkeypatch.setattr(living_cluster, "control_plane", found)
    return found


STORED = {**OLD, "stack": STACK, "profile": None, PROVIDER_KEY: "p"}


def test_the_provider_refuses_in_check_and_remembers_in_place(eks):
    new = {**STORED, "podCidr": "10.0.0.0/8", "profile": "team", "roles": [{"RoleArn": "r"}]}
    provider = FixedSettingsProvider()
    (failure,) = provider.check(STORED, new).failures
    assert failure.property == "podCidr"
    # By the name that it has in this project's stack files.
    assert failure.reason.startswith("eks-hybrid-calico:podCidr cannot change from ")
    (question,) = eks.asked
    assert question["name"] == "eks-hybrid"
    # Without the roles the answer would come from another account, where there is no such cluster.
    assert question["identity"] == Identity(
        region="ap-northeast-1", profile="team", roles=({"RoleArn": "r"},)
    )
    assert question["tag"] == ("eks-hybrid-calico:stack", STACK)
    assert provider.check(STORED, STORED).failures == []
    renamed = {"stack": "acme-edge/dev"}
    (failure,) = provider.check(STORED | renamed, new | renamed).failures
    assert failure.reason.startswith("acme-edge:podCidr cannot change from ")
    (failure,) = provider.check(STORED, {**STORED, "region": "eu-west-1"}).failures
    assert failure.reason.startswith("aws:region cannot change from ")
    assert provider.diff("id", STORED, STORED).changes is False
    changed = provider.diff("id", STORED, {**STORED, "kubernetesVersion": "1.35"})
    assert (changed.changes, changed.replaces) == (True, [])
    assert provider.create(STORED).outs == STORED
    assert provider.update("id", STORED, new).outs == new


@pytest.mark.usefixtures("eks")
def test_what_is_left_to_the_release_reaches_the_check_and_no_state():
    new = {**STORED, "kubernetesVersion": "1.35", UNSET: ["kubernetesVersion"], CALLER: "me"}
    done = FixedSettingsProvider().check(STORED, new)
    assert not {UNSET, CALLER} & done.inputs.keys()
    assert [failure.property for failure in done.failures] == ["kubernetesVersion"]


COLLEAGUE, PIPELINE = (f"arn:aws:iam::123456789012:role/{name}" for name in ("colleague", "ci/pipeline"))


@pytest.mark.parametrize("caller", [PIPELINE, "arn:aws:sts::123456789012:assumed-role/pipeline/run-7"])
def test_whoever_makes_the_cluster_is_not_named_as_its_administrator(eks, caller):
    eks.has = None
    new = {**STORED, "clusterAdmins": [COLLEAGUE, PIPELINE], CALLER: caller}
    (failure,) = FixedSettingsProvider().check({}, new).failures
    assert f"clusterAdmins[1] {PIPELINE} has an access entry already, or gets one from EKS" in failure.reason
    assert "pulumi config rm --path 'clusterAdmins[1]'" in failure.reason


@pytest.mark.usefixtures("eks")
def test_of_administrators_that_are_new_eks_says_who_has_an_entry_that_is_not_the_stacks(monkeypatch):
    asked = []

    def foreign(arn, **_):
        asked.append(arn)
        return arn == COLLEAGUE

    monkeypatch.setattr(living_cluster, "has_foreign_entry", foreign)
    old = {**STORED, "clusterAdmins": [PIPELINE]}
    new = {**old, "clusterAdmins": [PIPELINE, COLLEAGUE], CALLER: PIPELINE}
    (failure,) = FixedSettingsProvider().check(old, new).failures
    assert "clusterAdmins[1]" in failure.reason
    assert asked == [COLLEAGUE]


def test_when_eks_does_not_answer_the_stack_has_what_it_remembers(eks):
    eks.has = NoAnswerError("no credentials")
    provider = FixedSettingsProvider()
    assert provider.check(STORED, STORED).failures == []
    (failure,) = provider.check(STORED, {**STORED, "kubernetesVersion": "1.36"}).failures
    assert "1.34" in failure.reason
    # Of a stack that remembers nothing, nobody can say that it is new.
    assert provider.check({}, STORED).failures == []
    (failure,) = provider.check({}, {**STORED, UNSET: ["calicoVersion"]}).failures
    assert "no credentials" in failure.reason
    assert "set calicoVersion" in failure.reason


def test_a_version_that_eks_has_already_needs_a_refresh_first(eks):
    eks.has = ControlPlane(version="1.35", support_type="STANDARD")
    provider, new = FixedSettingsProvider(), {**STORED, "kubernetesVersion": "1.35"}
    assert provider.check(STORED, new).failures == []
    with pytest.raises(NotRefreshedError, match="First pulumi refresh, then make up"):
        provider.diff("id", STORED, new)
    refreshed = provider.read("id", STORED).outs
    assert refreshed == {**STORED, "kubernetesVersion": "1.35"}
    assert provider.diff("id", refreshed, new).changes is False


@pytest.mark.usefixtures("eks")
def test_the_way_back_from_an_upgrade_that_failed_needs_no_refresh():
    old = {**STORED, "kubernetesVersion": "1.35"}
    assert FixedSettingsProvider().diff("id", old, STORED).changes is True


@pytest.mark.parametrize("nothing", [None, NoAnswerError("no credentials")])
def test_a_refresh_keeps_what_is_remembered_when_there_is_no_control_plane_or_no_answer(eks, nothing):
    eks.has = nothing
    assert FixedSettingsProvider().read("id", STORED).outs == STORED


class Session:
    """Answers DescribeCluster with a cluster, or with an error."""

    def __init__(self, answer):
        self.answer = answer

    def client(self, service, config):
        assert (service, bool(config)) == ("eks", True)
        return self

    def describe_access_entry(self, **asked):
        assert asked == {"clusterName": "it", "principalArn": COLLEAGUE}
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"accessEntry": self.answer}

    def describe_cluster(self, name):
        assert name == "it"
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"cluster": self.answer}


def ask(monkeypatch, answer):
    monkeypatch.setattr(eks_api, "open_session", lambda _: Session(answer))
    return living_cluster.control_plane(
        name="it", identity=Identity(region="ap-northeast-1", profile=None), tag=("k", STACK)
    )


@pytest.mark.parametrize(
    ("cluster", "has"),
    [
        ({"upgradePolicy": {"supportType": "STANDARD"}, "tags": {"k": STACK}}, "STANDARD"),
        # What was never said is EXTENDED.
        ({"tags": {"k": STACK}}, "EXTENDED"),
        # Somebody else's: this stack's own was refused because the name was taken.
        ({"tags": {"k": "another/stack"}}, None),
        ({}, None),
        (ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeCluster"), None),
    ],
)
def test_a_cluster_is_the_stacks_own_or_none(monkeypatch, cluster, has):
    answer = cluster if isinstance(cluster, Exception) else {"version": "1.35", **cluster}
    assert ask(monkeypatch, answer) == (has and ControlPlane(version="1.35", support_type=has))


@pytest.mark.parametrize(
    ("entry", "is_foreign"),
    [
        ({"tags": {"k": STACK}}, False),
        ({"tags": {}}, True),
        (ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeAccessEntry"), False),
    ],
)
def test_an_access_entry_without_the_stacks_tag_is_not_its_own(monkeypatch, entry, is_foreign):
    monkeypatch.setattr(eks_api, "open_session", lambda _: Session(entry))
    place = {"name": "it", "identity": Identity(region="ap-northeast-1", profile=None), "tag": ("k", STACK)}
    assert living_cluster.has_foreign_entry(COLLEAGUE, **place) is is_foreign


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeCluster"),
        NoCredentialsError(),
        CleanupError("no such profile"),
    ],
)
def test_no_answer_is_not_taken_for_no_cluster(monkeypatch, error):
    with pytest.raises(NoAnswerError):
        ask(monkeypatch, error)


def test_nothing_is_built_or_changed_before_the_memory_has_agreed(dev):
    # A component that waits keeps its children waiting: the SDK needs the parent's URN to register them.
    memory = dev.one(MEMORY)
    top = [r for r in dev.resources.values() if r.component and not r.parent and r.urn != memory.parent]
    waiting = {r.name for r in top if memory.urn in waits_for(dev, r.urn)}
    # These are built of what the cluster returns, and wait for it through their provider.
    assert {r.name for r in top} - waiting == {
        "calico",
        "calico-controllers",
        "hybrid-dns",
        "metrics-server",
        "nw-check",
        "sample",
    }


def test_the_memory_holds_the_settings_and_no_secret(dev):
    memory = dev.one(MEMORY)
    # A stack without a VPC that exists remembers what it remembered before there was the setting.
    assert set(memory.inputs) - {PROVIDER_KEY} == {*REMEMBERED, UNSET, CALLER, "stack"} - {"network"}
    assert list(memory.inputs[UNSET]) == list(DEFAULTED)
    assert memory.inputs["release"] == RELEASE
    assert {key: memory.inputs[key] for key in ("podCidr", "availabilityZones", "region", "stack")} == {
        "podCidr": "192.168.0.0/16",
        "availabilityZones": "2",
        "region": "ap-northeast-1",
        "stack": STACK,
    }
    assert memory.secrets == frozenset()
    assert "hybridNodes" not in memory.inputs
