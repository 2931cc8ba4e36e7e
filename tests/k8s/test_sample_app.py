import pytest

from infra.names import ACTIVATION_LABEL
from k8s import sample_app, workloads

IDS = [f"aaaaaaaa-0000-0000-0000-{number:012}" for number in range(200)]
DEPLOYMENT = sample_app.app_deployment(IDS[:2])
POD = DEPLOYMENT["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
SERVICE = sample_app.node_port_service(31234)


def test_the_answer_is_the_articles_word_for_word_with_the_pods_name_in_it():
    (variable,) = CONTAINER["env"]
    assert variable == {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    (text,) = [arg.removeprefix("-text=") for arg in CONTAINER["args"] if arg.startswith("-text=")]
    # The kubelet replaces $(NAME) in arguments by the container's variable of that name.
    answer = text.replace(f"$({variable['name']})", "sample-app-7d5b76dcff-qjdmh")
    assert answer == '"Hello from Pod [sample-app-7d5b76dcff-qjdmh] !"'


@pytest.mark.parametrize(("nodes", "replicas"), [(1, 1), (2, 2), (3, 3), (4, 3), (200, 3)])
def test_there_is_a_pod_for_each_hybrid_node_up_to_three(nodes, replicas):
    assert sample_app.app_deployment(IDS[:nodes])["spec"]["replicas"] == replicas


def test_pods_run_on_hybrid_nodes_only():
    assert POD["nodeSelector"] == {"eks.amazonaws.com/compute-type": "hybrid"}


def test_pods_run_on_the_nodes_of_this_list_and_move_when_it_changes():
    def terms(deployment):
        affinity = deployment["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
        return affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]

    expression = {"key": ACTIVATION_LABEL, "operator": "In", "values": IDS[:2]}
    assert terms(DEPLOYMENT) == [{"matchExpressions": [expression]}]
    # Another node, one more and one less: each changes the template of the pods, and nothing that is immutable.
    for ids in ([IDS[0], IDS[5]], IDS[:3], IDS[:1]):
        other = sample_app.app_deployment(ids)
        assert other["spec"]["template"] != DEPLOYMENT["spec"]["template"]
        assert other["spec"]["selector"] == DEPLOYMENT["spec"]["selector"]


def test_pods_spread_over_the_hosts_there_are_and_do_not_wait_for_others():
    (constraint,) = POD["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "kubernetes.io/hostname"
    # Soft, the scheduler would rather use the host that has the image already.
    assert (constraint["whenUnsatisfiable"], constraint["maxSkew"]) == ("DoNotSchedule", 1)
    assert constraint["labelSelector"] == {"matchLabels": {"app": "sample-app"}}
    # A rollout spreads its own pods, whatever the old ones do.
    assert constraint["matchLabelKeys"] == ["pod-template-hash"]
    # That all nodes have joined is nw-check's business; a node that fails later holds no pod back.
    assert "minDomains" not in constraint
    assert constraint["nodeTaintsPolicy"] == "Honor"


def test_probes_service_and_server_mean_the_same_port():
    (port,) = CONTAINER["ports"]
    assert port == {"name": "http", "containerPort": 5678}
    assert "-listen=:5678" in CONTAINER["args"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert CONTAINER[probe]["httpGet"] == {"path": "/health", "port": port["name"]}
    assert SERVICE["spec"]["ports"] == [
        {"name": "http", "port": 80, "targetPort": port["name"], "nodePort": 31234}
    ]


def test_the_service_is_open_on_every_node_and_hands_over_to_the_hybrid_ones():
    assert SERVICE["spec"]["type"] == "NodePort"
    assert SERVICE["spec"]["externalTrafficPolicy"] == "Cluster"
    assert SERVICE["spec"]["selector"] == DEPLOYMENT["spec"]["template"]["metadata"]["labels"]


def test_pods_are_not_root_and_can_do_nothing_but_answer():
    assert POD["automountServiceAccountToken"] is False
    assert POD["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_pods_have_limits():
    for kind in ("requests", "limits"):
        assert set(CONTAINER["resources"][kind]) == {"cpu", "memory"}


def test_the_image_is_pinned():
    assert CONTAINER["image"] == "docker.io/hashicorp/http-echo:1.0.0"


def test_the_deployment_gives_up_no_sooner_than_pulumi_does():
    assert DEPLOYMENT["spec"]["progressDeadlineSeconds"] == workloads.BOOT_TIMEOUT_MINUTES * 60


def test_a_rollout_keeps_the_app_answering():
    # All at once, or Pulumi's await would be content with the first pod of the new ReplicaSet.
    assert DEPLOYMENT["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0},
    }


def test_a_pod_that_is_asked_to_stop_answers_until_nobody_asks_it_any_more():
    still = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert still >= 5
    # The sleep is part of the grace period; what is left is for the server.
    assert POD["terminationGracePeriodSeconds"] > still


def test_names_and_labels_are_the_articles():
    labels = {"app": "sample-app"}
    assert DEPLOYMENT["metadata"] == {"name": "sample-app", "namespace": "sample", "labels": labels}
    assert SERVICE["metadata"] == {"name": "sample-svc", "namespace": "sample", "labels": labels}


def test_every_key_is_one_that_the_kubernetes_api_knows(check_object):
    check_object("V1Deployment", DEPLOYMENT)
    check_object("V1Service", SERVICE)
