"""The life of a stack's Kubernetes side: the real engine, the real Kubernetes provider, a real API server."""

import re
from collections.abc import Callable

import pytest

from infra import versions
from infra.names import (
    CHECK_HYBRID,
    CHECK_MANAGED,
    CHECK_NAMESPACE,
    SAMPLE_APP,
    SAMPLE_NAMESPACE,
    SAMPLE_SERVICE,
)
from k8s import metrics_server
from tests.cluster import foreign
from tests.cluster.stack import RealRig
from tests.cluster.world import calico
from tests.engine.harness import Step

pytestmark = pytest.mark.cluster

UNCHANGED = re.compile(r"Resources:\n +\d+ unchanged\n")
DEPLOYMENTS = [
    (CHECK_MANAGED, CHECK_NAMESPACE),
    (CHECK_HYBRID, CHECK_NAMESPACE),
    (SAMPLE_APP, SAMPLE_NAMESPACE),
    ("calico-kube-controllers", "kube-system"),
]


@pytest.fixture(scope="module")
def rig(new_real_rig: Callable[[], RealRig]) -> RealRig:
    """The stack whose life the fixtures below are."""
    return new_real_rig()


@pytest.fixture(scope="module")
def created(rig: RealRig) -> Step:
    """The first `pulumi up` of a cluster in which somebody has installed a metrics-server of his own."""
    for obj in foreign.metrics_server(authority=rig.cluster.authority):
        rig.cluster.api.apply(obj, manager=foreign.MANAGER)
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def repeated(rig: RealRig, created: Step) -> Step:
    """The second one."""
    assert created.run.code == 0
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def changed(rig: RealRig, repeated: Step) -> Step:
    """`pulumi up` after a second hybrid node and another port were set."""
    assert repeated.run.code == 0
    nodes = [{"name": "hybrid-1", "os": "ubuntu-24.04"}, {"name": "hybrid-2", "os": "al2023"}]
    rig.stack.configure(hybridNodes=nodes, sampleNodePort=30090)
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def refreshed(rig: RealRig, changed: Step) -> tuple[Step, Step]:
    """`pulumi refresh`, and the `pulumi up` after it."""
    assert changed.run.code == 0
    refresh = rig.stack.step(lambda: rig.stack.pulumi("refresh", "--yes", "--skip-preview"))
    return refresh, rig.stack.step(rig.stack.up)


@pytest.fixture(scope="module")
def destroyed(rig: RealRig, refreshed: tuple[Step, Step]) -> Step:
    """`pulumi destroy`."""
    assert refreshed[1].run.code == 0
    return rig.stack.step(rig.stack.destroy)


def test_the_first_up_ends_when_every_workload_runs(rig: RealRig, created: Step) -> None:
    assert created.run.code == 0
    for name, space in DEPLOYMENTS:
        deployment = rig.cluster.api.find("apps/v1", "Deployment", name, namespace=space)
        assert deployment is not None
        assert deployment["status"]["availableReplicas"] == deployment["spec"]["replicas"] > 0


def test_every_object_of_calico_is_in_the_cluster(rig: RealRig, created: Step) -> None:
    assert created.run.code == 0
    for obj in calico(versions.CALICO_DEFAULT):
        metadata = obj["metadata"]
        where = (obj["apiVersion"], obj["kind"], metadata["name"])
        assert rig.cluster.api.find(*where, namespace=metadata.get("namespace", "")), where


def test_a_metrics_server_of_the_users_own_stops_no_up_and_loses_only_the_api(
    rig: RealRig, created: Step
) -> None:
    assert created.run.code == 0
    *parts, api = foreign.metrics_server(authority=rig.cluster.authority)
    for obj in parts:
        found = rig.cluster.api.get(obj)
        managers = {each["manager"] for each in found["metadata"]["managedFields"]}
        assert managers <= {foreign.MANAGER, "kube-controller-manager"}, found["metadata"]["name"]
    assert rig.cluster.api.get(api)["spec"]["service"]["name"] == metrics_server.NAME


def test_nobody_warns_of_anything(created: Step) -> None:
    # Above the diagnostics stands what a Deployment says of itself while it is awaited.
    diagnostics = created.run.text.partition("Diagnostics:")[2].partition("Outputs:")[0]
    assert "warning:" not in diagnostics, diagnostics


def test_the_second_up_changes_nothing(repeated: Step) -> None:
    assert UNCHANGED.search(repeated.run.text), repeated.run.text


def test_a_change_of_the_port_changes_the_service_in_place(
    rig: RealRig, created: Step, changed: Step
) -> None:
    assert changed.run.code == 0
    service = rig.cluster.api.find("v1", "Service", SAMPLE_SERVICE, namespace=SAMPLE_NAMESPACE)
    assert service is not None
    assert service["spec"]["ports"][0]["nodePort"] == 30090
    (before,) = [
        each["outputs"]["metadata"]["uid"]
        for each in created.resources
        if each["type"].endswith(":Service") and each["outputs"]["metadata"]["name"] == SAMPLE_SERVICE
    ]
    assert service["metadata"]["uid"] == before


def test_a_new_hybrid_node_gets_its_check_before_up_ends(rig: RealRig, changed: Step) -> None:
    assert changed.run.code == 0
    pods = rig.cluster.api.items("v1", "Pod", namespace=CHECK_NAMESPACE, labels=f"app={CHECK_HYBRID}")
    hosts = {pod["spec"]["nodeName"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}
    assert hosts == set(rig.apis.machines)
    assert len(hosts) == 2


def test_a_refresh_finds_nothing_and_neither_does_the_up_after_it(refreshed: tuple[Step, Step]) -> None:
    for step in refreshed:
        assert UNCHANGED.search(step.run.text), step.run.text


def test_a_destroy_leaves_the_objects_to_the_cluster_that_goes(rig: RealRig, destroyed: Step) -> None:
    assert destroyed.resources == []
    # The cluster is the stand-in's to delete: what Pulumi did not delete is still here.
    assert rig.cluster.api.find("apps/v1", "DaemonSet", "calico-node", namespace="kube-system")
    assert rig.cluster.api.find("v1", "Namespace", SAMPLE_NAMESPACE)


def test_a_destroy_takes_the_nodes_of_the_hybrid_machines_out_of_the_cluster(
    rig: RealRig, destroyed: Step
) -> None:
    assert destroyed.run.code == 0
    left = [node["metadata"]["name"] for node in rig.cluster.api.items("v1", "Node")]
    assert [name for name in left if name.startswith("mi-")] == []
