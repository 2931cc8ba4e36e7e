"""Stand-ins for what a clean-up talks to: the AWS APIs over HTTP, and a Kubernetes API over TLS."""

import base64
import json
import re
import shutil
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from infra.eks_api import CLIENT_CONFIG, EksApi, bearer_token

SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN = "FwoGZXIvYXdzEXAMPLETOKEN"
CLUSTER_ARN = "arn:aws-cn:eks:cn-north-1:123456789012:cluster/shop"

OPENSSL_CONFIG = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = none
[server]
subjectAltName = IP:127.0.0.1
authorityKeyIdentifier = none
subjectKeyIdentifier = none
"""


class Server:
    """An HTTP server thread; `requests` and `headers` are what came since the last `reset`."""

    def __init__(self, tls: Path | None = None):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.headers.append(dict(self.headers))
                status, answer = outer.answer(self.command, self.path, self.headers, body)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_request(self, code="-", size="-"):
                """Be quiet."""

        for method in ("GET", "DELETE", "PATCH", "POST"):
            setattr(Handler, f"do_{method}", Handler.serve)

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """Say nothing: a client that refuses our certificate hangs up."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls / "server.pem", tls / "server.key")
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.reset()

    def reset(self):
        self.requests = []
        self.headers = []

    def answer(self, method, path, headers, body) -> tuple[int, dict]:
        raise AssertionError(f"nobody answers {method} {path} {headers} {body}")

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class FakeKubernetes(Server):
    """The Node part of the Kubernetes API. `nodes`: name to labels; `pods`: objects, see `pod` below.

    `cordoned`: Nodes that take no more pods. `not_ready`: Nodes whose machine does not answer. `budget`: how many
    evictions are allowed, None for any number. `ends_after`: how often an evicted pod is still listed.
    `scripted`: (request, status) pairs, each answered once, before anything else, when its request comes.
    `lingers`: how many times a deleted Node is still seen. `held_by`: finalizers that never let go.
    """

    def __init__(self, tls):
        self.ca_pem = (tls / "ca.pem").read_text()
        super().__init__(tls)

    def reset(self):
        super().reset()
        self.nodes = {}
        self.pods = []
        self.cordoned = set()
        self.not_ready = set()
        self.budget = None
        self.ends_after = 0
        self.lingers = 0
        self.held_by = []
        self.scripted = []
        self._deleting = {}

    def answer(self, method, path, headers, body):
        assert headers["Authorization"].startswith("Bearer ")
        url = urlsplit(path)
        self.requests.append(f"{method} {url.path}")
        for pair in self.scripted:
            if pair[0] == self.requests[-1]:
                self.scripted.remove(pair)
                return pair[1], {"kind": "Status", "code": pair[1], "message": "as the test wants"}
        if url.path == "/api/v1/pods":
            key, _, node = parse_qs(url.query)["fieldSelector"][0].partition("=")
            assert key == "spec.nodeName"
            return 200, {"kind": "PodList", "items": self._pods_on(node)}
        if url.path.endswith("/eviction"):
            assert method == "POST"
            return self._evict(json.loads(body))
        if url.path == "/api/v1/nodes":
            key, _, value = parse_qs(url.query)["labelSelector"][0].partition("=")
            names = [name for name, labels in self.nodes.items() if labels.get(key) == value]
            return 200, {"kind": "NodeList", "items": [{"metadata": {"name": name}} for name in names]}
        name = url.path.removeprefix("/api/v1/nodes/")
        if name not in self.nodes:
            return 404, {"kind": "Status", "code": 404}
        if method == "PATCH":
            assert json.loads(body) == {"spec": {"unschedulable": True}}
            self.cordoned.add(name)
        if method == "DELETE":
            self._deleting.setdefault(name, self.lingers)
        elif name in self._deleting and not self.held_by:
            self._deleting[name] -= 1
        if self._deleting.get(name, 1) <= 0 and not self.held_by:
            del self.nodes[name], self._deleting[name]
        ready = {"type": "Ready", "status": "Unknown" if name in self.not_ready else "True"}
        meta = {"name": name, "finalizers": self.held_by}
        return 200, {"kind": "Node", "metadata": meta, "status": {"conditions": [ready]}}

    def _pods_on(self, node):
        for pod in self.pods:
            if "deletionTimestamp" in pod["metadata"] and node not in self.not_ready:
                pod["lists"] = pod.get("lists", 0) + 1
        self.pods = [pod for pod in self.pods if pod.get("lists", 0) <= self.ends_after]
        return [pod for pod in self.pods if pod["spec"]["nodeName"] == node]

    def _evict(self, eviction):
        meta = eviction["metadata"]
        assert (eviction["apiVersion"], eviction["kind"]) == ("policy/v1", "Eviction")
        (pod,) = [
            each
            for each in self.pods
            if (each["metadata"]["namespace"], each["metadata"]["name"]) == (meta["namespace"], meta["name"])
        ] or [None]
        if pod is None:
            return 404, {"kind": "Status", "code": 404}
        if eviction["deleteOptions"]["preconditions"]["uid"] != pod["metadata"]["uid"]:
            return 409, {"kind": "Status", "code": 409, "message": "the UID does not match"}
        if self.budget is not None:
            if self.budget == 0:
                words = "Cannot evict pod as it would violate the pod's disruption budget."
                return 429, {"kind": "Status", "code": 429, "message": words}
            self.budget -= 1
        pod["metadata"]["deletionTimestamp"] = "2026-11-25T12:00:00Z"
        return 201, {"kind": "Status", "status": "Success"}


