"""Reads, drains and deletes Kubernetes Node objects of one EKS cluster, with credentials that boto3 finds.

A cluster that is gone, or being deleted, has no Node objects any more, and that is no error.
"""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
import urllib3
from botocore.signers import RequestSigner
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from infra.kubernetes_client import api_client
from infra.node_registration import CLIENT_CONFIG, CleanupError, explained

NODE_GONE_WITHIN_S = 60
POLL_EVERY_S = 2

_CONNECT_AND_READ_S = (10, 30)
_BUSY = (429, 500, 502, 503, 504)
_ADMIN_POLICY = "eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

Object = dict[str, Any]
T = TypeVar("T")


class KubernetesApiError(CleanupError):
    """The Kubernetes API could not be reached (no `status`), or answered something else than asked for.

    `words` are the server's own.
    """

    def __init__(self, message: str, *, status: int | None = None, words: str = "") -> None:
        super().__init__(message)
        self.status, self.words = status, words


@dataclass(frozen=True, kw_only=True)
class ClusterAddress:
    """Where a live cluster's API is. `ca_pem`: the only certificate authority to trust for it."""

    arn: str
    endpoint: str
    ca_pem: str


def find_cluster(eks: Any, name: str) -> ClusterAddress | None:
    """Look the cluster up; None when it does not exist, is being deleted or never got an API."""
    with explained("eks:DescribeCluster"):
        try:
            cluster = eks.describe_cluster(name=name)["cluster"]
        except eks.exceptions.ResourceNotFoundException:
            return None
    if cluster["status"] == "DELETING" or not cluster.get("endpoint"):
        return None
    ca_pem = base64.b64decode(cluster["certificateAuthority"]["data"]).decode()
    return ClusterAddress(arn=cluster["arn"], endpoint=cluster["endpoint"], ca_pem=ca_pem)


def bearer_token(session: boto3.Session, cluster_name: str) -> str:
    """Token for the Kubernetes API of an EKS cluster; a secret. Made locally, no request is sent.

    It is a presigned sts:GetCallerIdentity with the cluster's name in a signed header, base64url without
    padding. Source:
    https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
    """
    with explained("sts:GetCallerIdentity"):
        sts = session.client("sts")
        signer = RequestSigner(
            sts.meta.service_model.service_id,
            session.region_name,
            "sts",
            "v4",
            session.get_credentials(),
            session.events,
        )
        request = {
            "method": "GET",
            "url": f"{sts.meta.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {"x-k8s-aws-id": cluster_name},
            "context": {},
        }
        url = signer.generate_presigned_url(
            request, region_name=session.region_name, expires_in=60, operation_name=""
        )
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


class NodeApi:
    """The requests, with retries. `token` is called for each, so none is ever too old."""

    def __init__(self, address: ClusterAddress, token: Callable[[], str], *, backoff_s: float = 0.5) -> None:
        self._address = address
        configuration = client.Configuration(
            host=address.endpoint, api_key={"BearerToken": ""}, ca_cert_data=address.ca_pem
        )
        # The key is called "authorization" or "BearerToken", depending on the client's version.
        configuration.refresh_api_key_hook = lambda it: it.api_key.update(
            dict.fromkeys(("BearerToken", "authorization"), f"Bearer {token()}")
        )
        # What may be repeated. An eviction (POST) that is refused with 429 is not: that is its answer.
        configuration.retries = urllib3.Retry(
            total=5,
            connect=3,
            backoff_factor=backoff_s,
            status_forcelist=_BUSY,
            allowed_methods=("DELETE", "GET", "PATCH"),
            redirect=False,
            raise_on_status=False,
        )
        self._core = client.CoreV1Api(api_client(configuration))

    def names_of(self, label: str, value: str) -> set[str]:
        """Names of the hybrid nodes (mi-*) that carry this label."""
        found = self._ask("list Nodes", self._core.list_node, label_selector=f"{label}={value}") or {}
        names = {item["metadata"]["name"] for item in found.get("items", [])}
        return {name for name in names if name.startswith("mi-")}

    def get(self, name: str) -> Object | None:
        """Read one Node; None when there is none of that name."""
        return self._ask(f"read Node {name}", self._core.read_node, name)

    def delete(self, name: str) -> bool:
        """Ask for one Node's deletion. False: there was none of that name."""
        return self._ask(f"delete Node {name}", self._core.delete_node, name) is not None

    def cordon(self, name: str) -> Object | None:
        """Let no new pod onto a Node, and read it; None when there is none of that name."""
        unschedulable = {"spec": {"unschedulable": True}}
        return self._ask(f"cordon Node {name}", self._core.patch_node, name, unschedulable)

    def pods_on(self, name: str) -> list[Object]:
        """The pods that are bound to a Node, of all namespaces."""
        doing, where = f"list the pods on Node {name}", f"spec.nodeName={name}"
        found = self._ask(doing, self._core.list_pod_for_all_namespaces, field_selector=where)
        return (found or {}).get("items", [])

    def evict(self, pod: Object) -> str | None:
        """Ask for one pod's eviction; None when it goes or is gone, else why it may not go now."""
        meta = {key: pod["metadata"][key] for key in ("name", "namespace")}
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": meta,
            # Not another pod that has got the name since.
            "deleteOptions": {"preconditions": {"uid": pod["metadata"]["uid"]}},
        }
        doing = f"evict pod {meta['namespace']}/{meta['name']}"
        try:
            self._ask(
                doing, self._core.create_namespaced_pod_eviction, meta["name"], meta["namespace"], eviction
            )
        except KubernetesApiError as error:
            # 429: a disruption budget. 409: another pod by now. 500: two budgets for one pod.
            if error.status in (*_BUSY, 409):
                return error.words
            raise
        return None

    def _ask(
        self, doing: str, method: Callable[..., Any], *arguments: object, **query: object
    ) -> Object | None:
        """Call a method of the client; None when there is no such object."""
        # Raw JSON: a field that a newer server leaves out must not become a validation error.
        query.update(_preload_content=False, _request_timeout=_CONNECT_AND_READ_S)
        where = f"{doing} at {self._address.endpoint}"
        try:
            return json.loads(method(*arguments, **query).data)
        except ApiException as error:
            if error.status == 404:
                return None
            if error.status in (401, 403):
                raise KubernetesApiError(self._refused(where, error.status)) from None
            words = _message(error)
            raise KubernetesApiError(
                f"{where}: the answer was HTTP {error.status} ({words}). Repeat the pulumi command.",
                status=error.status,
                words=words,
            ) from None
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise KubernetesApiError(
                f"{where} failed: {reason}. Check the network, and that apiAllowedCidrs contains this machine's "
                "address, then repeat the pulumi command."
            ) from None

    def _refused(self, doing: str, status: int) -> str:
        _, partition, _, region, _, resource = self._address.arn.split(":", 5)
        who = f"--region {region} --cluster-name {resource.removeprefix('cluster/')} --principal-arn YOUR_IAM_ARN"
        allow = (
            f"aws eks associate-access-policy {who} --access-scope type=cluster "
            f"--policy-arn arn:{partition}:{_ADMIN_POLICY}"
        )
        if status == 401:
            return (
                f"{doing} was refused (401): the cluster does not know the AWS identity that runs pulumi. Use the "
                f"one that created the cluster, or let this one in: aws eks create-access-entry {who} && {allow}"
            )
        return f"{doing} was refused (403): this identity may not do that. Allow it: {allow}"


