"""Calico's manifests, as this program configures them, in a real API server."""

from collections.abc import Iterator

import pytest

from infra import versions
from tests.cluster.api import Api, Object, wait_for
from tests.cluster.control_plane import ControlPlane
from tests.cluster.world import calico

pytestmark = pytest.mark.cluster

OLD, NEW = "3.31.7", "3.32.1"
every_release = pytest.mark.parametrize("version", list(versions.CALICO))


def key(obj: Object) -> tuple[str, str]:
    return obj["kind"], obj["metadata"]["name"]


@pytest.fixture
def api(cluster: ControlPlane) -> Iterator[Api]:
    """The API server; what belongs to Calico is gone when the test ends."""
    yield cluster.api
    both = [obj for version in versions.CALICO for obj in calico(version)]
    for obj in reversed(both):
        cluster.api.delete(obj, propagationPolicy="Background", gracePeriodSeconds=0)
    for obj in both:
        wait_for(f"{key(obj)} stays", lambda obj=obj: not present(cluster.api, obj))


def present(api: Api, obj: Object) -> Object | None:
    metadata = obj["metadata"]
    return api.find(obj["apiVersion"], obj["kind"], metadata["name"], namespace=metadata.get("namespace", ""))


def settle(api: Api, objects: list[Object]) -> dict[tuple[str, str], str]:
    """Wait until no controller writes to the objects any more; return their versions."""
    seen: dict[tuple[str, str], str] = {}

    def unchanged() -> bool:
        nonlocal seen
        before, seen = seen, {key(obj): api.get(obj)["metadata"]["resourceVersion"] for obj in objects}
        return before == seen

    wait_for("the objects keep changing", unchanged)
    return seen


def content(obj: Object) -> Object:
    """What an object says, without what the server notes about its history."""
    metadata = {
        name: obj["metadata"][name]
        for name in ("name", "namespace", "labels", "annotations")
        if name in obj["metadata"]
    }
    metadata.get("annotations", {}).pop("deprecated.daemonset.template.generation", None)
    metadata.get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
    return {**{name: value for name, value in obj.items() if name != "status"}, "metadata": metadata}


@every_release
def test_every_object_applies_without_a_warning_and_a_second_time_without_a_change(
    api: Api, version: str
) -> None:
    objects = calico(version)
    first = {key(obj): api.apply(obj).warnings for obj in objects}
    assert {name: warnings for name, warnings in first.items() if warnings} == {}
    assert len(first) == versions.CALICO[version].objects

    before = settle(api, objects)
    again = {key(obj): api.apply(obj) for obj in objects}
    assert {name: answer.warnings for name, answer in again.items() if answer.warnings} == {}
    assert {name: answer.version for name, answer in again.items()} == before


@every_release
def test_every_kind_that_calico_defines_is_served(api: Api, version: str) -> None:
    definitions = [obj for obj in calico(version) if obj["kind"] == "CustomResourceDefinition"]
    for obj in definitions:
        api.apply(obj)

    def established(obj: Object) -> bool:
        conditions = api.get(obj).get("status", {}).get("conditions", [])
        return {"Established": "True", "NamesAccepted": "True"}.items() <= {
            c["type"]: c["status"] for c in conditions
        }.items()

    for obj in definitions:
        wait_for(f"{key(obj)} is not established", lambda obj=obj: established(obj))
    assert "BGPConfiguration" in {obj["spec"]["names"]["kind"] for obj in definitions}


@every_release
def test_the_four_variables_reach_the_pods_of_calico_node(api: Api, version: str) -> None:
    for obj in calico(version):
        api.apply(obj)
    daemon_set = api.find("apps/v1", "DaemonSet", "calico-node", namespace="kube-system")
    assert daemon_set is not None
    (container,) = daemon_set["spec"]["template"]["spec"]["containers"]
    seen = {each["name"]: each.get("value") for each in container["env"]}
    assert {
        "CALICO_IPV4POOL_CIDR": "192.168.0.0/16",
        "CALICO_IPV4POOL_VXLAN": "Always",
        "IP_AUTODETECTION_METHOD": "kubernetes-internal-ip",
        "FELIX_AWSSRCDSTCHECK": "DoNothing",
    }.items() <= seen.items()


@pytest.mark.parametrize(("before", "after"), [(OLD, NEW), (NEW, OLD)], ids=["upgrade", "downgrade"])
def test_another_release_changes_what_differs_between_the_two_and_nothing_else(
    api: Api, before: str, after: str
) -> None:
    old, new = ({key(obj): obj for obj in calico(version)} for version in (before, after))
    for obj in old.values():
        api.apply(obj)
    versions_before = settle(api, list(old.values()))

    answers = {name: api.apply(obj) for name, obj in new.items()}
    changed = {name for name in old.keys() & new.keys() if answers[name].version != versions_before[name]}
    assert changed == {name for name in old.keys() & new.keys() if old[name] != new[name]}
    assert {name for name, answer in answers.items() if answer.warnings} == set()
    # Pods are rolled out anew where their image is another one; who may do what stays, but for the rules that differ.
    assert {("DaemonSet", "calico-node"), ("Deployment", "calico-kube-controllers")} <= changed
    assert not {kind for kind, _ in changed} & {"ClusterRoleBinding", "ServiceAccount", "PodDisruptionBudget"}


@pytest.mark.parametrize(("before", "after"), [(OLD, NEW), (NEW, OLD)], ids=["upgrade", "downgrade"])
def test_after_a_change_of_release_the_objects_are_those_of_a_new_cluster(
    api: Api, before: str, after: str
) -> None:
    def live(objects: list[Object]) -> dict[tuple[str, str], Object]:
        return {key(obj): content(api.get(obj)) for obj in objects}

    new = calico(after)
    for obj in new:
        api.apply(obj)
    fresh = live(new)
    for obj in reversed(new):
        api.delete(obj, propagationPolicy="Background", gracePeriodSeconds=0)
    for obj in new:
        wait_for(f"{key(obj)} stays", lambda obj=obj: not present(api, obj))
    for obj in [*calico(before), *new]:
        api.apply(obj)

    assert live(new) == fresh