def pod(name, node, *, owner="ReplicaSet", **more):
    """A running pod on a node; `owner` is the kind of its controller, None for a pod of its own."""
    meta = {"namespace": "shop", "name": name, "uid": f"uid-{name}", **more.pop("metadata", {})}
    if owner:
        meta["ownerReferences"] = [{"kind": owner, "name": "it", "controller": True}]
    return {"metadata": meta, "spec": {"nodeName": node}, "status": {"phase": "Running", **more}}


class FakeAws(Server):
    """SSM and EKS in two answers each. `machines`: mi-* to activation id, listed two to a page.

    `late`: machines that are listed from the second look on. `stale`: machines listed although deregistered.
    `throttle`: how many requests are turned away. `refuse`: operation to error code.
    `cluster_then`: what becomes of the cluster after each time it was described.
    """

    def reset(self):
        super().reset()
        self.machines = {}
        self.late = {}
        self.stale = set()
        self.refuse = {}
        self.throttle = 0
        self.cluster = None
        self.cluster_then = []

    def answer(self, method, path, headers, body):
        operation = (headers.get("X-Amz-Target") or "").removeprefix("AmazonSSM.") or "DescribeCluster"
        self.requests.append(operation)
        if self.throttle:
            self.throttle -= 1
            return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}
        if operation in self.refuse:
            return 400, {"__type": self.refuse[operation], "message": "not authorized."}
        if operation == "DescribeCluster":
            assert (method, path) == ("GET", "/clusters/shop")
            cluster = self.cluster
            if self.cluster_then:
                self.cluster = self.cluster_then.pop(0)
            if cluster is None:
                return 404, {"__type": "ResourceNotFoundException", "message": "No cluster found."}
            return 200, {"cluster": cluster}
        asked = json.loads(body)
        if operation == "DeregisterManagedInstance":
            if self.machines.pop(asked["InstanceId"], None) is None:
                return 400, {"__type": "InvalidInstanceId", "message": ""}
            return 200, {}
        return 200, self._page(asked)

    def _page(self, asked):
        wanted = asked["Filters"][0]
        assert (len(asked["Filters"]), wanted["Key"]) == (1, "ActivationIds")
        listed = dict.fromkeys(self.stale, wanted["Values"][0]) | self.machines
        rows = [{"InstanceId": m, "ActivationId": a} for m, a in listed.items() if a in wanted["Values"]]
        start = int(asked.get("NextToken", 0))
        page = {"InstanceInformationList": rows[start : start + 2]}
        if len(rows) > start + 2:
            page["NextToken"] = str(start + 2)
        else:
            self.machines |= self.late
            self.late = {}
        return page


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A certificate authority and a server certificate like EKS's: without key identifiers."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl is not on the PATH: needed to make the certificates of the Kubernetes stand-in")
    folder = tmp_path_factory.mktemp("tls")
    (folder / "openssl.cnf").write_text(OPENSSL_CONFIG)

    def run(command):
        subprocess.run([openssl, *command.split()], cwd=folder, check=True, capture_output=True)

    key = "-newkey rsa:2048 -nodes -config openssl.cnf"
    for authority in ("ca", "other"):
        run(
            f"req -x509 {key} -days 2 -extensions authority -subj /CN=kubernetes "
            f"-keyout {authority}.key -out {authority}.pem"
        )
    run(f"req -new {key} -subj /CN=kube-apiserver -keyout server.key -out server.csr")
    run(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 2 "
        "-extfile openssl.cnf -extensions server -out server.pem"
    )
    return folder


