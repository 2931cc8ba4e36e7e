import copy
import itertools
import json
import subprocess
import sys
import textwrap

import pytest
import yaml

from infra import versions
from k8s import calico_manifest
from k8s.calico_manifest import CalicoManifestContentError
from k8s.calico_source import CalicoManifestError
from tests import manifest as manifests

SMALL = textwrap.dedent(
    """
    ---
    # A comment alone is a document without a value.
    ---
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: calico-config, namespace: kube-system}
    data:
      calico_backend: vxlan
      veth_mtu: "0"
      cni_network_config: |-
        {
          "plugins": [
            {
              "type": "calico",
              "mtu": __CNI_MTU__,
              "ipam": {
                  "type": "calico-ipam"
              }
            },
            {
              "type": "portmap"
            }
          ]
        }
    ---
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: {name: ippools.crd.projectcalico.org, creationTimestamp: null}
    spec: {versions: [{schema: {properties: {status: {type: string}}, enum: [null, a]}}]}
    status: {conditions: null}
    ---
    apiVersion: policy/v1
    kind: PodDisruptionBudget
    metadata: {name: calico-kube-controllers, namespace: kube-system}
    ---
    apiVersion: apps/v1
    kind: DaemonSet
    metadata: {name: calico-node, namespace: kube-system}
    spec:
      template:
        spec:
          initContainers: [{name: install-cni, env: [{name: CALICO_IPV4POOL_VXLAN, value: untouched}]}]
          containers:
          - {name: sidecar, env: [{name: CALICO_IPV4POOL_VXLAN, value: untouched}]}
          - name: calico-node
            env:
            - {name: FELIX_AWSSRCDSTCHECK, valueFrom: {configMapKeyRef: {name: a, key: b}}}
            - {name: CALICO_IPV4POOL_VXLAN, value: CrossSubnet}
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: calico-kube-controllers, namespace: kube-system}
    """
)
POD_CIDR = "192.168.0.0/16"
OBJECTS = {"3.32.1": 38, "3.31.7": 39}


def small(old="", new="", count=-1):
    assert old in SMALL
    return SMALL.replace(old, new, count).encode()


def node_container(objects):
    (node,) = (obj for obj in objects if obj["kind"] == "DaemonSet")
    return next(c for c in node["spec"]["template"]["spec"]["containers"] if c["name"] == "calico-node")


# The real manifests.


def test_every_object_of_the_real_manifest_survives_without_status_and_empty_keys(
    real_manifest, release, differences
):
    original = [document for document in yaml.safe_load_all(real_manifest) if document]
    objects = calico_manifest.parse(real_manifest)
    assert len(objects) == len(original) == OBJECTS[release.version]
    dropped = differences(original, objects)
    assert dropped
    for path, (before, after) in dropped.items():
        assert after == "<absent>", path
        assert before is None or path.endswith("].status"), path


def test_configure_changes_four_variables_and_one_cni_key_of_the_real_manifest_and_nothing_else(
    real_manifest, differences
):
    objects = calico_manifest.parse(real_manifest)
    untouched = copy.deepcopy(objects)
    configured = calico_manifest.configure(objects, pod_cidr="100.64.0.0/16")

    assert objects == untouched
    changed = differences(objects, configured)
    index = [obj["kind"] for obj in objects].index("DaemonSet")
    assert [c["name"] for c in objects[index]["spec"]["template"]["spec"]["containers"]] == ["calico-node"]
    env = node_container(objects)["env"]
    vxlan = next(i for i, variable in enumerate(env) if variable["name"] == "CALICO_IPV4POOL_VXLAN")
    prefix = f"[{index}].spec.template.spec.containers[0].env"
    assert changed.pop(f"{prefix}[{vxlan}].value") == ("CrossSubnet", "Always")
    added = [changed.pop(f"{prefix}[{len(env) + i}]") for i in range(3)]
    assert {variable["name"]: variable["value"] for _, variable in added} == {
        "CALICO_IPV4POOL_CIDR": "100.64.0.0/16",
        "IP_AUTODETECTION_METHOD": "kubernetes-internal-ip",
        "FELIX_AWSSRCDSTCHECK": "DoNothing",
    }
    configs = [number for number, obj in enumerate(objects) if obj["kind"] == "ConfigMap"]
    before, after = changed.pop(f"[{configs[0]}].data.cni_network_config")
    assert changed == {}
    old, new = (json.loads(text.replace("__CNI_MTU__", "0")) for text in (before, after))
    assert new["plugins"][0].pop("require_mtu_file") is True
    assert new == old


def test_a_manifest_that_says_itself_that_the_mtu_file_is_required_is_left_so():
    for said in ("true", "false"):
        content = small('"mtu": __CNI_MTU__,', f'"require_mtu_file": {said}, "mtu": __CNI_MTU__,')
        (config,) = (
            obj
            for obj in calico_manifest.configure(calico_manifest.parse(content), pod_cidr=POD_CIDR)
            if obj["kind"] == "ConfigMap"
        )
        assert config["data"]["cni_network_config"].count('"require_mtu_file": true,') == 1
        assert "false" not in config["data"]["cni_network_config"]


