"""What the components send for the dev stack; the edges between rooms are tests/infra/test_order.py's."""

import pulumi
import pytest

from infra.shapes import CalicoSource, PodNetwork
from k8s import nw_check, sample_app
from k8s.calico import manifest
from k8s.calico_source import CalicoManifestFileError
from tests.waits import waits_for

GROUP = "kubernetes:yaml/v2:ConfigGroup"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SERVICE = "kubernetes:core/v1:Service"
NAMESPACE = "kubernetes:core/v1:Namespace"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def test_what_has_no_nodes_yet_is_not_awaited_and_calicos_controllers_are(dev):
    before, after = dev.one(GROUP, "calico"), dev.one(GROUP, "calico-controllers")
    assert before.inputs["skipAwait"] is True
    assert "DaemonSet" in {obj["kind"] for obj in before.inputs["objs"]}
    assert after.inputs["skipAwait"] is False
    assert {obj["kind"] for obj in after.inputs["objs"]} == {"Deployment", "PodDisruptionBudget"}


@pytest.mark.parametrize("name", ["nw-check-managed", "nw-check-hybrid", "sample-app"])
def test_pulumi_waits_for_a_slow_boot(dev, name):
    assert dev.one(DEPLOYMENT, name).options.custom_timeouts == {"create": "20m", "update": "20m"}


def test_objects_are_sent_as_they_are_written(dev):
    hybrid = dev.one(DEPLOYMENT, "nw-check-hybrid")
    affinity = hybrid.inputs["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    ids = term["matchExpressions"][0]["values"]
    assert sorted(ids) == sorted(activation.id for activation in dev.of_type("aws:ssm/activation:Activation"))

    kind = {"apiVersion": "apps/v1", "kind": "Deployment"}
    assert hybrid.inputs == {**kind, **nw_check.hybrid_deployment(ids)}
    assert dev.one(DEPLOYMENT, "sample-app").inputs == {**kind, **sample_app.app_deployment(ids)}
    service = {"apiVersion": "v1", "kind": "Service", **sample_app.node_port_service(30080)}
    assert dev.one(SERVICE, "sample-svc").inputs == service
    managed = dev.one(DEPLOYMENT, "nw-check-managed").inputs
    assert managed == {**kind, **nw_check.managed_deployment(managed["spec"]["replicas"])}
    assert dev.one(DEPLOYMENT, "nw-check-closed-managed").inputs == {**kind, **nw_check.closed_managed()}
    assert dev.one(DEPLOYMENT, "nw-check-closed-hybrid").inputs == {**kind, **nw_check.closed_hybrid()}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", **nw_check.closed_policy()}
    assert dev.one(POLICY, "nw-check-closed").inputs == policy


def test_a_namespace_comes_before_what_is_in_it_and_the_service_after_its_pods(dev):
    for name in ("nw-check", "sample"):
        namespace = dev.one(NAMESPACE, name)
        inside = [r for r in dev.resources.values() if r.inputs.get("metadata", {}).get("namespace") == name]
        assert inside
        assert all(namespace.urn in waits_for(dev, resource.urn) for resource in inside)
    assert dev.one(DEPLOYMENT, "sample-app").urn in dev.one(SERVICE, "sample-svc").dependencies


# The Kubernetes provider adopts what exists. So an object that gets another name or parent in Pulumi's state, in the
# same cluster, is first "created" and then deleted under its old name: it is gone. These names are never changed.
PLACES = {
    "ekshybrid:metrics_server:MetricsServer$kubernetes:yaml/v2:ConfigGroup::metrics-server",
    "ekshybrid:metrics_server:MetricsServer$kubernetes:apps/v1:Deployment::metrics-server",
    "ekshybrid:metrics_server:MetricsServer$kubernetes:apiregistration.k8s.io/v1:APIService::metrics-api",
    "ekshybrid:hybrid_dns:HybridDns$kubernetes:apps/v1:Deployment::coredns-hybrid",
    "ekshybrid:hybrid_dns:HybridDns$kubernetes:policy/v1:PodDisruptionBudget::coredns-hybrid",
    "ekshybrid:hybrid_dns:HybridDns$kubernetes:core/v1:ServicePatch::kube-dns",
    "ekshybrid:calico:Calico$kubernetes:yaml/v2:ConfigGroup::calico",
    "ekshybrid:calico:CalicoControllers$kubernetes:yaml/v2:ConfigGroup::calico-controllers",
    "ekshybrid:nw_check:NwCheck$kubernetes:core/v1:Namespace::nw-check",
    "ekshybrid:nw_check:NwCheck$kubernetes:apps/v1:Deployment::nw-check-managed",
    "ekshybrid:nw_check:NwCheck$kubernetes:apps/v1:Deployment::nw-check-hybrid",
    "ekshybrid:nw_check:NwCheck$kubernetes:networking.k8s.io/v1:NetworkPolicy::nw-check-closed",
    "ekshybrid:nw_check:NwCheck$kubernetes:apps/v1:Deployment::nw-check-closed-managed",
    "ekshybrid:nw_check:NwCheck$kubernetes:apps/v1:Deployment::nw-check-closed-hybrid",
    "ekshybrid:sample_app:SampleApp$kubernetes:core/v1:Namespace::sample",
    "ekshybrid:sample_app:SampleApp$kubernetes:apps/v1:Deployment::sample-app",
    "ekshybrid:sample_app:SampleApp$kubernetes:core/v1:Service::sample-svc",
}


def test_no_setting_renames_or_replaces_a_kubernetes_object(record, dev):
    def replaced_by(recording):
        """What the provider replaces an object for, by the object's place in the state."""
        return {
            urn.split("::", 2)[2]: (
                resource.inputs["apiVersion"],
                resource.inputs["metadata"]["name"],
                resource.inputs["metadata"].get("namespace"),
                resource.inputs.get("spec", {}).get("selector"),
                resource.inputs.get("spec", {}).get("type"),
            )
            for urn, resource in recording.resources.items()
            if resource.type.startswith("kubernetes:") and resource.type != GROUP
        }

    other = record(
        kubernetesVersion="1.36",
        hybridNodes=[{"name": "a", "os": "al2023"}, *({"name": f"b{n}"} for n in range(4))],
        managedNodes={"desired": 3, "max": 5},
        sampleNodePort=31000,
        podCidr="100.64.0.0/16",
    )
    assert replaced_by(other) == replaced_by(dev)
    found = {urn.split("::", 2)[2] for urn, r in dev.resources.items() if r.type.startswith("kubernetes:")}
    assert found == PLACES
    # The objects in a group are named with its name, unless it is told otherwise.
    assert not any("resourcePrefix" in group.inputs for group in dev.of_type(GROUP))


def test_a_group_waits_itself_for_what_its_component_depends_on(dev):
    component = dev.one("ekshybrid:calico:CalicoControllers")
    assert component.dependencies
    assert dev.one(GROUP, "calico-controllers").dependencies == component.dependencies


def test_a_manifest_that_cannot_be_used_stops_the_cli_with_its_text_and_no_traceback(tmp_path):
    # The CLI prints a RunError's text alone; `ops plan` tells the kinds of error apart.
    source = CalicoSource(version="3.32.1", manifest=str(tmp_path / "none.yaml"), sha256=None)
    with pytest.raises(pulumi.RunError, match="cannot be read") as caught:
        manifest(source, PodNetwork(cidr="192.168.0.0/16", mtu=0))
    assert isinstance(caught.value, CalicoManifestFileError)
