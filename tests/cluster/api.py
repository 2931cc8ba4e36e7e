"""The Kubernetes API, spoken directly: what the server says, warnings included, as plain dicts."""

import json
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import urllib3

Object = dict[str, Any]
Found = TypeVar("Found")
MANAGER = "tests"
_JSON, _MERGE, _APPLY = "application/json", "application/merge-patch+json", "application/apply-patch+yaml"


class RefusedError(Exception):
    """The server said no: its status and its words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"HTTP {status}: {message}")
        self.status, self.message = status, message


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An object as the server has it now, and the warnings that came with it."""

    object: Object
    warnings: list[str]

    @property
    def version(self) -> str:
        """Changes whenever the stored object does."""
        return self.object["metadata"]["resourceVersion"]


class Api:
    """An API server, as one of its users sees it."""

    def __init__(self, url: str, authority: str, token: str) -> None:
        context = ssl.create_default_context(cadata=authority)
        self._pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=30.0)
        self._url, self._headers = url, {"Authorization": f"Bearer {token}", "Accept": _JSON}
        self._paths: dict[str, dict[str, tuple[str, bool]]] = {}

    # --- any request -----------------------------------------------------------------------------

    def request(self, method: str, path: str, body: Any = None, content: str = _JSON, **query: Any) -> Answer:
        """Ask for `path`.

        Raises:
            RefusedError: an answer that is no success.

        """
        url = f"{self._url}{path}" + (f"?{urlencode(query)}" if query else "")
        sent = json.dumps(body).encode() if body is not None else None
        answer = self._pool.request(
            method, url, body=sent, headers={**self._headers, "Content-Type": content}
        )
        text = answer.data.decode("utf-8")
        if answer.status >= 300:
            message = json.loads(text)["message"] if text.startswith("{") else text
            raise RefusedError(answer.status, message)
        # Warning: 299 - "the text"
        warnings = re.findall(r'299 \S+ "((?:[^"\\]|\\.)*)"', ", ".join(answer.headers.getlist("Warning")))
        warnings = [each.replace('\\"', '"') for each in warnings]
        is_object = text.startswith("{") and "watch" not in query
        return Answer(object=json.loads(text) if is_object else {"text": text}, warnings=warnings)

    def is_ready(self) -> bool:
        """Tell whether the server answers that it is ready."""
        try:
            return self.request("GET", "/readyz").object["text"] == "ok"
        except (RefusedError, urllib3.exceptions.HTTPError):
            return False

    # --- objects ---------------------------------------------------------------------------------

    def create(self, obj: Object) -> Answer:
        """Create an object."""
        return self.request("POST", self._collection(obj), obj)

    def apply(self, obj: Object, *, manager: str = MANAGER, force: bool = False) -> Answer:
        """Apply an object server-side; unknown and duplicate fields are refused."""
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        return self.request("PATCH", self._one(obj), obj, _APPLY, **query)

    def merge(self, obj: Object, changes: Object, subresource: str = "") -> Answer:
        """Change some fields of an object."""
        return self.request("PATCH", self._one(obj) + subresource, changes, _MERGE)

    def delete(self, obj: Object, **options: Any) -> None:
        """Delete an object; it need not be there."""
        try:
            self.request("DELETE", self._one(obj), options or None)
        except RefusedError as error:
            if error.status != 404:
                raise

    def get(self, obj: Object) -> Object:
        """Read an object anew."""
        return self.request("GET", self._one(obj)).object

    def find(self, api_version: str, kind: str, name: str, *, namespace: str = "") -> Object | None:
        """Read an object that may be missing."""
        metadata = {"name": name, "namespace": namespace}
        try:
            return self.get({"apiVersion": api_version, "kind": kind, "metadata": metadata})
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def items(self, api_version: str, kind: str, *, namespace: str = "", labels: str = "") -> list[Object]:
        """List the objects of a kind: of a namespace, or of all."""
        return self.listing(api_version, kind, namespace=namespace, labels=labels)["items"]

    def listing(self, api_version: str, kind: str, *, namespace: str = "", labels: str = "") -> Object:
        """Return such a list as the server sends it, with its resourceVersion."""
        obj = {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace}}
        query = {"labelSelector": labels} if labels else {}
        return self.request("GET", self._collection(obj), **query).object

    def history(self, api_version: str, kind: str, *, namespace: str, since: str) -> list[Object]:
        """Return each state in which objects of a kind have been since a resourceVersion, in order."""
        path = self._collection(
            {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace}}
        )
        answer = self.request("GET", path, watch=1, resourceVersion=since, timeoutSeconds=1)
        lines = answer.object["text"].splitlines()
        return [json.loads(line)["object"] for line in lines]

    # --- where objects are -----------------------------------------------------------------------

    def _resources(self, api_version: str) -> dict[str, tuple[str, bool]]:
        if api_version not in self._paths:
            root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            found = self.request("GET", root).object["resources"]
            self._paths[api_version] = {
                each["kind"]: (f"{root}{{}}/{each['name']}", each["namespaced"])
                for each in found
                if "/" not in each["name"]
            }
        return self._paths[api_version]

    def _collection(self, obj: Object) -> str:
        pattern, namespaced = self._resources(obj["apiVersion"])[obj["kind"]]
        namespace = obj["metadata"].get("namespace", "")
        return pattern.format(f"/namespaces/{namespace}" if namespaced and namespace else "")

    def _one(self, obj: Object) -> str:
        return f"{self._collection(obj)}/{obj['metadata']['name']}"


# A controller of ReplicaSets that has lost count of its pods (a ReplicaSet of the same name went a moment ago) waits
# five minutes before it counts anew: ExpectationsTimeout in k8s.io/kubernetes/pkg/controller/controller_utils.go.
PATIENCE_S = 400.0


def wait_for(
    what: str | Callable[[], str], look: Callable[[], Found | None], *, seconds: float = PATIENCE_S
) -> Found:
    """Look until there is something, and return it. `what` says in the error what did not come."""
    deadline = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() >= deadline:
            raise AssertionError(f"after {seconds:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.1)
