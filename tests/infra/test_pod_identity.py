"""The agent of EKS Pod Identity: what EKS is asked for, and that nobody waits for it. EKS's answers have its shapes."""

import json
import pickle

import pytest

from infra import eks_api
from infra.pod_identity import CONFIGURATION, PodIdentityAgentProvider
from tests.waits import waits_for

AGENT = "pulumi-python:dynamic/ekshybrid:PodIdentityAgent"
ISSUER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
ARN = "arn:aws:eks:eu-central-1:123456789012:addon/it/eks-pod-identity-agent/1"
REQUIRED = {"eks-hybrid-calico:stack": "eks-hybrid-calico/dev"}
PROPS = {
    "cluster_name": "it",
    "version": "v1.3.10-eksbuild.2",
    "configuration": CONFIGURATION,
    "tags": REQUIRED,
    "region": "eu-central-1",
    "profile": None,
}
REQUEST = {
    "clusterName": "it",
    "addonName": "eks-pod-identity-agent",
    "addonVersion": "v1.3.10-eksbuild.2",
    # https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-add-ons.html
    "configurationValues": json.dumps({"daemonsets": {"hybrid": {"create": True}}}),
    "resolveConflicts": "OVERWRITE",
}
NAMED = {"clusterName": "it", "addonName": "eks-pod-identity-agent"}
CREATING = {"addon": {"status": "CREATING", "addonArn": ARN}}


def expect_change(eks):
    eks.add_client_error("create_addon", "ResourceInUseException", "Addon already exists.")
    eks.add_response("update_addon", {"update": {}}, REQUEST)
    eks.add_response("describe_addon", CREATING, NAMED)
    eks.add_response("tag_resource", {}, {"resourceArn": ARN, "tags": PROPS["tags"]})


def test_it_is_asked_for_with_the_daemon_set_of_hybrid_nodes_and_not_waited_for(eks):
    # The answer says CREATING, and nothing is asked after it.
    eks.add_response("create_addon", CREATING, REQUEST | {"tags": PROPS["tags"]})
    assert PodIdentityAgentProvider().create(PROPS).id == "it:eks-pod-identity-agent"


def test_one_that_a_killed_up_has_left_is_taken_over(eks):
    expect_change(eks)
    assert PodIdentityAgentProvider().create(PROPS).outs == PROPS


def test_another_version_is_asked_for_in_place(eks):
    before = PROPS | {"version": "v1.3.9-eksbuild.1"}
    diff = PodIdentityAgentProvider().diff("id", before, PROPS)
    assert (diff.changes, diff.replaces) == (True, [])
    expect_change(eks)
    assert PodIdentityAgentProvider().update("id", before, PROPS).outs == PROPS


def test_a_tag_that_the_settings_no_longer_have_goes(eks):
    before = PROPS | {"tags": {**REQUIRED, "Owner": "the network team"}}
    expect_change(eks)
    eks.add_response("untag_resource", {}, {"resourceArn": ARN, "tagKeys": ["Owner"]})
    assert PodIdentityAgentProvider().update("id", before, PROPS).outs == PROPS


def test_a_change_of_one_that_somebody_has_deleted_makes_it_again(eks):
    eks.add_response("create_addon", CREATING, REQUEST | {"tags": PROPS["tags"]})
    PodIdentityAgentProvider().update("id", PROPS | {"version": "v1.3.9-eksbuild.1"}, PROPS)


@pytest.mark.usefixtures("eks")
def test_another_sign_in_asks_eks_for_nothing():
    signed_in = PROPS | {"profile": "team"}
    assert PodIdentityAgentProvider().diff("id", PROPS, signed_in).changes
    assert PodIdentityAgentProvider().update("id", PROPS, signed_in).outs == signed_in


@pytest.mark.parametrize(("answer", "id_"), [(CREATING, "it:eks-pod-identity-agent"), (None, "")])
def test_a_refresh_finds_out_that_somebody_has_deleted_it(eks, answer, id_):
    if answer:
        eks.add_response("describe_addon", answer, NAMED)
    else:
        eks.add_client_error("describe_addon", "ResourceNotFoundException")
    assert PodIdentityAgentProvider().read("it:eks-pod-identity-agent", PROPS).id == id_


def test_one_that_is_gone_is_deleted_without_a_word(eks):
    eks.add_response("delete_addon", CREATING, NAMED)
    eks.add_client_error("delete_addon", "ResourceNotFoundException")
    PodIdentityAgentProvider().delete("id", PROPS)
    PodIdentityAgentProvider().delete("id", PROPS)


def test_without_the_permission_the_message_says_which(eks):
    eks.add_client_error("create_addon", "AccessDeniedException", "not authorized.")
    with pytest.raises(eks_api.CleanupError, match="Allow eks:CreateAddon to the identity that runs pulumi"):
        PodIdentityAgentProvider().create(PROPS)


def test_the_provider_is_kept_by_reference():
    assert b"infra.pod_identity" in pickle.dumps(PodIdentityAgentProvider())
    assert PodIdentityAgentProvider().__dict__ == {}


def test_nobody_waits_for_the_agent_and_it_waits_for_the_control_plane_alone(dev):
    agent = dev.one(AGENT)
    assert not [r.name for r in dev.resources.values() if agent.urn in waits_for(dev, r.urn)]
    waits = {dev.resources[urn].type for urn in waits_for(dev, agent.urn) if urn in dev.resources}
    assert not waits & {"aws:eks/nodeGroup:NodeGroup", "aws:ec2/instance:Instance"}
    assert agent.options.deleted_with == dev.one("eks:index:Cluster").urn
    # The provider's default tags do not reach it.
    assert agent.inputs["tags"] == {
        "Purpose": "demonstration",
        "eks-hybrid-calico:stack": "eks-hybrid-calico/dev",
    }


def test_hybrid_nodes_may_trade_the_tokens_of_pods_of_this_cluster_only(dev):
    policy = json.loads(dev.one("aws:iam/rolePolicy:RolePolicy", "hybrid-node").inputs["policy"])
    (statement,) = (s for s in policy["Statement"] if s["Action"] == "eks-auth:AssumeRoleForPodIdentity")
    assert statement["Resource"] == dev.stack_outputs["clusterArn"]


def test_the_clusters_issuer_is_known_to_iam_for_the_audience_of_sts(dev):
    provider = dev.one(ISSUER)
    assert provider.inputs["clientIdLists"] == ["sts.amazonaws.com"]
    assert provider.inputs["url"] == dev.stack_outputs["oidcIssuer"]
    assert dev.stack_outputs["oidcIssuer"].startswith("https://oidc.eks.ap-northeast-1.amazonaws.com/id/")
    assert dev.stack_outputs["oidcProviderArn"] == provider.outputs["arn"]
