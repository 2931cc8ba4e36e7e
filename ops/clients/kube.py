"""The Kubernetes API as the commands see it: plain dicts as the API sends them, and exec. Everything here reads.

The raw JSON is used instead of the client's model classes: a field that a newer server adds or leaves out must not
turn a check into a validation error.
"""

import copy
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import urllib3
import websocket
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream
from kubernetes.stream.ws_client import ERROR_CHANNEL

from infra.kubernetes_client import api_client
from ops.clients.errors import AskError
from ops.clients.kube_auth import ExecCredentials
from ops.clients.pool import TransportError, retrying

Object = dict[str, Any]
# What this program's metrics-server is behind, as `namespace/name`.
METRICS_SERVICE = "kube-system/eks-hybrid-metrics"
# A refused or overloaded API server; 500 is what it answers while etcd elects.
_RETRIED_STATUS = frozenset({0, 429, 500, 502, 503, 504})


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A command that ran in a container to its end."""

    stdout: str
    stderr: str
    exit_code: int


class ExecError(Exception):
    """Logs or exec: the server said no, or the command did not end in time. The text is the reason."""


class Kube:
    """The official client, signed in as the kubeconfig says. Lists may be empty; a missing single object is None."""

    def __init__(
        self, kubeconfig: Object, *, profile: str | None = None, timeout_s: float, retries: int
    ) -> None:
        self._timeout_s = timeout_s
        self._retries = retries
        self._configuration = _configuration(kubeconfig, profile)
        # websocket-client has no time-out for its handshake but this process-wide one.
        websocket.setdefaulttimeout(timeout_s)
        self._api = api = api_client(self._configuration)
        self._core = client.CoreV1Api(api)
        self._apps = client.AppsV1Api(api)
        self._registration = client.ApiregistrationV1Api(api)
        self._networking = client.NetworkingV1Api(api)
        self._custom = client.CustomObjectsApi(api)
        self._version = client.VersionApi(api)

    def close(self) -> None:
        """Close the connections."""
        self._api.rest_client.pool_manager.clear()

    def version(self) -> str:
        """Give the server's version, e.g. `v1.35.2-eks-1a2b3c4`."""
        return str((self._one(self._version.get_code) or {}).get("gitVersion", ""))

    def nodes(self) -> list[Object]:
        """List Nodes."""
        return self._list(self._core.list_node)

    def pods(self, namespace: str) -> list[Object]:
        """List the Pods of a namespace."""
        return self._list(self._core.list_namespaced_pod, namespace)

    def events(self, namespace: str) -> list[Object]:
        """List the core/v1 Events of a namespace (`""`: of all)."""
        if not namespace:
            return self._list(self._core.list_event_for_all_namespaces)
        return self._list(self._core.list_namespaced_event, namespace)

    def daemon_set(self, namespace: str, name: str) -> Object | None:
        """Read a DaemonSet."""
        return self._one(self._apps.read_namespaced_daemon_set, name, namespace)

    def deployment(self, namespace: str, name: str) -> Object | None:
        """Read a Deployment."""
        return self._one(self._apps.read_namespaced_deployment, name, namespace)

    def services(self) -> list[Object]:
        """List the Services of all namespaces."""
        return self._list(self._core.list_service_for_all_namespaces)

    def ingresses(self) -> list[Object]:
        """List the Ingresses of all namespaces."""
        return self._list(self._networking.list_ingress_for_all_namespaces)

    def volumes(self) -> list[Object]:
        """List PersistentVolumes."""
        return self._list(self._core.list_persistent_volume)

    def service(self, namespace: str, name: str) -> Object | None:
        """Read a Service."""
        return self._one(self._core.read_namespaced_service, name, namespace)

    def calico(self, plural: str) -> list[Object]:
        """List cluster-wide objects of crd.projectcalico.org/v1, e.g. `ippools`."""
        return self._list(self._custom.list_cluster_custom_object, "crd.projectcalico.org", "v1", plural)

    def metrics_service(self) -> str | None:
        """Name the Service (`namespace/name`) that serves metrics.k8s.io; None when nothing does."""
        found = self._one(self._registration.read_api_service, "v1beta1.metrics.k8s.io")
        service = ((found or {}).get("spec") or {}).get("service") or {}
        return f"{service.get('namespace', '')}/{service.get('name', '')}" if found else None

    def node_metrics(self) -> list[Object]:
        """List what metrics-server has measured of Nodes; empty when the API server knows no such API."""
        return self._list(self._custom.list_cluster_custom_object, "metrics.k8s.io", "v1beta1", "nodes")

    def logs(self, namespace: str, pod: str, *, container: str | None = None, lines: int = 10) -> str:
        """Read the last lines of a container's log; ExecError when the server says no."""
        wanted = {"container": container} if container else {}
        read = self._core.read_namespaced_pod_log
        try:
            return self._raw(read, pod, namespace, tail_lines=lines, **wanted).decode("utf-8", "replace")
        except ApiException as error:
            raise ExecError(_message(error)) from None

    def execute(
        self, namespace: str, pod: str, command: Sequence[str], *, container: str, seconds: float
    ) -> Executed:
        """Run a command in a container; `seconds` is what the command itself may take.

        Errors: ExecError (refused by the server (its words), or the command did not end).
        """
        try:
            return retrying(
                lambda: self._execute(namespace, pod, list(command), container, seconds),
                retries=self._retries,
            )
        except TransportError as error:
            raise ExecError(str(error)) from None

    def _execute(
        self, namespace: str, pod: str, command: list[str], container: str, seconds: float
    ) -> Executed:
        # The client swaps a method of its ApiClient for the length of an exec, so each exec has one of its own.
        api = client.CoreV1Api(api_client(self._configuration))
        try:
            socket = stream(
                api.connect_get_namespaced_pod_exec,
                pod,
                namespace,
                command=command,
                container=container,
                stdin=False,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
            )
        except ApiException as error:
            raise _refused(str(error.reason)) from None
        allowed_s = seconds + self._timeout_s
        try:
            socket.run_forever(timeout=allowed_s)
            if socket.is_open():
                raise ExecError(f"the command had not ended after {allowed_s:g} s")
            return Executed(
                stdout=str(socket.read_stdout(timeout=0) or ""),
                stderr=str(socket.read_stderr(timeout=0) or ""),
                exit_code=_exit_code(str(socket.read_channel(ERROR_CHANNEL) or "")),
            )
        except (websocket.WebSocketException, OSError) as error:
            raise TransportError(f"exec was cut off: {error}") from None
        finally:
            # close() waits 3 s for a server that is still busy; and once the server has said goodbye, it does
            # nothing at all and leaves the file descriptor open.
            socket.close(timeout=0.1)
            socket.sock.shutdown()

    def _raw(self, method: Callable[..., Any], *args: object, **kwargs: object) -> bytes:
        """Call a generated method and take the body as it came.

        Errors: ApiException (the server's definite no (404 and the like)); AskError (no answer, or not allowed
        to ask).
        """

        def ask() -> bytes:
            try:
                answer = method(*args, _preload_content=False, _request_timeout=self._timeout_s, **kwargs)
            except ApiException as error:
                if error.status in _RETRIED_STATUS and "dial" not in _message(error):
                    raise TransportError(_message(error)) from None
                raise
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise TransportError(str(error)) from None
            return bytes(answer.data)

        try:
            return retrying(ask, retries=self._retries)
        except TransportError as error:
            raise _unreachable(self._configuration.host, str(error)) from None
        except ApiException as error:
            if error.status in (401, 403):
                raise _not_allowed(error) from None
            raise

    def _one(self, method: Callable[..., Any], *args: object) -> Object | None:
        try:
            value = json.loads(self._raw(method, *args))
        except ApiException as error:
            if error.status == 404:
                return None
            raise _unreachable(self._configuration.host, _message(error)) from None
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise _unreachable(self._configuration.host, "the answer is not a JSON object")
        return value

    def _list(self, method: Callable[..., Any], *args: object) -> list[Object]:
        # None: the kind is not defined, e.g. Calico's CRDs are missing.
        return list((self._one(method, *args) or {}).get("items") or [])


