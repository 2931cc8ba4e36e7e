"""The example that gives pods AWS credentials: a second stack, which reads the outputs of this one, in the engine."""

import json
import shutil
import sys

import pytest
import yaml

from tests.engine.harness import PROJECT, REPOSITORY
from tests.engine.standin.world import ADD_ON

pytestmark = pytest.mark.engine

AGENT = "eks-hybrid:eks-pod-identity-agent"
ROLE = "aws:iam/role:Role"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
ACCOUNT = "kubernetes:core/v1:ServiceAccount"


@pytest.fixture(scope="module")
def rig(new_rig):
    return new_rig(small=True)


@pytest.fixture(scope="module")
def built(rig):
    """The cluster's stack."""
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def workload(rig, built):
    """`pulumi up` of the example beside it, with the stand-ins as its providers; and the next one, a preview."""
    assert built.run.code == 0
    stack, folder = rig.stack, rig.stack.folder / "workload"
    shutil.copytree(REPOSITORY / "examples" / "workload", folder)
    file = folder / "Pulumi.yaml"
    project = yaml.safe_load(file.read_text(encoding="utf-8"))
    plugins = yaml.safe_load((stack.project / "Pulumi.yaml").read_text(encoding="utf-8"))["plugins"]
    project["runtime"]["options"]["virtualenv"] = sys.prefix
    file.write_text(yaml.safe_dump({**project, "plugins": plugins}), encoding="utf-8")
    here = ["--cwd", str(folder)]
    stack.pulumi("stack", "init", "mine", *here)
    stack.pulumi("config", "set", "cluster", f"organization/{PROJECT}/{stack.name}", *here)
    before = len(stack.journal())
    stack.pulumi("up", "--yes", "--skip-preview", *here)
    made = {
        (call.type, call.name): call.details["inputs"]
        for call in stack.journal()[before:]
        if call.kind == "Create"
    }
    failures = [call.details["failures"] for call in stack.journal()[before:] if call.kind == "Check"]
    assert not any(failures)
    return made, stack.pulumi("preview", *here).text


def test_the_agent_of_the_cluster_has_the_daemon_set_of_hybrid_nodes(rig, built):
    agent = rig.stack.world().get(ADD_ON, AGENT).inputs
    assert json.loads(agent["configurationValues"]) == {"daemonsets": {"hybrid": {"create": True}}}
    assert agent["tags"]["eks-hybrid-calico:stack"] == f"{PROJECT}/test"
    asked = [call for call in rig.stack.journal() if call.kind == "CreateAddon"]
    assert len(asked) == 1
    assert built.one("Create", "aws:eks/cluster:").ended <= asked[0].started


def test_a_service_account_gets_its_role_by_an_association(rig, workload):
    made, _ = workload
    association = made[ASSOCIATION, "pod-identity"]
    assert association["clusterName"] == rig.stack.outputs()["clusterName"]
    assert (association["namespace"], association["serviceAccount"]) == ("workload", "pod-identity")
    (statement,) = json.loads(made[ROLE, "pod-identity"]["assumeRolePolicy"])["Statement"]
    # https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]


def test_another_one_by_the_issuer_of_the_cluster(rig, workload):
    made, _ = workload
    outputs = rig.stack.outputs()
    (statement,) = json.loads(made[ROLE, "irsa"]["assumeRolePolicy"])["Statement"]
    host = outputs["oidcIssuer"].removeprefix("https://")
    assert statement["Principal"] == {"Federated": outputs["oidcProviderArn"]}
    # https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
    assert statement["Condition"]["StringEquals"] == {
        f"{host}:aud": "sts.amazonaws.com",
        f"{host}:sub": "system:serviceaccount:workload:irsa",
    }
    assert "eks.amazonaws.com/role-arn" in made[ACCOUNT, "irsa"]["metadata"]["annotations"]


def test_each_has_a_pod_on_each_side(workload):
    made, _ = workload
    names = {name for type_, name in made if type_ == DEPLOYMENT}
    assert names == {f"{who}-{side}" for who in ("pod-identity", "irsa") for side in ("managed", "hybrid")}


def test_the_next_preview_is_empty(workload):
    _, preview = workload
    assert "unchanged" in preview
    assert not any(word in preview for word in ("to create", "to update", "to delete"))


def test_a_refresh_and_another_up_ask_for_the_agent_no_more(rig, built, workload):
    assert built.run.code == 0
    assert workload
    rig.stack.refresh()
    assert rig.stack.step(rig.stack.up).changes == []
    assert len([call for call in rig.stack.journal() if call.kind.endswith("Addon")]) == 1


def test_one_that_somebody_has_deleted_comes_again(rig, workload):
    assert workload
    rig.apis.lose_add_on(AGENT)
    rig.stack.refresh()
    rig.stack.up()
    assert rig.stack.world().get(ADD_ON, AGENT)
