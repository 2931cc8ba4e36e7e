"""The real Calico manifests where they can be found, a local web server, and the Kubernetes API's own model."""

import base64
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra import versions
from tests.manifest import real_manifest as real_manifest_of


@pytest.fixture(params=list(versions.CALICO_SHA256))
def release(request: pytest.FixtureRequest) -> versions.CalicoRelease:
    return versions.calico_release(request.param)


@pytest.fixture
def real_file(release: versions.CalicoRelease) -> Path:
    return real_manifest_of(release.version)


@pytest.fixture
def real_manifest(real_file: Path) -> bytes:
    return real_file.read_bytes()


@pytest.fixture
def differences() -> Callable[[Any, Any], dict[str, tuple[Any, Any]]]:
    """Every leaf in which two values differ, by path; "<absent>" stands for a key that one of them lacks."""
    return lambda old, new: dict(_differences(old, new, ""))


def _differences(old: Any, new: Any, path: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences(old.get(key, "<absent>"), new.get(key, "<absent>"), f"{path}.{key}")
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            left = old[index] if index < len(old) else "<absent>"
            right = new[index] if index < len(new) else "<absent>"
            yield from _differences(left, right, f"{path}[{index}]")
    elif old != new or type(old) is not type(new):
        yield path, (old, new)


@dataclass
class Site:
    """A web server on this machine: `answer` decides what it says, `requests` has the paths it was asked for."""

    url: str
    requests: list[str] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None
    leave: threading.Event = field(default_factory=threading.Event)

    def serve(self, body: bytes, *, status: int = 200, announced: int | None = None) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(body) if announced is None else announced))
            handler.end_headers()
            handler.wfile.write(body)

        self.answer = answer


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.requests.append(self.path)
            assert here.answer is not None
            here.answer(self)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = Site(url=f"http://127.0.0.1:{server.server_address[1]}/calico-vxlan.yaml")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield here
    here.leave.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def check_object() -> Callable[[str, Any], None]:
    """Checks an object's keys, types and required fields against the model in the Kubernetes client."""
    return lambda kind, value: _check(kind, value, kind)


def _check(type_: str, value: Any, path: str) -> None:
    from kubernetes import client

    if of_list := re.fullmatch(r"[Ll]ist\[(.+)\]", type_):
        assert isinstance(value, list), f"{path} is not a list"
        for index, item in enumerate(value):
            _check(of_list[1], item, f"{path}[{index}]")
    elif of_dict := re.fullmatch(r"[Dd]ict[(\[]str, (.+)[)\]]", type_):
        assert isinstance(value, dict), f"{path} is not a map"
        for key, item in value.items():
            _check(of_dict[1], item, f"{path}.{key}")
    elif type_ in ("str", "int", "bool"):
        assert type(value).__name__ == type_, f"{path} is not {type_}"
    elif type_ == "bytes":
        # In JSON they are a text, in base64.
        base64.b64decode(value, validate=True)
    elif type_ == "object":
        assert isinstance(value, (str, int)), f"{path} is neither a string nor a number"
    else:
        model = getattr(client, type_)
        attributes = {wire: name for name, wire in model.attribute_map.items()}
        unknown = set(value) - set(attributes)
        assert not unknown, f"{path} has {unknown}, which {type_} has not"
        for key, item in value.items():
            _check(model.openapi_types[attributes[key]], item, f"{path}.{key}")
        # The model's constructor refuses an object without its required fields.
        model(**{attributes[key]: item for key, item in value.items()})
