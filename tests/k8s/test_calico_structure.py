"""A manifest that is built in another way is refused, with each difference by name."""

import copy
import hashlib

import pytest
import yaml

from k8s import calico_manifest
from k8s.calico_structure import differences
from tests.manifest import small_manifest


@pytest.fixture
def objects(tmp_path):
    path, _ = small_manifest(tmp_path)
    return calico_manifest.parse(path.read_bytes())


def pod(objects, kind):
    return next(obj for obj in objects if obj["kind"] == kind)["spec"]["template"]["spec"]


def test_the_releases_of_the_table_have_the_structure(real_manifest):
    assert differences(calico_manifest.parse(real_manifest)) == []


def test_one_more_crd_or_variable_is_no_other_structure(objects):
    crd = next(obj for obj in objects if obj["kind"] == "CustomResourceDefinition")
    more = copy.deepcopy(crd)
    more["metadata"]["name"] = "new.crd.projectcalico.org"
    pod(objects, "DaemonSet")["containers"][0]["env"].append({"name": "FELIX_NEW", "value": "1"})
    pod(objects, "DaemonSet")["initContainers"].append({"name": "one-more"})
    assert differences([*objects, more]) == []


def another(kind, name):
    return lambda objects: objects.append({"kind": kind, "metadata": {"name": name}})


def container(kind, change):
    return lambda objects: change(pod(objects, kind)["containers"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            another("Namespace", "calico-system"),
            "it has the kind Namespace (calico-system), which no release had",
        ),
        (another("Installation", "default"), "it has the kind Installation (default), which no release had"),
        (
            another("Deployment", "calico-typha"),
            "its Deployment should be calico-kube-controllers alone, and is calico-kube-controllers, calico-typha",
        ),
        (
            lambda objects: objects.remove(next(o for o in objects if o["kind"] == "PodDisruptionBudget")),
            "its PodDisruptionBudget should be calico-kube-controllers alone, and is none",
        ),
        (
            container("DaemonSet", lambda found: found.append({"name": "felix"})),
            "its DaemonSet should run container calico-node alone, and runs calico-node, felix",
        ),
        (
            container("Deployment", lambda found: found[0].update(name="calico")),
            "its Deployment should run container calico-kube-controllers alone, and runs calico",
        ),
        (
            container("DaemonSet", lambda found: found[0]["env"].pop(0)),
            "its container calico-node has no variable CALICO_NETWORKING_BACKEND",
        ),
        (
            container("DaemonSet", lambda found: found[0]["env"].pop(1)),
            "its container calico-node has no variable CALICO_IPV4POOL_VXLAN",
        ),
        (
            lambda objects: pod(objects, "DaemonSet")["initContainers"].clear(),
            "its container install-cni has no variable CNI_NETWORK_CONFIG",
        ),
    ],
)
def test_each_other_structure_is_named(objects, change, says):
    change(objects)
    assert differences(objects) == [says]


def test_such_a_manifest_is_refused_before_anything_is_configured(objects, tmp_path):
    another("Namespace", "calico-system")(objects)
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    with pytest.raises(calico_manifest.CalicoManifestContentError) as caught:
        calico_manifest.prepare(
            source=str(file),
            version="3.33.1",
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            pod_cidr="192.168.0.0/16",
            cache_dir=tmp_path,
        )
    assert str(caught.value).startswith("calicoVersion 3.33.1: this manifest is built in another way")
    assert str(caught.value).endswith("pulumi config set calicoVersion 3.32.1")
