"""What a leaving node asks of its cluster: Nodes and pods over the Kubernetes API, registrations of Systems Manager.

Every error that leaves this module is a `CleanupError` which says what to do: it is read by somebody whose
`pulumi destroy` has just stopped. A cluster that is gone, or being deleted, has no Nodes any more: that is no error.
"""

import base64
import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import boto3
import urllib3
from botocore import exceptions
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.signers import RequestSigner
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from infra import credentials
from infra.credentials import Identity
from infra.kubernetes_client import api_client

NODE_GONE_WITHIN_S = 60
POLL_EVERY_S = 2

CONNECT_S, READ_S = 10, 30
KUBERNETES_REPEATS = 5
# Many nodes are cleaned up at once, and SSM throttles early. "standard" waits up to 20 s between attempts.
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
AWS_ATTEMPTS = 8
CLIENT_CONFIG = Config(
    connect_timeout=CONNECT_S,
    read_timeout=READ_S,
    retries={"mode": "standard", "total_max_attempts": AWS_ATTEMPTS},
)

_BUSY = (429, 500, 502, 503, 504)
_ADMIN_POLICY = "eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_SIGN_IN_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "UnrecognizedClientException",
    }
)
_SIGN_IN_ERRORS = (
    exceptions.CredentialRetrievalError,
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
)
_NOT_THE_API = (
    "something between this machine and the API answers in its place, such as a proxy or the sign-in page of a "
    "network. Get it out of the way (a network that lets you through, or NO_PROXY), then repeat the pulumi command."
)

Object = dict[str, Any]
T = TypeVar("T")


class CleanupError(Exception):
    """A clean-up could not be finished. The message says why and what to do; repeating is always safe."""


class KubernetesApiError(CleanupError):
    """The Kubernetes API could not be reached (no `status`), or answered something else than asked for.

    `words` are the server's own.
    """

    def __init__(self, message: str, *, status: int | None = None, words: str = "") -> None:
        super().__init__(message)
        self.status, self.words = status, words


def open_session(identity: Identity) -> boto3.Session:
    """Sign in anew: the profile when the stack has one, else whatever the process finds; then under its roles."""
    try:
        with explained("sts:AssumeRole"):
            return credentials.session(identity)
    except exceptions.ProfileNotFound:
        raise CleanupError(
            f"aws:profile {identity.profile} is stored with this stack but not known on this machine. "
            f"Create it (aws configure sso --profile {identity.profile}), then repeat the pulumi command."
        ) from None


def eks_client(identity: Identity) -> Any:
    """A client of EKS for who signs in anew; its errors are mapped by `explained`."""
    return open_session(identity).client("eks", config=CLIENT_CONFIG)


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


