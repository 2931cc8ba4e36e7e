"""CoreDNS on the hybrid side. What the scheduler makes of it is shown by tests/cluster/test_names.py."""

import pytest

from infra import versions
from k8s import hybrid_dns


@pytest.mark.parametrize(
    ("nodes", "pods"), [(1, 1), (2, 2), (3, 2), (16, 2), (32, 2), (33, 3), (48, 3), (49, 4), (400, 25)]
)
def test_there_is_one_pod_at_least_and_two_where_there_are_two_nodes_and_more_with_the_nodes(nodes, pods):
    assert hybrid_dns.replicas(nodes) == pods
    assert hybrid_dns.deployment(nodes)["spec"]["replicas"] == pods


def test_the_service_of_the_add_on_selects_these_pods_and_the_add_ons_deployment_does_not():
    labels = hybrid_dns.deployment(2)["spec"]["template"]["metadata"]["labels"]
    assert labels["k8s-app"] == "kube-dns"
    assert "eks.amazonaws.com/component" not in labels
    assert hybrid_dns.deployment(2)["spec"]["selector"] == {"matchLabels": labels}
    assert hybrid_dns.budget()["spec"]["selector"] == {"matchLabels": labels}


def test_a_drain_takes_one_pod_at_a_time_and_is_never_stopped_for_good():
    # minAvailable: 1 would stop the drain of the only hybrid node for ever.
    assert hybrid_dns.budget()["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": hybrid_dns.LABELS},
    }


def test_pods_stay_on_a_node_that_the_control_plane_does_not_reach():
    tolerations = hybrid_dns.deployment(1)["spec"]["template"]["spec"]["tolerations"]
    stay = {each["key"]: each for each in tolerations if each.get("effect") == "NoExecute"}
    assert set(stay) == {"node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"}
    assert not any("tolerationSeconds" in each for each in stay.values())


def test_outside_names_are_resolved_by_the_resolver_of_the_node():
    # With ClusterFirst it would ask itself.
    assert hybrid_dns.deployment(1)["spec"]["template"]["spec"]["dnsPolicy"] == "Default"


def test_one_configuration_serves_both_sides():
    pod = hybrid_dns.deployment(1)["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "coredns"
    (volume,) = pod["volumes"]
    assert volume["configMap"] == {"name": "coredns", "items": [{"key": "Corefile", "path": "Corefile"}]}
    (container,) = pod["containers"]
    assert container["image"] == versions.COREDNS_IMAGE
    assert container["args"] == ["-conf", "/etc/coredns/Corefile"]


@pytest.mark.parametrize(
    ("kubernetes", "word"), [("1.33", "PreferClose"), ("1.34", "PreferSameZone"), ("1.36", "PreferSameZone")]
)
def test_the_patch_sets_one_field_of_the_service_and_no_other_by_the_name_that_the_version_knows(
    kubernetes, word
):
    patch = hybrid_dns.own_side_first(kubernetes)
    assert patch["spec"] == {"trafficDistribution": word}
    assert set(patch["metadata"]) == {"name", "namespace", "annotations"}


def test_every_key_is_one_that_the_kubernetes_api_knows(check_object):
    check_object("V1Deployment", hybrid_dns.deployment(2))
    check_object("V1PodDisruptionBudget", hybrid_dns.budget())
    check_object("V1Service", hybrid_dns.own_side_first("1.36"))
