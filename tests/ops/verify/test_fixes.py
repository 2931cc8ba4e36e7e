"""What a fix of verify does to machines and state. A wrong one is worse than none."""

from collections.abc import Callable
from typing import Any

import pytest

PLAYED = "pulumi up --replace '**:Activation::onprem-1.*'"
OWN = "pulumi up --replace '**:Activation::onprem-1', then ops join onprem-1"
ADD_ON = "aws eks delete-addon --region ap-northeast-1 --cluster-name eks-hybrid --addon-name vpc-cni"


def fix_of(verify: Callable[..., Any], check: str) -> str:
    run = verify(only=f"^{check}$")
    (result,) = (one for one in run.results if one.check.id == check)
    return "\n".join(problem.fix for problem in result.outcome.problems)


@pytest.mark.parametrize(("way", "command"), [("", PLAYED), ("transit", OWN)])
def test_a_node_is_replaced_with_its_activation_which_is_used_up(verify, world, way, command):
    world.way = way
    world.at("onprem-1").labels.pop("topology.kubernetes.io/zone")
    fix = fix_of(verify, "node.labels")
    assert command in fix
    assert "--target-replace" not in fix


def test_the_pod_to_delete_is_one_of_the_two_that_share_a_node(verify, world):
    world.coredns_hybrid = ["onprem-1", "onprem-1"]
    assert (
        fix_of(verify, "system.coredns-spread") == "kubectl -n kube-system delete pod coredns-hybrid-6f9cd-1"
    )


def test_the_only_pod_of_a_side_is_not_to_be_deleted(verify, world):
    world.coredns_hybrid = ["onprem-1"]
    assert "delete" not in fix_of(verify, "system.coredns-spread")


def test_a_cluster_that_is_gone_is_not_asked_about_its_contents(verify, world):
    # A plain refresh ends at the Kubernetes resources, whose API server is gone with the cluster.
    world.cluster_status = None
    assert fix_of(verify, "aws.cluster").startswith("PULUMI_K8S_DELETE_UNREACHABLE=true pulumi refresh")


def test_the_add_on_goes_before_its_daemon_set(verify, world):
    world.aws_node = True
    fix = fix_of(verify, "node.no-aws-node")
    assert -1 < fix.find(ADD_ON) < fix.find("delete daemonset aws-node")