class EksApi:
    """One cluster and the machines that registered for it.

    `eks` and `ssm` are clients of boto3. `token` is called for each request to Kubernetes, so that none is too old.
    The cluster may disappear at any moment: then it has no Nodes, which is said to `report`.
    """

    def __init__(
        self,
        cluster_name: str,
        *,
        eks: Any,
        ssm: Any,
        token: Callable[[], str],
        report: Callable[[str], object],
        sleep: Callable[[float], None] = time.sleep,
        backoff_s: float = 0.5,
    ) -> None:
        self.report, self.sleep = report, sleep
        self._cluster_name, self._eks, self._ssm = cluster_name, eks, ssm
        cluster = self._live_cluster()
        self._core: client.CoreV1Api | None = None
        if cluster is None:
            self._cluster_is_gone()
            return
        self._arn, self._endpoint = cluster["arn"], cluster["endpoint"]
        configuration = client.Configuration(
            host=self._endpoint,
            api_key={"BearerToken": ""},
            # The only certificate authority to trust for it.
            ca_cert_data=base64.b64decode(cluster["certificateAuthority"]["data"]).decode(),
        )
        # The key is called "authorization" or "BearerToken", depending on the client's version.
        configuration.refresh_api_key_hook = lambda it: it.api_key.update(
            dict.fromkeys(("BearerToken", "authorization"), f"Bearer {token()}")
        )
        # What may be repeated. An eviction (POST) that is refused with 429 is not: that is its answer.
        configuration.retries = urllib3.Retry(
            total=KUBERNETES_REPEATS,
            connect=3,
            backoff_factor=backoff_s,
            status_forcelist=_BUSY,
            allowed_methods=("DELETE", "GET", "PATCH"),
            redirect=False,
            raise_on_status=False,
        )
        self._core = client.CoreV1Api(api_client(configuration))

    @classmethod
    def signed_in(cls, identity: Identity, cluster_name: str, report: Callable[[str], object]) -> "EksApi":
        """What this identity may see, with credentials looked up now."""
        session = open_session(identity)
        return cls(
            cluster_name,
            eks=session.client("eks", config=CLIENT_CONFIG),
            ssm=session.client("ssm", config=CLIENT_CONFIG),
            token=lambda: bearer_token(session, cluster_name),
            report=report,
        )

    # --- Systems Manager -------------------------------------------------------------------------

    def registrations(self, activation_id: str) -> set[str]:
        """Names (mi-*) of the machines that registered with this activation, from every page of the answer."""
        pages = self._ssm.get_paginator("describe_instance_information")
        names = set()
        with explained("ssm:DescribeInstanceInformation"):
            for page in pages.paginate(Filters=[{"Key": "ActivationIds", "Values": [activation_id]}]):
                for machine in page["InstanceInformationList"]:
                    # What follows cannot be undone, so the filter is not taken on trust.
                    if machine.get("ActivationId") == activation_id and machine["InstanceId"].startswith(
                        "mi-"
                    ):
                        names.add(machine["InstanceId"])
        return names

    def deregister(self, instance_id: str) -> bool:
        """Remove one mi-* registration. False: it was gone already."""
        with explained("ssm:DeregisterManagedInstance"):
            try:
                self._ssm.deregister_managed_instance(InstanceId=instance_id)
            except self._ssm.exceptions.InvalidInstanceId:
                return False
        return True

    # --- Kubernetes: nothing when there is no such object, or no cluster any more ------------------

    def nodes_with(self, label: str, value: str) -> set[str]:
        """Names of the hybrid nodes (mi-*) that carry this label."""
        nodes = self._ask("list Nodes", "list_node", label_selector=f"{label}={value}") or {}
        names = {item["metadata"]["name"] for item in nodes.get("items", [])}
        return {name for name in names if name.startswith("mi-")}

    def node(self, name: str) -> Object | None:
        """Read one Node."""
        return self._ask(f"read Node {name}", "read_node", name)

    def remove_node(self, name: str) -> None:
        """Delete one Node and wait until it is really gone: a hybrid node is billed until then."""
        if self._ask(f"delete Node {name}", "delete_node", name) is None:
            if self._core:
                self.report(f"{name}: Kubernetes Node was already gone")
            return
        for _ in range(NODE_GONE_WITHIN_S // POLL_EVERY_S):
            node = self.node(name)
            if node is None:
                self.report(f"{name}: Kubernetes Node deleted")
                return
            self.sleep(POLL_EVERY_S)
        raise CleanupError(
            f"Kubernetes Node {name} is still there {NODE_GONE_WITHIN_S} s after its deletion, and is billed. "
            f"Finalizers: {node['metadata'].get('finalizers') or 'none'}. Remove what holds it "
            f"(kubectl get node {name} -o yaml), then repeat the pulumi command."
        )

    def cordon(self, name: str) -> Object | None:
        """Let no new pod onto a Node, and read it."""
        return self._ask(f"cordon Node {name}", "patch_node", name, {"spec": {"unschedulable": True}})

    def pods_on(self, name: str) -> list[Object]:
        """The pods that are bound to a Node, of all namespaces."""
        where = f"spec.nodeName={name}"
        pods = self._ask(f"list the pods on Node {name}", "list_pod_for_all_namespaces", field_selector=where)
        return (pods or {}).get("items", [])

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
            self._ask(doing, "create_namespaced_pod_eviction", meta["name"], meta["namespace"], eviction)
        except KubernetesApiError as error:
            # 429: a disruption budget. 409: another pod by now. 500: two budgets for one pod.
            if error.status in (*_BUSY, 409):
                return error.words
            raise
        return None

    # --- the questions ---------------------------------------------------------------------------

    def _ask(self, doing: str, method: str, *arguments: object, **query: object) -> Object | None:
        if self._core is None:
            return None
        try:
            return self._request(doing, getattr(self._core, method), *arguments, **query)
        except KubernetesApiError:
            # A control plane under deletion refuses connections or answers nonsense before it is gone.
            if self._live_cluster():
                raise
            self._core = None
            self._cluster_is_gone()
            return None

    def _request(
        self, doing: str, method: Callable[..., Any], *arguments: object, **query: object
    ) -> Object | None:
        """Call a method of the client; None when there is no such object."""
        # Raw JSON: a field that a newer server leaves out must not become a validation error.
        query.update(_preload_content=False, _request_timeout=(CONNECT_S, READ_S))
        where = f"{doing} at {self._endpoint}"
        try:
            document = json.loads(method(*arguments, **query).data)
            if not isinstance(document, dict):
                raise TypeError
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
        except (ValueError, TypeError):
            raise KubernetesApiError(f"{where}: the answer is no JSON object: {_NOT_THE_API}") from None
        return document

    def _refused(self, doing: str, status: int) -> str:
        _, partition, _, region, _, resource = self._arn.split(":", 5)
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

    def _live_cluster(self) -> Object | None:
        """Look the cluster up; None when it does not exist, is being deleted or never got an API."""
        with explained("eks:DescribeCluster"):
            try:
                cluster = self._eks.describe_cluster(name=self._cluster_name)["cluster"]
            except self._eks.exceptions.ResourceNotFoundException:
                return None
        return None if cluster["status"] == "DELETING" or not cluster.get("endpoint") else cluster

    def _cluster_is_gone(self) -> None:
        self.report("cluster is gone or being deleted, and its Node objects with it")


@contextmanager
def explained(action: str) -> Generator[None, None, None]:
    """Turn botocore's errors into a `CleanupError`; `action` is the IAM action of the call inside."""
    # "from None": the engine prints the whole traceback, and botocore's part of it hides the message.
    try:
        yield
    except exceptions.ProfileNotFound:
        raise
    except exceptions.ClientError as error:
        detail = error.response["Error"]
        code, message = detail["Code"], detail.get("Message", "")
        if code in _DENIED:
            raise CleanupError(
                f"AWS denied {action}: {message} Allow {action} to the identity that runs pulumi, "
                "then repeat the pulumi command."
            ) from None
        if code in _SIGN_IN_CODES:
            raise CleanupError(_sign_in(action, f"{code}: {message}")) from None
        raise CleanupError(
            f"AWS answered {action} with {code}: {message} Repeat the pulumi command."
        ) from None
    except _SIGN_IN_ERRORS as error:
        raise CleanupError(_sign_in(action, str(error))) from None
    # A page in place of JSON is an answer without its field to botocore.
    except (ResponseParserError, KeyError):
        raise CleanupError(f"{action}: the answer is not one of AWS: {_NOT_THE_API}") from None
    except exceptions.BotoCoreError as error:
        # A request that boto3 itself refuses has not reached any network.
        refused_here = isinstance(error, exceptions.ParamValidationError)
        advice = "Repeat" if refused_here else "Check the network, then repeat"
        raise CleanupError(f"{action} could not be called: {error} {advice} the pulumi command.") from None


def _sign_in(action: str, reason: str) -> str:
    return (
        f"{action} needs valid AWS credentials ({reason}). Sign in again (aws sso login, aws configure, or new "
        "AWS_* variables; with --profile where aws:profile is set), then repeat the pulumi command."
    )


def _message(error: ApiException) -> str:
    """The server's own words, in one line."""
    body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else error.body or ""
    try:
        words = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        words = body or error.reason or ""
    return " ".join(str(words).split())[:300]