def test_a_cni_configuration_without_calico_is_refused():
    with pytest.raises(CalicoManifestContentError, match="cni_network_config has no plugin calico"):
        calico_manifest.configure(calico_manifest.parse(small('"type": "calico",', "")), pod_cidr=POD_CIDR)


def test_the_real_manifest_is_split_into_controllers_after_the_nodes_and_all_else_before(
    real_manifest, release
):
    objects = calico_manifest.parse(real_manifest)
    before, after = calico_manifest.split(objects)
    assert sorted((obj["kind"], obj["metadata"]["name"]) for obj in after) == [
        ("Deployment", "calico-kube-controllers"),
        ("PodDisruptionBudget", "calico-kube-controllers"),
    ]
    assert len(before) == OBJECTS[release.version] - 2
    assert before == [obj for obj in objects if obj not in after]
    kinds = {obj["kind"] for obj in before}
    assert {"CustomResourceDefinition", "ServiceAccount", "ClusterRole", "ConfigMap", "DaemonSet"} <= kinds


def test_prepare_reads_verifies_configures_and_splits_the_real_manifest(real_file, release, tmp_path):
    manifest = calico_manifest.prepare(
        source=str(real_file), version=release.version, sha256=None, pod_cidr=POD_CIDR, cache_dir=tmp_path
    )
    assert len(manifest.before_nodes) + len(manifest.after_nodes) == OBJECTS[release.version]
    assert len(manifest.after_nodes) == 2
    env = {variable["name"]: variable for variable in node_container(manifest.before_nodes)["env"]}
    assert env["CALICO_IPV4POOL_CIDR"]["value"] == POD_CIDR


def test_what_is_applied_lets_pods_reach_agents_on_the_network_of_their_node(real_file, release, tmp_path):
    # Felix drops it otherwise, and no pod gets to the agent of EKS Pod Identity on 169.254.170.23.
    manifest = calico_manifest.prepare(
        source=str(real_file), version=release.version, sha256=None, pod_cidr=POD_CIDR, cache_dir=tmp_path
    )
    env = node_container(manifest.before_nodes)["env"]
    assert {"name": "FELIX_DEFAULTENDPOINTTOHOSTACTION", "value": "ACCEPT"} in env


def test_prepare_refuses_the_manifest_of_another_version(real_file, release, tmp_path):
    other = next(version for version in versions.CALICO_SHA256 if version != release.version)
    with pytest.raises(CalicoManifestError, match=f"Calico {other}: .*sha256 {release.sha256}"):
        calico_manifest.prepare(
            source=str(real_file), version=other, sha256=None, pod_cidr=POD_CIDR, cache_dir=tmp_path
        )


# The rules, on a manifest small enough to read.


def test_status_and_empty_keys_are_dropped_at_the_top_and_a_property_called_status_is_kept():
    crd = calico_manifest.parse(small())[1]
    assert crd["metadata"] == {"name": "ippools.crd.projectcalico.org"}
    assert "status" not in crd
    schema = crd["spec"]["versions"][0]["schema"]
    assert schema == {"properties": {"status": {"type": "string"}}, "enum": [None, "a"]}


def test_variables_that_are_there_are_replaced_in_place_and_only_in_calico_node():
    objects = calico_manifest.parse(small())
    configured = calico_manifest.configure(objects, pod_cidr=POD_CIDR)
    assert node_container(configured)["env"] == [
        {"name": "FELIX_AWSSRCDSTCHECK", "value": "DoNothing"},
        {"name": "CALICO_IPV4POOL_VXLAN", "value": "Always"},
        {"name": "CALICO_IPV4POOL_CIDR", "value": POD_CIDR},
        {"name": "IP_AUTODETECTION_METHOD", "value": "kubernetes-internal-ip"},
    ]
    assert str(configured).count("untouched") == 2
    assert node_container(objects)["env"][1]["value"] == "CrossSubnet"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a: [", "not YAML"),
        (b"\xff\xfe\x00", "not YAML"),
        (b"<!DOCTYPE html><html></html>", "not a Kubernetes object"),
        (b"- a\n- b\n", "not a Kubernetes object"),
        (b"kind: Deployment\nmetadata:\n", "not a Kubernetes object"),
        (
            b"",
            "lacks ConfigMap calico-config, DaemonSet calico-node, Deployment calico-kube-controllers, Pod",
        ),
        (
            small("kind: DaemonSet", "kind: Installation"),
            "lacks DaemonSet calico-node",
        ),
        (small("name: calico-node, namespace", "name: canal, namespace"), "lacks DaemonSet calico-node"),
        (small("calico_backend: vxlan", "calico_backend: bird"), "calico_backend is bird, not vxlan"),
        (small("  calico_backend: vxlan\n"), "calico_backend is None"),
    ],
)
def test_what_is_not_calicos_vxlan_manifest_is_refused_with_the_reason_and_the_remedy(content, why):
    with pytest.raises(CalicoManifestContentError, match=why) as caught:
        calico_manifest.parse(content)
    assert str(caught.value).endswith("pulumi config rm calicoManifest")
    assert "\n" not in str(caught.value)