class ClusterNodes:
    """Node objects of one cluster. It may disappear at any moment: then it has none, which is reported."""

    def __init__(
        self,
        *,
        find: Callable[[], ClusterAddress | None],
        connect: Callable[[ClusterAddress], NodeApi],
        report: Callable[[str], object],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._find = find
        self._report = report
        self._sleep = sleep
        address = find()
        self._api = connect(address) if address else None
        if not address:
            self._cluster_is_gone()

    @classmethod
    def signed_in(
        cls, session: boto3.Session, cluster_name: str, report: Callable[[str], object]
    ) -> "ClusterNodes":
        """The Node objects of a cluster, as the identity of this session sees them."""
        eks = session.client("eks", config=CLIENT_CONFIG)
        return cls(
            find=lambda: find_cluster(eks, cluster_name),
            connect=lambda address: NodeApi(address, lambda: bearer_token(session, cluster_name)),
            report=report,
        )

    def names_of(self, label: str, value: str) -> set[str]:
        """Names of the hybrid nodes that carry this label; empty when the cluster is gone."""
        return self._ask(lambda api: api.names_of(label, value)) or set()

    def remove(self, name: str) -> None:
        """Delete one Node and wait until it is really gone: a hybrid node is billed until then."""
        existed = self._ask(lambda api: api.delete(name))
        if existed is False:
            self._report(f"{name}: Kubernetes Node was already gone")
        if not existed:
            return
        for _ in range(NODE_GONE_WITHIN_S // POLL_EVERY_S):
            node = self._ask(lambda api: api.get(name))
            if node is None:
                self._report(f"{name}: Kubernetes Node deleted")
                return
            self._sleep(POLL_EVERY_S)
        raise CleanupError(
            f"Kubernetes Node {name} is still there {NODE_GONE_WITHIN_S} s after its deletion, and is billed. "
            f"Finalizers: {node['metadata'].get('finalizers') or 'none'}. Remove what holds it "
            f"(kubectl get node {name} -o yaml), then repeat the pulumi command."
        )

    def get(self, name: str) -> Object | None:
        """Read one Node; None when it or the cluster is gone."""
        return self._ask(lambda api: api.get(name))

    def cordon(self, name: str) -> Object | None:
        """Let no new pod onto a Node, and read it; None when it or the cluster is gone."""
        return self._ask(lambda api: api.cordon(name))

    def pods_on(self, name: str) -> list[Object]:
        """The pods that are bound to a Node; none when the cluster is gone."""
        return self._ask(lambda api: api.pods_on(name)) or []

    def evict(self, pod: Object) -> str | None:
        """Ask for one pod's eviction; None when it goes or is gone, else why it may not go now."""
        return self._ask(lambda api: api.evict(pod))

    def _ask(self, question: Callable[[NodeApi], T]) -> T | None:
        if self._api is None:
            return None
        try:
            return question(self._api)
        except KubernetesApiError:
            # A control plane under deletion refuses connections or answers nonsense before it is gone.
            if self._find():
                raise
            self._api = None
            self._cluster_is_gone()
            return None

    def _cluster_is_gone(self) -> None:
        self._report("cluster is gone or being deleted, and its Node objects with it")


def _message(error: ApiException) -> str:
    """The server's own words, in one line."""
    body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else error.body or ""
    try:
        words = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        words = body or error.reason or ""
    return " ".join(str(words).split())[:300]
