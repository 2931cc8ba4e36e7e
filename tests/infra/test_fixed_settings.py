"""What is fixed once the stack is up: which changes are refused, when, and that nothing comes before the refusal."""

import pickle

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from pulumi.dynamic.dynamic import PROVIDER_KEY

from infra import living_cluster
from infra.changes import FIXED, REMEMBERED, refusals
from infra.credentials import Identity
from infra.eks_api import CleanupError
from infra.fixed_settings import FixedSettingsProvider

OLD = {
    "region": "ap-northeast-1",
    "account_id": "123456789012",
    "vpcCidr": "10.10.0.0/16",
    "onPremVpcCidr": "10.90.0.0/16",
    "site": {},
    "availabilityZones": "2",
    "clusterName": "eks-hybrid",
    "podCidr": "192.168.0.0/16",
    "serviceCidr": "172.16.0.0/16",
    "kubernetesVersion": "1.34",
    "calicoVersion": "3.32.1",
}
NETWORKS = {"region", "account_id", "vpcCidr", "onPremVpcCidr", "site", "availabilityZones"}
OWN = {"nodeCidrs": ["10.80.0.0/16"], "routes": "none"}
OTHERS = {"site": OWN}
STACK = "eks-hybrid-calico/dev"
MEMORY = "pulumi-python:dynamic/ekshybrid:FixedSettings"


def refused(change, *, version="1.34", old=OLD):
    return {each.setting: each.reason for each in refusals(old, {**OLD, **change}, lambda: version)}


def never():
    raise AssertionError("nobody needs to know")


@pytest.mark.parametrize("setting", sorted(FIXED))
def test_a_fixed_setting_is_refused_with_old_new_why_and_the_way_out(setting):
    reason = refused({setting: OTHERS.get(setting, "new")})[setting]
    words = (
        ("the VPC of this stack", "a site of your own") if setting == "site" else (str(OLD[setting]), "new")
    )
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


def test_a_stack_made_before_there_was_a_memory_is_not_judged():
    assert list(refusals({}, OLD, never)) == []


def test_what_an_earlier_release_did_not_remember_is_not_judged():
    old = {key: value for key, value in OLD.items() if key != "calicoVersion"}
    assert list(refusals(old, {**OLD, "calicoVersion": "3.31.7"}, never)) == []


def test_eks_is_asked_only_when_it_matters_and_once():
    asked = []

    def version():
        asked.append(1)
        return "1.34"

    list(refusals(OLD, OLD, version))
    list(refusals(OLD, {**OLD, "vpcCidr": "10.20.0.0/16"}, version))
    assert asked == []
    list(refusals(OLD, {**OLD, "podCidr": "a", "serviceCidr": "b", "kubernetesVersion": "1.36"}, version))
    assert asked == [1]


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
    assert refused({"kubernetesVersion": "1.36"}, version="1.34", old={**OLD, "kubernetesVersion": "1.35"})


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


def test_the_provider_refuses_in_check_and_remembers_in_place(monkeypatch):
    asked = []
    monkeypatch.setattr(living_cluster, "kubernetes_version", lambda **given: asked.append(given) or "1.34")
    old = {**OLD, "stack": STACK, "profile": None, PROVIDER_KEY: "p"}
    new = {**old, "podCidr": "10.0.0.0/8", "profile": "team", "roles": [{"RoleArn": "r"}]}
    provider = FixedSettingsProvider()
    (failure,) = provider.check(old, new).failures
    assert failure.property == "podCidr"
    # By the name that it has in this project's stack files.
    assert failure.reason.startswith("eks-hybrid-calico:podCidr cannot change from ")
    (question,) = asked
    assert question["name"] == "eks-hybrid"
    # Without the roles the answer would come from another account, where there is no such cluster.
    assert question["identity"] == Identity(
        region="ap-northeast-1", profile="team", roles=({"RoleArn": "r"},)
    )
    assert question["tag"] == ("eks-hybrid-calico:stack", STACK)
    assert provider.check(old, old).failures == []
    renamed = {"stack": "acme-edge/dev"}
    (failure,) = provider.check(old | renamed, new | renamed).failures
    assert failure.reason.startswith("acme-edge:podCidr cannot change from ")
    (failure,) = provider.check(old, {**old, "region": "eu-west-1"}).failures
    assert failure.reason.startswith("aws:region cannot change from ")
    assert provider.check({}, new).failures == []
    assert provider.diff("id", old, old).changes is False
    changed = provider.diff("id", old, {**old, "kubernetesVersion": "1.35"})
    assert (changed.changes, changed.replaces) == (True, [])
    assert provider.create(old).outs == old
    assert provider.update("id", old, new).outs == new


class Session:
    """Answers DescribeCluster with a cluster, or with an error."""

    def __init__(self, answer):
        self.answer = answer

    def client(self, service, config):
        assert (service, bool(config)) == ("eks", True)
        return self

    def describe_cluster(self, name):
        assert name == "it"
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"cluster": self.answer}


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ({"version": "1.35", "tags": {"k": STACK}}, "1.35"),
        # Somebody else's: this stack's own was refused because the name was taken.
        ({"version": "1.35", "tags": {"k": "another/stack"}}, None),
        ({"version": "1.35"}, None),
        (ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeCluster"), None),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeCluster"), "remembered"),
        (NoCredentialsError(), "remembered"),
        (CleanupError("no such profile"), "remembered"),
    ],
)
def test_a_cluster_is_the_stacks_own_or_none_and_no_answer_means_there_is_one(monkeypatch, answer, version):
    monkeypatch.setattr(living_cluster, "open_session", lambda _: Session(answer))
    found = living_cluster.kubernetes_version(
        name="it",
        identity=Identity(region="ap-northeast-1", profile=None),
        tag=("k", STACK),
        unknown="remembered",
    )
    assert found == version


def test_nothing_is_built_or_changed_before_the_memory_has_agreed(dev):
    # A component that waits keeps its children waiting: the SDK needs the parent's URN to register them.
    memory = dev.one(MEMORY)
    top = [r for r in dev.resources.values() if r.component and not r.parent and r.urn != memory.parent]
    waiting = {r.name for r in top if memory.urn in dev.waits_for(r.urn)}
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
    assert {key: memory.inputs[key] for key in ("podCidr", "availabilityZones", "region", "stack")} == {
        "podCidr": "192.168.0.0/16",
        "availabilityZones": "2",
        "region": "ap-northeast-1",
        "stack": STACK,
    }
    assert memory.secrets == frozenset()
    assert "hybridNodes" not in memory.inputs
