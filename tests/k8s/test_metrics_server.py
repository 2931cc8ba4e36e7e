"""metrics-server as objects. tests/cluster/test_metrics.py shows what the API server makes of them."""

from infra import versions
from infra.flows import METRICS_PORT, flows
from k8s import metrics_server


def pod():
    return metrics_server.deployment()["spec"]["template"]["spec"]


def test_the_control_plane_reaches_it_on_a_port_that_the_flow_table_opens():
    assert pod()["hostNetwork"] is True
    (container,) = pod()["containers"]
    assert f"--secure-port={METRICS_PORT}" in container["args"]
    assert container["ports"] == [{"name": "https", "containerPort": METRICS_PORT, "protocol": "TCP"}]
    table = flows(node_port=30080, ubuntu=False)
    assert ("control-plane", "managed", METRICS_PORT) in {(f.source, f.target, f.port) for f in table}
    assert {f.target for f in table if f.source == "managed" and f.port == 10250} == {"managed", "hybrid"}


def test_it_asks_kubelets_by_address_and_checks_their_certificates():
    (container,) = pod()["containers"]
    assert "--kubelet-preferred-address-types=InternalIP" in container["args"]
    assert "--kubelet-insecure-tls" not in container["args"]


def test_it_runs_on_managed_nodes_only():
    affinity = pod()["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = affinity["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "eks.amazonaws.com/nodegroup", "operator": "Exists"}]


def test_a_new_pod_waits_for_the_port_of_the_old_one():
    strategy = metrics_server.deployment()["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_no_up_waits_for_it():
    assert metrics_server.deployment()["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}


def test_it_is_confined_and_writes_its_certificate_only():
    (container,) = pod()["containers"]
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["image"] == versions.METRICS_SERVER_IMAGE
    (mount,) = container["volumeMounts"]
    assert f"--cert-dir={mount['mountPath']}" in container["args"]


def test_it_may_read_what_it_measures_and_nothing_else():
    (role,) = (
        one
        for one in metrics_server.objects()
        if one["metadata"]["name"] == "system:metrics-server" and "rules" in one
    )
    assert {resource for rule in role["rules"] for resource in rule["resources"]} == {
        "nodes/metrics",
        "nodes",
        "pods",
    }
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}


def test_every_key_is_one_that_the_kubernetes_api_knows(check_object):
    check_object("V1Deployment", metrics_server.deployment())
    for one in metrics_server.objects():
        check_object(f"V1{one['kind']}", one)