@pytest.fixture(scope="session")
def servers(certificates):
    kubernetes, aws = FakeKubernetes(certificates), FakeAws()
    yield kubernetes, aws
    kubernetes.stop()
    aws.stop()


@pytest.fixture
def kubernetes(servers):
    servers[0].reset()
    return servers[0]


@pytest.fixture
def aws(servers, kubernetes):
    """Fake AWS with one live cluster, whose API is the fake Kubernetes."""
    server = servers[1]
    server.reset()
    server.cluster = {
        "name": "shop",
        "arn": CLUSTER_ARN,
        "status": "ACTIVE",
        "endpoint": kubernetes.url,
        "certificateAuthority": {"data": base64.b64encode(kubernetes.ca_pem.encode()).decode()},
    }
    return server


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def environment(aws, monkeypatch, tmp_path):
    """An environment in which boto3 finds the fake AWS and these credentials, and nothing else."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    variables = {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_SSM": aws.url,
        "AWS_ENDPOINT_URL_EKS": aws.url,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture(scope="session")
def session():
    """Signed in with explicit credentials; made once, because botocore reads its service models for each."""
    return boto3.Session("AKIDEXAMPLE", SECRET_KEY, SESSION_TOKEN, region_name="cn-north-1")


@pytest.fixture(scope="session")
def clients(session, servers):
    """botocore clients of the fake AWS, by service, configured as the clean-up's own."""
    url = servers[1].url
    return {name: session.client(name, endpoint_url=url, config=CLIENT_CONFIG) for name in ("ssm", "eks")}


@pytest.fixture
def new_api(aws, clients, session):
    """Make the client of the fake cluster `shop`, which reports to `lines`."""
    name = aws.cluster["name"]

    def make(lines, *, token=None, sleep=time.sleep):
        return EksApi(
            name,
            eks=clients["eks"],
            ssm=clients["ssm"],
            token=token or (lambda: bearer_token(session, name)),
            report=lines.append,
            sleep=sleep,
            backoff_s=0,
        )

    return make


@pytest.fixture
def secrets_in():
    """Find credentials and bearer tokens in a text, as they are or in base64."""

    def find(text):
        known = [SECRET_KEY, SESSION_TOKEN, base64.b64encode(SECRET_KEY.encode()).decode()]
        return [secret for secret in known if secret in text] + re.findall(r"k8s-aws-v1\S+|Bearer \S+", text)

    assert find(f"x {SECRET_KEY}")
    assert find("Bearer k8s-aws-v1.abc")
    return find
