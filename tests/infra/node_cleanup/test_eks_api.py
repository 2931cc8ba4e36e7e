"""The Kubernetes requests over real TLS, the bearer token, and the way through a proxy."""

import base64
import ssl
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from botocore.stub import Stubber
from urllib3 import connection
from urllib3.util import ssl_

from infra.eks_api import CleanupError, KubernetesApiError, bearer_token
from tests.infra.node_cleanup.conftest import pod

NODE = "mi-0aaaaaaaaaaaaaaaa"


@pytest.fixture
def api(new_api):
    return new_api([], token=lambda: "token")


def test_nodes_are_deleted_and_read_by_name(api, kubernetes):
    kubernetes.nodes = {NODE: {}}
    assert api.node(NODE)["metadata"]["name"] == NODE
    api.remove_node(NODE)
    assert api.node(NODE) is None


def test_nodes_are_found_by_label_and_only_hybrid_ones(api, kubernetes):
    kubernetes.nodes = {
        NODE: {"team/key": "a b"},
        "ip-10-10-1-7": {"team/key": "a b"},
        "mi-0bbbbbbbbbbbbbbbb": {},
    }
    assert api.nodes_with("team/key", "a b") == {NODE}


def test_every_request_carries_a_token_of_its_own(new_api, kubernetes):
    tokens = iter(["one", "two"])
    api = new_api([], token=lambda: next(tokens))
    api.node(NODE)
    api.node(NODE)
    assert [h["authorization"] for h in kubernetes.headers] == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_api_is_asked_again(api, kubernetes, status):
    kubernetes.nodes = {NODE: {}}
    kubernetes.scripted = [(f"DELETE /api/v1/nodes/{NODE}", status)] * 5
    api.remove_node(NODE)
    assert kubernetes.nodes == {}


def test_an_api_that_stays_broken_is_an_error_with_its_status(api, kubernetes):
    kubernetes.scripted = [(f"DELETE /api/v1/nodes/{NODE}", 503)] * 6
    with pytest.raises(
        KubernetesApiError, match=f"delete Node {NODE} at https://.*: the answer was HTTP 503"
    ):
        api.remove_node(NODE)


def test_an_unexpected_answer_is_never_taken_for_a_deletion(api, kubernetes):
    kubernetes.scripted = [(f"DELETE /api/v1/nodes/{NODE}", 302)]
    with pytest.raises(KubernetesApiError, match="HTTP 302"):
        api.remove_node(NODE)


PAGE = b"<html><body>Please sign in to this network</body></html>"


@pytest.mark.parametrize("answer", [PAGE, [1]])
def test_an_answer_that_is_not_the_apis_says_what_may_stand_in_between(api, kubernetes, monkeypatch, answer):
    monkeypatch.setattr(kubernetes, "answer", lambda *_: (200, answer))
    with pytest.raises(
        KubernetesApiError, match=r"read Node mi-.* no JSON object: .*proxy.*repeat the pulumi"
    ):
        api.node(NODE)


def test_an_answer_that_is_not_one_of_aws_says_what_may_stand_in_between(api, aws, monkeypatch):
    monkeypatch.setattr(aws, "answer", lambda *_: (200, PAGE))
    with pytest.raises(CleanupError, match=r"ssm:DescribeInstanceInformation: .*not one of AWS: .*proxy"):
        api.registrations("0a1b2c3d-0000-4000-8000-000000000001")


def test_only_the_clusters_own_authority_is_trusted(aws, new_api, certificates, kubernetes):
    stranger = base64.b64encode((certificates / "other.pem").read_bytes()).decode()
    aws.cluster["certificateAuthority"] = {"data": stranger}
    with pytest.raises(KubernetesApiError, match="CERTIFICATE_VERIFY_FAILED"):
        new_api([]).node(NODE)
    assert kubernetes.requests == []


def test_the_host_name_is_checked(aws, new_api, kubernetes):
    aws.cluster["endpoint"] = kubernetes.url.replace("127.0.0.1", "localhost")
    with pytest.raises(KubernetesApiError, match=r"CERTIFICATE_VERIFY_FAILED|doesn't match"):
        new_api([]).node(NODE)
    assert kubernetes.requests == []


