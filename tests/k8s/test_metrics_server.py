"""metrics-server as objects. tests/cluster/test_metrics.py shows what the API server makes of them."""

from infra import versions
from infra.flows import flows
from infra.names import METRICS_PORT
from k8s import metrics_server

RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


def pod():
    return metrics_server.deployment()["spec"]["template"]["spec"]


def test_the_control_plane_reaches_it_on_a_port_that_the_flow_table_opens():
    assert pod()["hostNetwork"] is True
    (container,) = pod()["containers"]
    assert f"--secure-port={METRICS_PORT}" in container["args"]
    assert container["ports"] == [{"name": "https", "containerPort": METRICS_PORT, "protocol": "TCP"}]
    table = flows(node_port=30080, plain_http=False)
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
        if one["metadata"]["name"] == f"{metrics_server.NAME}:kubelets" and "rules" in one
    )
    assert {resource for rule in role["rules"] for resource in rule["resources"]} == {
        "nodes/metrics",
        "nodes",
        "pods",
    }
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}


def test_every_key_is_one_that_the_kubernetes_api_knows(check_object):
    check_object("V1Deployment", metrics_server.deployment())
    check_object("V1APIService", metrics_server.api())
    for one in metrics_server.objects():
        check_object(f"V1{one['kind']}", one)


# What the Helm chart, the project's own release and the EKS add-on call their objects.
THEIRS = {
    "metrics-server",
    "metrics-server-auth-reader",
    "metrics-server:system:auth-delegator",
    "system:aggregated-metrics-reader",
    "system:metrics-server",
    "system:metrics-server-aggregated-reader",
}


def test_nothing_has_the_name_of_a_part_of_another_metrics_server_but_the_api():
    parts = (*metrics_server.objects(), metrics_server.deployment(), metrics_server.api())
    made = {one["metadata"]["name"] for one in parts}
    assert not made & THEIRS
    assert {name for name in made if not name.startswith("eks-hybrid-metrics")} == {
        metrics_server.API_SERVICE
    }


def test_the_api_is_taken_over_whoever_has_set_it_and_however(dev):
    api = metrics_server.api()
    assert api["metadata"]["annotations"] == {"pulumi.com/patchForce": "true"}
    # The API server refuses an authority beside a certificate that is not checked.
    assert (api["spec"]["insecureSkipTLSVerify"], api["spec"]["caBundle"]) == (True, "")
    (sent,) = dev.of_type("kubernetes:apiregistration.k8s.io/v1:APIService")
    assert api.items() <= sent.inputs.items()
    # The API server keeps no empty one, which would be a difference in every up.
    assert sent.options.ignore_changes == ("spec.caBundle",)


def test_no_label_is_one_that_another_metrics_server_selects_its_pods_by():
    deployment, (service,) = (
        metrics_server.deployment(),
        [one for one in metrics_server.objects() if one["kind"] == "Service"],
    )
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels == deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]
    assert labels == {"k8s-app": "eks-hybrid-metrics"}


def test_every_account_and_role_that_is_named_is_one_of_these_or_of_kubernetes_itself():
    objects = metrics_server.objects()
    roles = {one["metadata"]["name"] for one in objects if one["kind"] == "ClusterRole"}
    bindings = [one for one in objects if one["kind"].endswith("Binding")]
    of_kubernetes = {"system:auth-delegator", "extension-apiserver-authentication-reader"}
    assert {one["roleRef"]["name"] for one in bindings} - roles == of_kubernetes
    (account,) = [one["metadata"]["name"] for one in objects if one["kind"] == "ServiceAccount"]
    assert {subject["name"] for one in bindings for subject in one["subjects"]} == {account}
    assert pod()["serviceAccountName"] == account


def test_without_it_nothing_of_it_is_there_and_its_paths_stay_open(record, dev):
    without = record(metricsServer=False)
    gone = {r.urn for r in dev.resources.values()} - {r.urn for r in without.resources.values()}
    assert {urn.rpartition("$")[2] for urn in gone} == {
        "kubernetes:yaml/v2:ConfigGroup::metrics-server",
        "kubernetes:apps/v1:Deployment::metrics-server",
        "kubernetes:apiregistration.k8s.io/v1:APIService::metrics-api",
    }
    assert {r.name for r in without.of_type(RULE)} == {r.name for r in dev.of_type(RULE)}