def _configuration(kubeconfig: Object, profile: str | None) -> client.Configuration:
    kubeconfig = copy.deepcopy(kubeconfig)
    credentials = None
    try:
        user = kubeconfig["users"][0]["user"]
        if "exec" in user:
            credentials = ExecCredentials(user["exec"], profile=profile)
            kubeconfig["users"][0]["user"] = {"token": credentials.token()}
        configuration = client.Configuration()
        config.load_kube_config_from_dict(
            kubeconfig, client_configuration=configuration, persist_config=False
        )
    except (KeyError, IndexError, TypeError, config.ConfigException) as error:
        raise AskError(
            f"the output kubeconfig is not usable: {type(error).__name__}", code="kubeconfig-unusable"
        ) from None
    if credentials is not None:
        configuration.refresh_api_key_hook = credentials.refresh
    # urllib3 would retry three times by itself, beneath our own count and time-out.
    configuration.retries = urllib3.Retry(total=0, connect=0, read=0, redirect=2)
    return configuration


def _refused(text: str) -> Exception:
    """Tell the server's refusal of an exec (ExecError) from a connection that failed (TransportError)."""
    status = re.match(r"Handshake status (\d+)", text)
    if status is None:
        return TransportError(text.splitlines()[0] if text else "no connection")
    # websocket-client joins status, headers and body by this mark; the headers are of no interest.
    body = text.rpartition(" -+-+- ")[2]
    reason = f"HTTP {status[1]}: {_status_message(body) or body.strip()[:300]}"
    return TransportError(reason) if int(status[1]) in (429, 502, 503, 504) else ExecError(reason)


def _status_message(text: str) -> str:
    """Take the message out of a Kubernetes Status object; empty when it is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return ""
    return str(value.get("message", "")) if isinstance(value, dict) else ""


def _message(error: ApiException) -> str:
    body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else error.body or ""
    return f"HTTP {error.status}: {_status_message(body) or body.strip() or error.reason}"


def _exit_code(status: str) -> int:
    """Read the exit code out of the Status object on the exec's error channel."""
    try:
        value = yaml.safe_load(status)
        if value["status"] == "Success":
            return 0
        causes = {cause.get("reason"): cause.get("message") for cause in value["details"]["causes"]}
        return int(causes["ExitCode"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError):
        text = _status_message(status)
        if text:
            raise ExecError(text) from None
        raise TransportError("exec ended without an exit status") from None


def _unreachable(host: str, seen: str) -> AskError:
    return AskError(f"no answer from the API server {host}: {seen}", code="api-silent")


def _not_allowed(error: ApiException) -> AskError:
    code = "api-unauthorized" if error.status == 401 else "api-forbidden"
    return AskError(f"the API server refused to answer: {_message(error)}", code=code)
