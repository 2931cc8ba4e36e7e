"""Finds and deletes Kubernetes Node objects of one EKS cluster, over plain HTTPS.

Three requests do not earn the Kubernetes client as a dependency of `pulumi destroy`: boto3 brings all they
need. A cluster that is gone, or being deleted, has no Node objects any more, and that is no error.
"""

import base64
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlencode
from urllib.request import getproxies, proxy_bypass

import boto3
import urllib3
from botocore.signers import RequestSigner

from infra.node_registration import CleanupError, explained

NODE_GONE_WITHIN_S = 60
POLL_EVERY_S = 2

_TIMEOUT = urllib3.Timeout(connect=10, read=30)
_ADMIN_POLICY = "eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

T = TypeVar("T")


class KubernetesApiError(CleanupError):
    """The Kubernetes API could not be reached, or answered something else than asked for."""


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
    """The three requests, with retries. `token` is called for each, so none is ever too old."""

    def __init__(self, address: ClusterAddress, token: Callable[[], str], *, backoff_s: float = 0.5) -> None:
        self._address = address
        self._token = token
        self._http = _pool(address)
        # All requests here may be repeated. 429: the API server's own throttling, with Retry-After.
        self._retries = urllib3.Retry(
            total=5,
            connect=3,
            backoff_factor=backoff_s,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=("DELETE", "GET"),
            redirect=False,
            raise_on_status=False,
        )

    def names_of(self, label: str, value: str) -> set[str]:
        """Names of the hybrid nodes (mi-*) that carry this label."""
        query = urlencode({"labelSelector": f"{label}={value}"})
        found = self._request("GET", f"?{query}") or {}
        names = {item["metadata"]["name"] for item in found.get("items", [])}
        return {name for name in names if name.startswith("mi-")}

    def get(self, name: str) -> dict[str, Any] | None:
        """Read one Node; None when there is none of that name."""
        return self._request("GET", f"/{quote(name, safe='')}")

    def delete(self, name: str) -> bool:
        """Ask for one Node's deletion. False: there was none of that name."""
        return self._request("DELETE", f"/{quote(name, safe='')}") is not None

    def _request(self, method: str, rest: str) -> dict[str, Any] | None:
        url = f"{self._address.endpoint}/api/v1/nodes{rest}"
        doing = f"{method} {url}"
        try:
            response = self._http.request(
                method,
                url,
                headers={"Authorization": f"Bearer {self._token()}", "Accept": "application/json"},
                retries=self._retries,
                timeout=_TIMEOUT,
            )
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise KubernetesApiError(
                f"{doing} failed: {reason}. Check the network, and that apiAllowedCidrs contains this machine's "
                "address, then repeat the pulumi command."
            ) from None
        if response.status == 404:
            return None
        if response.status in (401, 403):
            raise KubernetesApiError(self._refused(doing, response.status))
        if response.status not in (200, 202):
            raise KubernetesApiError(
                f"{doing} was answered with HTTP {response.status}. Repeat the pulumi command."
            )
        return response.json()

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
        report: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._find = find
        self._report = report
        self._sleep = sleep
        address = find()
        self._api = connect(address) if address else None
        if not address:
            self._cluster_is_gone()

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


def _pool(address: ClusterAddress) -> urllib3.PoolManager:
    context = ssl.create_default_context(cadata=address.ca_pem)
    # EKS makes its authority without key identifiers, which Python 3.13 began to refuse. Chain, expiry and host
    # name stay checked. https://github.com/kubernetes-client/python/issues/2394
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    host = urllib3.util.parse_url(address.endpoint).netloc or ""
    proxy = getproxies().get("https")
    if not proxy or proxy_bypass(host):
        return urllib3.PoolManager(ssl_context=context)
    login = urllib3.util.parse_url(proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, ssl_context=context)