def test_an_authority_without_key_identifiers_is_accepted_as_python_3_13_would_not(
    new_api, kubernetes, monkeypatch
):
    ordinary = ssl_.create_urllib3_context

    def strict(*arguments, **options):
        context = ordinary(*arguments, **options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    for module in (ssl_, connection):
        monkeypatch.setattr(module, "create_urllib3_context", strict)
    http = urllib3.PoolManager(ca_cert_data=kubernetes.ca_pem, retries=False)
    with pytest.raises(urllib3.exceptions.SSLError, match="Key Identifier"):
        http.request("GET", kubernetes.url)
    assert new_api([]).node(NODE) is None


def test_a_proxy_of_the_environment_is_used_with_its_login(aws, new_api, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://user:p%40ss@127.0.0.1:9")
    aws.cluster["endpoint"] = "https://x.eks.example"
    api = new_api([])
    http = api._core.api_client.rest_client.pool_manager
    assert isinstance(http, urllib3.ProxyManager)
    assert http.proxy is not None
    assert (http.proxy.host, http.proxy.port) == ("127.0.0.1", 9)
    assert http.proxy_headers == urllib3.make_headers(proxy_basic_auth="user:p@ss")


def test_no_proxy_is_respected(new_api, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert new_api([]).node(NODE) is None


def test_the_token_is_a_presigned_identity_call_bound_to_the_cluster(session):
    prefix, _, encoded = bearer_token(session, "shop").partition(".")
    assert prefix == "k8s-aws-v1"
    assert "=" not in encoded
    url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    assert (url.scheme, url.netloc) == ("https", "sts.cn-north-1.amazonaws.com.cn")
    query = {key: value for key, (value,) in parse_qs(url.query).items()}
    assert query["Action"] == "GetCallerIdentity"
    assert query["X-Amz-SignedHeaders"] == "host;x-k8s-aws-id"
    assert query["X-Amz-Expires"] == "60"
    assert "/cn-north-1/sts/aws4_request" in query["X-Amz-Credential"]


def test_the_token_of_one_cluster_does_not_open_another(session):
    def signature(cluster):
        encoded = bearer_token(session, cluster).removeprefix("k8s-aws-v1.")
        url = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        return parse_qs(urlsplit(url).query)["X-Amz-Date"], url.rpartition("X-Amz-Signature=")[2]

    deadline = time.monotonic() + 10
    while True:  # Both must be signed within one second: the date is signed too.
        one, again, other = signature("shop"), signature("shop"), signature("bank")
        if one[0] == other[0] or time.monotonic() > deadline:
            break
    assert one == again
    assert one[0] == other[0]
    assert one[1] != other[1]


def test_a_cluster_that_may_not_be_described_is_an_error(clients, new_api):
    with Stubber(clients["eks"]) as stub:
        stub.add_client_error("describe_cluster", "AccessDeniedException", expected_params={"name": "shop"})
        with pytest.raises(CleanupError, match="denied eks:DescribeCluster"):
            new_api([])


def test_a_node_is_cordoned_and_read_in_one_request(api, kubernetes):
    kubernetes.nodes = {NODE: {}}
    assert api.cordon(NODE)["status"]["conditions"][0]["status"] == "True"
    assert kubernetes.cordoned == {NODE}
    assert kubernetes.requests == [f"PATCH /api/v1/nodes/{NODE}"]
    assert api.cordon("mi-0bbbbbbbbbbbbbbbb") is None


def test_only_the_pods_of_one_node_are_listed(api, kubernetes):
    kubernetes.pods = [pod("a", NODE), pod("b", "mi-0bbbbbbbbbbbbbbbb")]
    assert [each["metadata"]["name"] for each in api.pods_on(NODE)] == ["a"]


def test_an_eviction_that_is_refused_for_now_is_asked_once_and_says_why(api, kubernetes):
    kubernetes.pods, kubernetes.budget = [pod("a", NODE)], 0
    assert "disruption budget" in api.evict(kubernetes.pods[0])
    assert len(kubernetes.requests) == 1
    kubernetes.budget = 1
    assert api.evict(kubernetes.pods[0]) is None
    assert "deletionTimestamp" in kubernetes.pods[0]["metadata"]


def test_an_eviction_never_meets_another_pod_of_the_same_name(api, kubernetes):
    seen = pod("a", NODE)
    kubernetes.pods = [pod("a", NODE, metadata={"uid": "another"})]
    assert "UID" in api.evict(seen)
    assert "deletionTimestamp" not in kubernetes.pods[0]["metadata"]
    kubernetes.pods = []
    assert api.evict(seen) is None


def test_an_eviction_that_is_forbidden_is_an_error_with_the_command_that_helps(api, kubernetes):
    kubernetes.scripted = [("POST /api/v1/namespaces/shop/pods/a/eviction", 403)]
    with pytest.raises(
        KubernetesApiError, match=r"evict pod shop/a.*refused \(403\).*associate-access-policy"
    ):
        api.evict(pod("a", NODE))
