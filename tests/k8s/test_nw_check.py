import pytest
import yaml

from infra.names import ACTIVATION_LABEL, CHECK_NAMESPACE, HTTP_ECHO_PORT
from k8s import hybrid_dns, nw_check, sample_app, workloads

IDS = ["aaaaaaaa-0000-0000-0000-000000000001", "aaaaaaaa-0000-0000-0000-000000000002", "aaaaaaaa-3"]
BOTH = [nw_check.managed_deployment(2), nw_check.hybrid_deployment(IDS)]
CLOSED = [nw_check.closed_managed(), nw_check.closed_hybrid()]
all_four = pytest.mark.parametrize(
    "deployment", BOTH + CLOSED, ids=["managed", "hybrid", "closed-managed", "closed-hybrid"]
)
closed = pytest.mark.parametrize("deployment", CLOSED, ids=["managed", "hybrid"])
both = pytest.mark.parametrize("deployment", BOTH, ids=["managed", "hybrid"])


def pod_of(deployment):
    return deployment["spec"]["template"]["spec"]


def required_node(deployment):
    affinity = pod_of(deployment)["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    (expression,) = term["matchExpressions"]
    return expression


def spread_of(deployment):
    (constraint,) = pod_of(deployment)["topologySpreadConstraints"]
    return constraint


# What the scheduler makes of these is shown by tests/cluster/test_scheduling.py.


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_the_hybrid_deployment_has_a_pod_and_wants_a_host_for_every_node(count):
    deployment = nw_check.hybrid_deployment([f"id-{i}" for i in range(count)])
    assert deployment["spec"]["replicas"] == spread_of(deployment)["minDomains"] == count


def test_the_managed_deployment_has_a_pod_for_every_node_and_does_not_wait_for_nodes_that_left():
    deployment = nw_check.managed_deployment(3)
    assert deployment["spec"]["replicas"] == 3
    assert "minDomains" not in spread_of(deployment)


@both
def test_no_host_gets_a_second_pod_while_another_has_none(deployment):
    constraint = spread_of(deployment)
    assert (constraint["whenUnsatisfiable"], constraint["maxSkew"]) == ("DoNotSchedule", 1)


def test_hybrid_pods_go_only_to_nodes_that_registered_with_this_stacks_activations():
    node = required_node(nw_check.hybrid_deployment(tuple(IDS)))
    assert node == {"key": ACTIVATION_LABEL, "operator": "In", "values": IDS}


def test_managed_pods_go_only_to_nodes_of_a_managed_node_group():
    node = required_node(nw_check.managed_deployment(2))
    assert node == {"key": "eks.amazonaws.com/nodegroup", "operator": "Exists"}


def test_replacing_a_node_rolls_the_hybrid_deployment_out_anew():
    before, after = nw_check.hybrid_deployment(IDS), nw_check.hybrid_deployment([*IDS[:2], "bbbbbbbb-3"])
    assert before["spec"]["template"] != after["spec"]["template"]
    assert before["spec"]["selector"] == after["spec"]["selector"]


@both
def test_spread_is_over_hosts_and_counts_one_revision_of_one_app(deployment):
    constraint = spread_of(deployment)
    name = deployment["metadata"]["name"]
    assert constraint["topologyKey"] == "kubernetes.io/hostname"
    assert constraint["labelSelector"] == {"matchLabels": {"app": name}}
    assert constraint["matchLabelKeys"] == ["pod-template-hash"]
    assert constraint["nodeTaintsPolicy"] == "Honor"
    # Ignoring the affinity would count the other kind's nodes, which have no such pod, as hosts to fill.
    assert constraint.get("nodeAffinityPolicy", "Honor") == "Honor"


@all_four
def test_a_rollout_starts_every_new_pod_before_an_old_one_goes(deployment):
    assert deployment["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0},
    }


@both
def test_the_deployment_gives_up_no_sooner_than_pulumi_does(deployment):
    assert deployment["spec"]["progressDeadlineSeconds"] == workloads.BOOT_TIMEOUT_MINUTES * 60 == 1200


@all_four
def test_pods_are_not_root_and_can_gain_no_rights(deployment):
    pod = pod_of(deployment)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["runAsGroup"] == 65534
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


@all_four
def test_ping_works_without_root_however_the_image_packages_it(deployment):
    pod = pod_of(deployment)
    low, high = map(int, next(s["value"] for s in pod["securityContext"]["sysctls"]).split())
    assert [s["name"] for s in pod["securityContext"]["sysctls"]] == ["net.ipv4.ping_group_range"]
    assert low <= pod["securityContext"]["runAsGroup"] <= high
    assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_RAW"]}


@all_four
def test_ready_means_that_the_api_server_answers_through_the_service_network(deployment):
    probe = pod_of(deployment)["containers"][0]["readinessProbe"]
    shell, option, script = probe["exec"]["command"]
    assert (shell, option) == ("sh", "-c")
    assert "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/" in script
    # curl's own limit must come before the kubelet's, and an answer such as 403 is an answer: no -f.
    assert f" -m {probe['timeoutSeconds'] - 2} " in script
    assert " -sko /dev/null " in script


@all_four
def test_pods_stop_at_once_and_have_limits(deployment):
    pod = pod_of(deployment)
    assert pod["terminationGracePeriodSeconds"] == 1
    assert pod["containers"][0]["command"] == ["sleep", "infinity"]
    for container in pod["containers"]:
        for kind in ("requests", "limits"):
            assert set(container["resources"][kind]) == {"cpu", "memory"}


@all_four
def test_the_image_is_pinned(deployment):
    repository, _, tag = pod_of(deployment)["containers"][0]["image"].rpartition(":")
    assert repository == "ghcr.io/nicolaka/netshoot"
    assert tag.startswith("v0.")


@both
def test_names_and_labels_are_the_articles(deployment):
    name = deployment["metadata"]["name"]
    labels = {"app": name}
    assert deployment["metadata"] == {"name": name, "namespace": "nw-check", "labels": labels}
    assert deployment["spec"]["selector"] == {"matchLabels": labels}
    assert deployment["spec"]["template"]["metadata"] == {"labels": labels}
    assert name in ("nw-check-managed", "nw-check-hybrid")


@all_four
def test_every_key_is_one_that_the_kubernetes_api_knows(deployment, check_object):
    check_object("V1Deployment", deployment)


# --- the pods that a policy closes ----------------------------------------------------------------------


def test_the_policy_closes_both_closed_pods_and_lets_in_what_has_their_label_and_nothing_else(check_object):
    policy = nw_check.closed_policy()
    check_object("V1NetworkPolicy", policy)
    (selected, rule) = policy["spec"]["podSelector"]["matchLabels"], policy["spec"]["ingress"]
    assert policy["metadata"]["namespace"] == CHECK_NAMESPACE
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    assert rule == [{"from": [{"podSelector": {"matchLabels": selected}}]}]
    for deployment in CLOSED:
        assert selected.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    # The open pods are the clients that must not get in.
    for deployment in BOTH:
        assert not selected.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def test_there_is_one_closed_pod_per_side_that_nobody_waits_for():
    assert [one["spec"]["replicas"] for one in CLOSED] == [1, 1]
    assert [one["metadata"]["annotations"] for one in CLOSED] == [{"pulumi.com/skipAwait": "true"}] * 2
    assert [required_node(one) for one in CLOSED] == [
        {"key": "eks.amazonaws.com/nodegroup", "operator": "Exists"},
        {"key": ACTIVATION_LABEL, "operator": "Exists"},
    ]


@closed
def test_a_closed_pod_asks_from_its_first_container_and_answers_from_its_second(deployment):
    asks, answers = pod_of(deployment)["containers"]
    assert asks == pod_of(BOTH[0])["containers"][0]
    assert answers == workloads.http_echo()
    assert answers["ports"] == [{"name": "http", "containerPort": HTTP_ECHO_PORT}]


@closed
def test_a_closed_pod_has_labels_that_do_not_change_its_selector(deployment):
    name = deployment["metadata"]["name"]
    assert deployment["spec"]["selector"] == {"matchLabels": {"app": name}}
    assert deployment["spec"]["template"]["metadata"]["labels"] == {"app": name, "nw-check": "closed"}


def test_calico_node_may_read_the_policies_by_itself(real_manifest):
    rules = [
        rule
        for obj in yaml.safe_load_all(real_manifest)
        if obj and obj["kind"] == "ClusterRole" and obj["metadata"]["name"] == "calico-node"
        for rule in obj["rules"]
    ]
    (verbs,) = [
        rule["verbs"]
        for rule in rules
        if "networking.k8s.io" in rule["apiGroups"] and "networkpolicies" in rule["resources"]
    ]
    assert {"watch", "list"} <= set(verbs)


def test_what_runs_on_hybrid_nodes_tolerates_their_taints_and_no_others():
    taints = ["dedicated=batch:NoSchedule", "gpu:NoExecute", "gpu:NoExecute"]
    wanted = [
        {"key": "dedicated", "operator": "Equal", "value": "batch", "effect": "NoSchedule"},
        {"key": "gpu", "operator": "Equal", "value": "", "effect": "NoExecute"},
    ]
    assert pod_of(nw_check.hybrid_deployment(IDS, taints=taints))["tolerations"] == wanted
    assert pod_of(nw_check.closed_hybrid(taints))["tolerations"] == wanted
    assert pod_of(sample_app.app_deployment(IDS, taints=taints))["tolerations"] == wanted
    assert pod_of(hybrid_dns.deployment(2, taints))["tolerations"][3:] == wanted
    assert "tolerations" not in pod_of(nw_check.hybrid_deployment(IDS))
