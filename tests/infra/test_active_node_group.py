"""No node group is deleted in favour of one that EKS does not call ACTIVE; EKS's answers have its API's own shapes."""

import pickle

import pytest
from pulumi.output import Unknown

from infra.active_node_group import ActiveNodeGroupProvider, NotUpdatedError

URN = "urn:pulumi:dev::eks-hybrid-calico::ekshybrid:managed_nodes:ManagedNodes$aws:eks/nodeGroup:NodeGroup::managed"
STACK = "eks-hybrid-calico/dev"
ASKED = {
    "group_id": "it:managed-new",
    "urn": URN,
    "version": "1.35",
    "template_version": "2",
    "stack": STACK,
    "region": "eu-central-1",
    "profile": None,
}
FAILED = [{"code": "NodeCreationFailure", "message": "Instances failed to join", "resourceIds": ["i-1"]}]


def group(name, status, *, issues=(), stack=STACK, version="1.35", template="2", place=None):
    return {
        "nodegroup": {
            "nodegroupName": name,
            "status": status,
            "version": version,
            "launchTemplate": {"version": template},
            "health": {"issues": list(issues)},
            "tags": {"eks-hybrid-calico:stack": stack, **({"Name": place} if place else {})},
        }
    }


def described(eks, name, *answer, **more):
    eks.add_response(
        "describe_nodegroup", group(name, *answer, **more), {"clusterName": "it", "nodegroupName": name}
    )


def refusal(**changes):
    failures = ActiveNodeGroupProvider().check({}, {**ASKED, **changes}).failures
    return failures[0].reason if failures else None


@pytest.mark.parametrize("status", ["ACTIVE", "UPDATING"])
def test_a_group_that_works_lets_an_up_go_on(eks, status):
    described(eks, "managed-new", status)
    assert refusal() is None


@pytest.mark.parametrize("status", ["CREATE_FAILED", "CREATING", "DELETING", "DELETE_FAILED"])
def test_a_group_that_does_not_stops_it_with_the_way_out(eks, status):
    described(eks, "managed-new", status, issues=FAILED)
    reason = refusal()
    assert f"the managed node group managed-new of cluster it is {status}, not ACTIVE" in reason
    assert "NodeCreationFailure: Instances failed to join." in reason
    assert f"pulumi up --replace '{URN}'" in reason


@pytest.mark.parametrize(
    ("others", "stops"),
    [({}, False), ({"managed-old": STACK}, True), ({"theirs": "somebody-elses"}, False)],
)
def test_a_degraded_group_stops_it_only_while_there_is_one_to_fall_back_on(eks, others, stops):
    described(eks, "managed-new", "DEGRADED", issues=FAILED)
    eks.add_response("list_nodegroups", {"nodegroups": ["managed-new", *others]}, {"clusterName": "it"})
    for name, stack in others.items():
        described(eks, name, "ACTIVE", stack=stack)
    assert bool(refusal()) is stops


@pytest.mark.parametrize(("place", "stops"), [("managed-gpu", True), ("managed-batch", False), (None, False)])
def test_a_group_that_stays_beside_it_is_nothing_to_fall_back_on(eks, place, stops):
    described(eks, "managed-new", "DEGRADED", issues=FAILED, place="managed-gpu")
    eks.add_response(
        "list_nodegroups", {"nodegroups": ["managed-new", "managed-other"]}, {"clusterName": "it"}
    )
    described(eks, "managed-other", "ACTIVE", place=place)
    assert bool(refusal()) is stops


def test_a_group_that_somebody_has_deleted_is_looked_for(eks):
    eks.add_client_error("describe_nodegroup", "ResourceNotFoundException")
    assert refusal().endswith("does not exist any more. To have it made again: pulumi up --refresh")


def test_without_the_permission_it_stops_and_says_which(eks):
    eks.add_client_error("describe_nodegroup", "AccessDeniedException", "not authorized.")
    assert "Allow eks:DescribeNodegroup and eks:ListNodegroups to the identity that runs pulumi" in refusal()


@pytest.mark.usefixtures("eks")
def test_a_group_that_is_yet_to_be_made_is_not_asked_for():
    assert refusal(group_id=Unknown()) is None


def test_the_provider_is_kept_by_reference_and_follows_in_place():
    provider = ActiveNodeGroupProvider()
    assert b"infra.active_node_group" in pickle.dumps(provider)
    assert provider.__dict__ == {}
    assert provider.diff("id", ASKED, ASKED).changes is False
    changed = provider.diff("id", ASKED, {**ASKED, "group_id": "it:managed-newer"})
    assert (changed.changes, changed.replaces) == (True, [])
    assert provider.create(ASKED).outs == ASKED


def test_an_update_that_eks_has_made_is_remembered(eks):
    described(eks, "managed-new", "ACTIVE")
    assert ActiveNodeGroupProvider().update("id", {}, ASKED).outs == ASKED


@pytest.mark.parametrize("has", [{"version": "1.34"}, {"template": "1"}])
def test_an_update_that_eks_gave_up_is_not_taken_for_done(eks, has):
    described(eks, "managed-new", "ACTIVE", **has)
    with pytest.raises(NotUpdatedError, match="EKS gave up the last update of it") as error:
        ActiveNodeGroupProvider().update("id", {}, ASKED)
    assert "then pulumi refresh, then pulumi up" in str(error.value)
