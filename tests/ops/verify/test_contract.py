"""What the program exports is what `ops verify` reads."""

from typing import Any

from infra.names import (
    ACTIVATION_LABEL,
    CHECK_NAMESPACE,
    HTTP_ECHO_PORT,
    NAME_LABEL,
    SAMPLE_APP,
    SAMPLE_NAMESPACE,
    SAMPLE_SERVICE,
)
from ops.clients.kube import METRICS_SERVICE
from ops.clients.stack_outputs import Deployment
from ops.program.recorder import Recording
from ops.verify import cluster


def test_the_programs_outputs_are_a_deployment_to_verify(dev: Recording) -> None:
    found = Deployment.model_validate(dev.stack_outputs)

    assert found.cluster_name == "eks-hybrid"
    assert found.alb_url.startswith("http://")
    assert all(node.activation_id and node.instance_id and node.private_ip for node in found.hybrid_nodes)
    assert found.checks.stack == "dev"
    assert found.checks.peering_id
    assert len(set(found.checks.target_groups.values())) == 2
    assert found.cluster_arn.endswith(":cluster/eks-hybrid")


def test_workloads_are_looked_for_under_the_names_the_program_gives_them(dev: Recording) -> None:
    kubernetes = [one for one in dev.resources.values() if one.type.startswith("kubernetes:")]
    found = [one.inputs["metadata"] for one in kubernetes if "metadata" in one.inputs]
    made = {(metadata.get("namespace", ""), metadata["name"]) for metadata in found}

    assert {(CHECK_NAMESPACE, app) for app in cluster.CHECK_APPS} <= made
    assert {(CHECK_NAMESPACE, app) for app in cluster.CLOSED_APPS.values()} <= made
    for app in cluster.CLOSED_APPS.values():
        pod = dev.one("kubernetes:apps/v1:Deployment", app).inputs["spec"]["template"]["spec"]
        # What asks is the first container, as everywhere.
        assert "netshoot" in pod["containers"][0]["image"]
        assert pod["containers"][1]["ports"][0]["containerPort"] == HTTP_ECHO_PORT
    assert (SAMPLE_NAMESPACE, SAMPLE_APP) in made
    assert (SAMPLE_NAMESPACE, SAMPLE_SERVICE) in made


def test_metrics_are_looked_for_where_the_program_sends_the_api(dev: Recording) -> None:
    service = dev.one("kubernetes:apiregistration.k8s.io/v1:APIService").inputs["spec"]["service"]
    assert f"{service['namespace']}/{service['name']}" == METRICS_SERVICE
    metadata = dev.one("kubernetes:apps/v1:Deployment", "metrics-server").inputs["metadata"]
    assert f"{metadata['namespace']}/{metadata['name']}" == METRICS_SERVICE


def test_the_stand_ins_labels_are_those_of_the_program(world: Any) -> None:
    labels = world.at("onprem-1").labels

    assert {ACTIVATION_LABEL, NAME_LABEL} <= labels.keys()
