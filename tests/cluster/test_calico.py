"""Calico's manifests, as this program configures them, in a real API server: one cluster's life, judged by many tests.

Installed, applied again, moved to the other release and back; then a new cluster with the other release.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from tests.cluster.api import Answer, Api, Object, wait_for
from tests.cluster.control_plane import ControlPlane
from tests.cluster.world import calico

pytestmark = pytest.mark.cluster

OLD, NEW = "3.31.7", "3.32.1"
Key = tuple[str, str]
# Upstream's: one of its definitions names a format that is not one of Kubernetes'. It validates nothing, and harms
# nothing; changing Calico's own objects beyond the variables would.
KNOWN_WARNINGS = {
    (("CustomResourceDefinition", "ipreservations.crd.projectcalico.org"), 'unrecognized format "cidr"')
}
# Numbers that controllers write, not what anybody asked for.
_COUNTERS = ("deprecated.daemonset.template.generation", "deployment.kubernetes.io/revision")


@dataclass(frozen=True, kw_only=True)
class Applied:
    """A release's objects after they were applied: the answers, and what the server has."""

    answers: dict[Key, Answer]
    live: dict[Key, Object]
    # What had the same content before and after: its resource version did not move.
    untouched: set[Key]

    @property
    def warnings(self) -> set[tuple[Key, str]]:
        return {(name, text) for name, answer in self.answers.items() for text in answer.warnings}


@dataclass(frozen=True, kw_only=True)
class Story:
    """The steps, in their order."""

    installed: Applied
    again: Applied
    upgraded: Applied
    downgraded: Applied
    other_installed: Applied
    other_again: Applied

    def steps(self) -> list[Applied]:
        return [
            self.installed,
            self.again,
            self.upgraded,
            self.downgraded,
            self.other_installed,
            self.other_again,
        ]


@pytest.fixture(scope="module")
def story(cluster: ControlPlane) -> Iterator[Story]:
    api, old, new = cluster.api, calico(OLD), calico(NEW)
    first = [apply(api, objects) for objects in (old, old, new, old)]
    remove(api, [*old, *new])
    second = [apply(api, objects) for objects in (new, new)]
    yield Story(
        installed=first[0],
        again=first[1],
        upgraded=first[2],
        downgraded=first[3],
        other_installed=second[0],
        other_again=second[1],
    )
    remove(api, new)


def key(obj: Object) -> Key:
    return obj["kind"], obj["metadata"]["name"]


def apply(api: Api, objects: Sequence[Object]) -> Applied:
    """Apply a release as the program does, on whatever is there."""
    before = settle(api, objects)
    answers = {key(obj): api.apply(obj) for obj in objects}
    untouched = {name for name, answer in answers.items() if answer.version == before.get(name)}
    return Applied(
        answers=answers, live={key(obj): content(api.get(obj)) for obj in objects}, untouched=untouched
    )


def present(api: Api, obj: Object) -> Object | None:
    metadata = obj["metadata"]
    return api.find(obj["apiVersion"], obj["kind"], metadata["name"], namespace=metadata.get("namespace", ""))


def settle(api: Api, objects: Sequence[Object]) -> dict[Key, str]:
    """Wait until no controller writes to the objects any more; return the versions of those that are there."""
    seen: list[dict[Key, str]] = [{("", ""): ""}]

    def unchanged() -> bool:
        found = {key(obj): present(api, obj) for obj in objects}
        seen.append({name: obj["metadata"]["resourceVersion"] for name, obj in found.items() if obj})
        return seen[-2] == seen[-1]

    wait_for("the objects keep changing", unchanged, seconds=120)
    return seen[-1]


def remove(api: Api, objects: Sequence[Object]) -> None:
    for obj in reversed(objects):
        api.delete(obj, propagationPolicy="Background", gracePeriodSeconds=0)
    for obj in objects:
        wait_for(f"{key(obj)} stays", lambda obj=obj: not present(api, obj))


def content(obj: Object) -> Object:
    """What an object says, without what the server notes about its history."""
    kept = ("name", "namespace", "labels", "annotations")
    metadata = {name: obj["metadata"][name] for name in kept if name in obj["metadata"]}
    notes = {name: text for name, text in metadata.pop("annotations", {}).items() if name not in _COUNTERS}
    rest = {name: value for name, value in obj.items() if name not in ("metadata", "status")}
    return {**rest, "metadata": {**metadata, "annotations": notes}}


def test_no_object_is_applied_with_a_warning_of_our_making(story: Story) -> None:
    for step in story.steps():
        assert step.warnings <= KNOWN_WARNINGS


def test_every_object_of_a_release_is_applied(story: Story) -> None:
    assert len(story.installed.answers) == 39
    assert len(story.other_installed.answers) == 38


def test_a_second_time_nothing_changes(story: Story) -> None:
    assert story.again.untouched == story.again.answers.keys()
    assert story.other_again.untouched == story.other_again.answers.keys()


@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_four_variables_reach_the_pods_of_calico_node(story: Story, version: str) -> None:
    applied = {OLD: story.installed, NEW: story.other_installed}[version]
    daemon_set = applied.live["DaemonSet", "calico-node"]
    (container,) = daemon_set["spec"]["template"]["spec"]["containers"]
    seen = {each["name"]: each.get("value") for each in container["env"]}
    assert {
        "CALICO_IPV4POOL_CIDR": "192.168.0.0/16",
        "CALICO_IPV4POOL_VXLAN": "Always",
        "IP_AUTODETECTION_METHOD": "kubernetes-internal-ip",
        "FELIX_AWSSRCDSTCHECK": "DoNothing",
    }.items() <= seen.items()


def test_another_release_changes_what_differs_between_the_two_and_nothing_else(story: Story) -> None:
    old, new = ({key(obj): obj for obj in calico(version)} for version in (OLD, NEW))
    same = {name for name in old.keys() & new.keys() if old[name] == new[name]}
    assert story.upgraded.untouched == same
    assert story.downgraded.untouched >= same
    # Who is who and who may be disrupted stay as they are; the pods are new, because their images are.
    assert {("ServiceAccount", "calico-node"), ("PodDisruptionBudget", "calico-kube-controllers")} <= same
    assert not same & {("DaemonSet", "calico-node"), ("Deployment", "calico-kube-controllers")}


def test_after_an_upgrade_the_objects_are_those_of_a_new_cluster(story: Story) -> None:
    assert story.upgraded.live == story.other_installed.live


def test_after_a_downgrade_the_objects_are_those_that_were_there_before(story: Story) -> None:
    assert story.downgraded.live == story.installed.live


def test_every_kind_that_calico_defines_is_served(story: Story, cluster: ControlPlane) -> None:
    assert story.other_again.answers
    definitions = [obj for obj in calico(NEW) if obj["kind"] == "CustomResourceDefinition"]
    wanted = {"Established": "True", "NamesAccepted": "True"}
    for obj in definitions:
        conditions = {each["type"]: each["status"] for each in cluster.api.get(obj)["status"]["conditions"]}
        assert wanted.items() <= conditions.items(), key(obj)
    assert len(definitions) == 23
