"""What a stack keeps over releases of this program and of Kubernetes, and what is said before anything moves."""

import re
from collections.abc import Callable

import pytest

from infra.versions import KUBERNETES_DEFAULT, NODEADM_DEFAULT, RELEASE
from tests.engine.conftest import FIRST, Rig
from tests.engine.harness import Step
from tests.engine.standin.world import CLUSTER

pytestmark = pytest.mark.engine

OLD, OWN, NEXT = "1.35", "1.36", "1.37"


def said(step: Step) -> str:
    """Return the text of a run with its line breaks as spaces: the CLI wraps what is long."""
    return re.sub(r"\s+", " ", step.run.text)


@pytest.fixture(scope="module")
def kept(new_rig: Callable[[], Rig]) -> Rig:
    """A stack that is up, with a Kubernetes version that is not the default."""
    rig = new_rig()
    rig.stack.configure(kubernetesVersion=OLD, supportType="EXTENDED", hybridNodes=[FIRST])
    rig.stack.up()
    rig.join()
    return rig


@pytest.fixture(scope="module")
def left_open(kept: Rig) -> Step:
    """`pulumi preview` with a release that has other defaults, after the stack has stopped to set its own."""
    kept.stack.edit("infra/versions.py", f'"{NODEADM_DEFAULT}"', '"v1.9.9"')
    with kept.stack.configured(kubernetesVersion="", supportType=""):
        step = kept.stack.step(lambda: kept.stack.preview(succeeds=False))
    kept.stack.edit("infra/versions.py", '"v1.9.9"', f'"{NODEADM_DEFAULT}"')
    return step


@pytest.fixture(scope="module")
def older(kept: Rig, left_open: Step) -> Step:
    """`pulumi preview` with an older release of the program."""
    assert left_open.run.code != 0
    kept.stack.edit("infra/versions.py", f'RELEASE: Final = "{RELEASE}"', 'RELEASE: Final = "0.1.9"')
    step = kept.stack.step(lambda: kept.stack.preview(succeeds=False))
    kept.stack.edit("infra/versions.py", 'RELEASE: Final = "0.1.9"', f'RELEASE: Final = "{RELEASE}"')
    return step


@pytest.fixture(scope="module")
def ahead(kept: Rig, older: Step) -> Step:
    """`pulumi preview` after EKS has upgraded the control plane by itself."""
    assert older.run.code != 0
    kept.stack.upgraded_by_eks(OWN)
    return kept.stack.step(lambda: kept.stack.preview(succeeds=False))


@pytest.fixture(scope="module")
def not_refreshed(kept: Rig, ahead: Step) -> Step:
    """The next one, after the setting has followed, and nothing else."""
    assert ahead.run.code != 0
    kept.stack.configure(kubernetesVersion=OWN)
    return kept.stack.step(lambda: kept.stack.preview(succeeds=False))


@pytest.fixture(scope="module")
def followed(kept: Rig, not_refreshed: Step) -> Step:
    """`pulumi up` after `pulumi refresh`."""
    assert not_refreshed.run.code != 0
    kept.stack.refresh()
    step = kept.stack.step(kept.stack.up)
    kept.join()
    return step


@pytest.fixture(scope="module")
def both(kept: Rig, followed: Step) -> Step:
    """`pulumi preview` with the next Kubernetes, and the Calico that is tested with it, at once."""
    assert followed.run.code == 0
    with kept.stack.configured(kubernetesVersion=NEXT, calicoVersion="3.33.1"):
        return kept.stack.step(lambda: kept.stack.preview(succeeds=False))


def test_a_default_never_changes_a_stack_that_is_up(left_open):
    for setting, has, step in (
        ("kubernetesVersion", OLD, OWN),
        ("supportType", "EXTENDED", "STANDARD"),
        ("nodeadmVersion", NODEADM_DEFAULT, "v1.9.9"),
    ):
        assert f"To keep what it has: pulumi config set {setting} {has}." in said(left_open)
        assert f"To change it: pulumi config set {setting} {step}." in said(left_open)
    assert f"default {KUBERNETES_DEFAULT} is not what this stack has" in said(left_open)
    assert left_open.changes == []


def test_an_older_release_refuses_the_stack_and_names_the_one_that_it_needs(older):
    assert f"last changed by release {RELEASE} of this program, and this is 0.1.9" in said(older)
    assert f"Use release {RELEASE} or a newer one" in said(older)
    assert older.changes == []


def test_when_eks_has_upgraded_by_itself_the_preview_says_the_three_commands(ahead):
    assert f"EKS has Kubernetes {OWN}, and" in said(ahead)
    assert f"pulumi config set kubernetesVersion {OWN}, then pulumi refresh, then make up" in said(ahead)
    assert ahead.changes == []


def test_a_version_that_eks_has_already_is_not_asked_for(not_refreshed):
    assert "First pulumi refresh, then make up" in said(not_refreshed)
    assert not_refreshed.changes == []


def test_after_the_refresh_the_nodes_and_the_add_ons_follow(followed):
    assert all(call.details["inputs"]["version"] == OWN for call in followed.of("Update", CLUSTER))
    group = followed.one("Update", "aws:eks/nodeGroup:NodeGroup")
    assert group.details["inputs"]["version"] == OWN
    assert followed.of("Create", "aws:ec2/instance:Instance", "hybrid-1.")
    addon = followed.one("Update", "aws:eks/addon:Addon", "coredns")
    assert addon.details["inputs"]["addonVersion"].startswith(f"v{OWN}")


def test_calico_and_kubernetes_at_once_are_refused_with_the_order(both):
    assert f"Calico first: pulumi config set kubernetesVersion {OWN}, make up, then" in said(both)
    assert both.changes == []