def test_a_missing_container_is_an_error():
    objects = calico_manifest.parse(small("- name: calico-node", "- name: calico"))
    with pytest.raises(CalicoManifestContentError, match="no container calico-node"):
        calico_manifest.configure(objects, pod_cidr=POD_CIDR)


def test_a_container_without_the_pool_variable_is_an_error():
    objects = calico_manifest.parse(
        small(
            "- {name: CALICO_IPV4POOL_VXLAN, value: CrossSubnet}",
            "- {name: CALICO_IPV4POOL_IPIP, value: Never}",
        )
    )
    with pytest.raises(CalicoManifestContentError, match="no variable CALICO_IPV4POOL_VXLAN"):
        calico_manifest.configure(objects, pod_cidr=POD_CIDR)


def test_a_list_without_the_daemonset_is_an_error():
    with pytest.raises(CalicoManifestContentError, match="lacks DaemonSet calico-node"):
        calico_manifest.configure([], pod_cidr=POD_CIDR)


def test_the_daemonset_waits_for_every_other_object_by_pulumis_annotation():
    before, _ = calico_manifest.split(calico_manifest.parse(small()))
    ordered = calico_manifest.node_last(before)
    (node,) = (obj for obj in ordered if obj["kind"] == "DaemonSet")
    assert node["metadata"].pop("annotations") == {
        "config.kubernetes.io/depends-on": "/namespaces/kube-system/ConfigMap/calico-config,"
        "apiextensions.k8s.io/CustomResourceDefinition/ippools.crd.projectcalico.org"
    }
    assert ordered == before
    assert "annotations" not in str(before)


def test_the_real_daemonset_waits_for_service_accounts_rights_crds_and_configuration(
    real_file, release, tmp_path
):
    manifest = calico_manifest.prepare(
        source=str(real_file), version=release.version, sha256=None, pod_cidr=POD_CIDR, cache_dir=tmp_path
    )
    (node,) = (obj for obj in manifest.before_nodes if obj["kind"] == "DaemonSet")
    waits = node["metadata"]["annotations"]["config.kubernetes.io/depends-on"].split(",")
    assert len(waits) == len(set(waits)) == len(manifest.before_nodes) - 1
    assert {
        "/namespaces/kube-system/ServiceAccount/calico-node",
        "rbac.authorization.k8s.io/ClusterRoleBinding/calico-node",
    } <= set(waits)
    # A dependency outside the group is an error of the provider's.
    assert not any("calico-kube-controllers" in each and "Deployment" in each for each in waits)


# With upsert, an object that gets another name in Pulumi's state is created (nothing happens) and then deleted.


def unchangeable(obj):
    """What replaces an object: its place in the state, and the fields that the API calls immutable."""
    spec = obj.get("spec", {})
    return {
        "apiVersion": obj["apiVersion"],
        "namespace": obj["metadata"].get("namespace"),
        "selector": spec.get("selector") if obj["kind"] in ("DaemonSet", "Deployment") else None,
        "roleRef": obj.get("roleRef"),
        "scope": spec.get("scope"),
        "group": spec.get("group"),
    }


def test_a_change_of_calicos_release_replaces_no_object_and_moves_none_to_another_group():
    releases = []
    for version in versions.CALICO_SHA256:
        content = manifests.real_manifest(version).read_bytes()
        groups = calico_manifest.split(calico_manifest.parse(content))
        releases.append(
            {
                (obj["kind"], obj["metadata"]["name"]): (number, unchangeable(obj))
                for number, group in enumerate(groups)
                for obj in group
            }
        )
    assert len(releases) > 1
    for old, new in itertools.permutations(releases, 2):
        assert old.keys() & new.keys()
        assert {key: old[key] for key in old.keys() & new.keys()} == {
            key: new[key] for key in old.keys() & new.keys()
        }


def test_manifest_modules_import_no_pulumi_package():
    code = "import sys, k8s.calico_manifest, k8s.workloads; print([m for m in sys.modules if m.startswith('pulumi')])"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


def test_an_mtu_that_is_set_reaches_the_pods_and_restarts_calico():
    objects = calico_manifest.parse(SMALL.encode())
    for mtu, config, variables in ((1390, "1390", {"FELIX_VXLANMTU": "1390"}), (0, "0", {})):
        found = {
            (each["kind"], each["metadata"]["name"]): each
            for each in calico_manifest.configure(objects, pod_cidr="10.0.0.0/16", pod_mtu=mtu)
        }
        assert found["ConfigMap", "calico-config"]["data"]["veth_mtu"] == config
        (container,) = (
            each
            for each in found["DaemonSet", "calico-node"]["spec"]["template"]["spec"]["containers"]
            if each["name"] == "calico-node"
        )
        # In the DaemonSet itself: a changed ConfigMap alone restarts nothing.
        assert {
            v["name"]: v["value"] for v in container["env"] if v["name"] == "FELIX_VXLANMTU" and "value" in v
        } == variables
