"""The world over real HTTP: a Kubernetes API server with exec by websocket (RFC 6455), and a load balancer."""

import base64
import hashlib
import json
import ssl
import struct
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
Run = Callable[[Any, Any, list[str], str], tuple[str, str, int]]


class Server(ThreadingHTTPServer):
    """An HTTP server on a free port, on threads that end with the process."""

    daemon_threads = True
    block_on_close = False
    # A mesh of ten nodes connects at once; the default backlog of 5 would make it wait for retransmits.
    request_queue_size = 128

    def __init__(
        self, handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None, **state: Any
    ) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.state, self.tls = state, tls
        self.requests: list[str] = []
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens. A certificate is for a name."""
        return f"https://localhost:{self.server_port}" if self.tls else f"http://127.0.0.1:{self.server_port}"

    def get_request(self) -> tuple[Any, Any]:
        """Take a connection; the handshake happens on its own thread, with the first bytes that are read."""
        connection, address = super().get_request()
        if self.tls:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet when a client does not accept the certificate."""
        if not isinstance(sys.exception(), ssl.SSLError | ConnectionError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """End it, and what an answer waits for."""
        self.stopped.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it, small answers wait 40 ms for the client's delayed acknowledgement.
    disable_nagle_algorithm = True

    @property
    def stand_in(self) -> Server:
        """The server, typed."""
        assert isinstance(self.server, Server)
        return self.server

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay quiet."""

    def answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class KubeHandler(_Handler):
    """The API server. State: world, objects (module), run (shell), token."""

    def do_GET(self) -> None:
        """Answer a GET or upgrade it to an exec."""
        state, world = self.stand_in.state, self.stand_in.state["world"]
        url = urlsplit(self.path)
        with self.stand_in.lock:
            self.stand_in.requests.append(f"{self.command} {url.path}")
            world.asked.append(url.path)
            unavailable = world.answers_503 > 0
            world.answers_503 -= 1 if unavailable else 0
            cut = world.cut_requests > 0
            world.cut_requests -= 1 if cut else 0
        if cut:
            self.close_connection = True
        elif unavailable:
            self._status(world.unavailable, "etcd leader changed")
        elif self.headers["Authorization"] != f"Bearer {state['token']}":
            self._status(401, "Unauthorized")
        elif url.path.endswith("/exec"):
            self._exec(url.path, parse_qs(url.query))
        elif url.path.endswith("/log"):
            machine = self._machine(url.path)
            if machine is not None and self._reachable(machine):
                self.answer(200, b"", "text/plain")
        else:
            self._objects(url.path.rstrip("/"))

    def _objects(self, path: str) -> None:
        objects, world = self.stand_in.state["objects"], self.stand_in.state["world"]
        if path.startswith("/apis/metrics.k8s.io/") and world.metrics_503:
            self._status(503, "service unavailable")
            return
        items = objects.listing(world, path)
        found = {"items": items} if items is not None else objects.single(world, path)
        if found is None:
            self._status(404, f"{path} not found")
        else:
            self.answer(200, json.dumps(found).encode())

    def _machine(self, path: str) -> Any:
        """Find the machine of the pod in a path, or answer 404."""
        parts, state = path.split("/"), self.stand_in.state
        for pod in state["objects"].pods(state["world"]):
            if [pod["metadata"]["namespace"], pod["metadata"]["name"]] == [parts[4], parts[6]]:
                return state["world"].named(pod["spec"]["nodeName"])
        self._status(404, f'pods "{parts[6]}" not found')
        return None

    def _reachable(self, machine: Any) -> bool:
        """Answer as the API server does when a kubelet does not, or say yes."""
        if not machine.kubelet_reachable:
            self._status(500, f"error dialing backend: dial tcp {machine.ip}:10250: i/o timeout")
        return machine.kubelet_reachable

    def _status(self, code: int, message: str) -> None:
        body = {"kind": "Status", "status": "Failure", "message": message, "code": code}
        self.answer(code, json.dumps(body).encode())

    def _exec(self, path: str, query: dict[str, list[str]]) -> None:
        world = self.stand_in.state["world"]
        machine = self._machine(path)
        if machine is None or not self._reachable(machine):
            return
        accept = base64.b64encode(
            hashlib.sha1(
                f"{self.headers['Sec-WebSocket-Key']}{_MAGIC}".encode(), usedforsecurity=False
            ).digest()
        )
        assert world.subprotocol in self.headers["Sec-WebSocket-Protocol"]
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept.decode())
        self.send_header("Sec-WebSocket-Protocol", world.subprotocol)
        self.end_headers()
        self.close_connection = True
        world.commands.append((machine, query["command"]))
        self.stand_in.stopped.wait(world.exec_delay_s)
        out, err, code = self.stand_in.state["run"](world, machine, query["command"], path.split("/")[6])
        with self.stand_in.lock:
            cut = world.cut_execs > 0
            world.cut_execs -= 1 if cut else 0
        if cut:
            self._send(1, out[: len(out) // 2].encode())
            if world.cut_politely:
                self._frame(0x8, struct.pack(">H", 1000))
            return
        # Small frames: a client must put the pieces of an output together.
        for channel, text in ((1, out.encode()), (2, err.encode())):
            for start in range(0, len(text), 700):
                self._send(channel, text[start : start + 700])
        status: dict[str, Any] = {"metadata": {}, "status": "Success"}
        if code:
            cause = {"reason": "ExitCode", "message": str(code)}
            status = {
                "status": "Failure",
                "reason": "NonZeroExitCode",
                "message": f"command terminated with exit code {code}",
                "details": {"causes": [cause]},
            }
        self._send(3, json.dumps(status).encode())
        self._frame(0x8, struct.pack(">H", 1000))

    def _send(self, channel: int, data: bytes) -> None:
        self._frame(0x2, bytes([channel]) + data)

    def _frame(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        head = (
            bytes([0x80 | opcode, size])
            if size < 126
            else bytes([0x80 | opcode, 126]) + struct.pack(">H", size)
        )
        self.wfile.write(head + payload)


class BalancerHandler(_Handler):
    """The load balancer. State: world, and where to redirect to, if anywhere."""

    def do_GET(self) -> None:
        """Answer with the next pod's name, or the next planted status."""
        world = self.stand_in.state["world"]
        with self.stand_in.lock:
            self.stand_in.requests.append(self.path)
            cut = world.lb_cut > 0
            world.lb_cut -= 1 if cut else 0
        if cut:
            self.close_connection = True
            return
        if location := self.stand_in.state.get("redirect"):
            self.send_response(world.lb_redirect_status)
            self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        with self.stand_in.lock:
            turn = len(self.stand_in.requests)
            status = world.lb_statuses.pop(0) if world.lb_statuses else 200
        names = world.lb_pods or [name for name, _ in world.sample_pods]
        body = world.sample_text.format(pod=names[turn % len(names)]) if status == 200 else "<html>"
        self.answer(status, f"{body}\n".encode(), "text/plain")
