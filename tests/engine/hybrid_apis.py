"""What a hybrid node's clean-up talks to: the SSM and EKS APIs over HTTP, and a Kubernetes API over TLS.

Every change asked for goes to the stand-ins' journal, so that its order among the engine's calls can be seen.
"""

import base64
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from infra.names import ACTIVATION_LABEL, NAME_LABEL
from tests.engine.standin.networks import SUBNET
from tests.engine.standin.world import ACCESS_ENTRY, ACTIVATION, ADD_ON, CLUSTER, NODE_GROUP, Thing, World

_OPENSSL = (
    "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=kubernetes -addext subjectAltName=IP:127.0.0.1"
)

_IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/tester</Arn><UserId>AIDATESTER</UserId>
<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""

# HTTP status, and the body: JSON as data, or a text.
Answer = tuple[int, Any]

# What AWS documents of the configuration of its add-on: EKS refuses a key that its schema does not have.
# https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-add-ons.html
_CONFIGURATION = {"daemonsets": {"hybrid": {"create": bool}}}


class RegistrationError(Exception):
    """A machine was not admitted."""


class HybridApis:
    """Registrations and Nodes of machines that have joined, by name (mi-*), with their activation id.

    Each node runs one pod of somebody's, in `pods`. Of the nodes in `silent` nothing is heard any more. `denied` is an
    IAM action that nobody is allowed.
    """

    def __init__(self, standin: Path) -> None:
        self.machines: dict[str, str] = {}
        self.nodes: dict[str, str] = {}
        self.pods: set[str] = set()
        self.silent: set[str] = set()
        self.denied = ""
        self._names: dict[str, str] = {}
        self._journal = standin / "journal.jsonl"
        self._world, self._reading = World(self._journal), threading.Lock()
        self._authority = standin / "authority.pem"
        files = ["-keyout", str(standin / "authority.key"), "-out", str(self._authority)]
        subprocess.run(["openssl", *_OPENSSL.split(), *files], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._authority, standin / "authority.key")
        self._servers = [_serve(self._aws, None), _serve(self._kubernetes, context)]
        self.aws_url = f"http://127.0.0.1:{self._servers[0].server_port}"

    def close(self) -> None:
        """Stop answering."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def join(self, activation_id: str, node_name: str) -> str:
        """Let a machine join with an activation, as the started instance of a node in the settings would.

        Returns its name.
        """
        name = f"mi-{activation_id.replace('-', '')[:17]}"
        if name not in self.nodes:
            self.pods.add(name)
        self.machines[name] = self.nodes[name] = activation_id
        self._names[name] = node_name
        return name

    def register(self, activation_id: str, code: str, node_name: str) -> str:
        """Let a machine join as Systems Manager does: with a valid activation, its code, and once.

        Raises:
            RegistrationError: in the words of its agent.

        """
        with self._read_world() as world:
            activation = world.get(ACTIVATION, activation_id)
        if activation is None or activation.outputs["activationCode"] != code:
            raise RegistrationError("invalid activation")
        if datetime.fromisoformat(activation.outputs["expirationDate"]) <= datetime.now(UTC):
            raise RegistrationError("activation expired")
        if activation_id in self.machines.values():
            raise RegistrationError("registration limit exceeded")
        return self.join(activation_id, node_name)

    @contextmanager
    def _read_world(self) -> Generator[World]:
        """Give what exists now to one thread at a time."""
        with self._reading:
            self._world.refresh()
            yield self._world

    def _aws(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        operation = (headers.get("X-Amz-Target") or "").removeprefix("AmazonSSM.")
        if "/access-entries/" in path:
            return self._describe_access_entry(unquote(path.rsplit("/", 1)[1]))
        if "/addons" in path:
            return self._add_on(method, path.split("?")[0].split("/")[2:], json.loads(body or b"{}"))
        if path.startswith("/tags/"):
            return self._tag_add_on(path, body)
        if path.startswith("/clusters/"):
            return self._eks(*path.split("?")[0].split("/")[2:])
        if self.denied == f"ssm:{operation}":
            return 400, {"__type": "AccessDeniedException", "message": "User is not authorized."}
        if b"Action=GetCallerIdentity" in body:
            return 200, _IDENTITY
        asked = json.loads(body)
        if operation == "DescribeInstanceInformation":
            wanted = asked["Filters"][0]["Values"]
            rows = [{"InstanceId": m, "ActivationId": a} for m, a in self.machines.items() if a in wanted]
            return 200, {"InstanceInformationList": rows}
        if operation == "DeregisterManagedInstance" and asked["InstanceId"] in self.machines:
            self._write("Deregister", asked["InstanceId"], self.machines.pop(asked["InstanceId"]))
            return 200, {}
        return 400, {"__type": "InvalidInstanceId", "message": ""}

    def _eks(self, cluster: str, kind: str = "", name: str = "") -> Answer:
        if not kind:
            return self._describe_cluster(cluster)
        with self._read_world() as world:
            groups = {each.inputs["nodeGroupName"]: each for each in world.of(NODE_GROUP)}
        return self._describe_node_group(groups.get(name)) if name else (200, {"nodegroups": list(groups)})

    def _add_on(self, method: str, parts: list[str], asked: dict[str, Any]) -> Answer:
        cluster, _, *names = parts
        with self._read_world() as world:
            made = world.get(CLUSTER, cluster)
            name = names[0] if names else asked["addonName"]
            add_on = world.get(ADD_ON, f"{cluster}:{name}")
        if made is None:
            return _refusal(404, "ResourceNotFoundException", f"No cluster found for name: {cluster}.")
        if method == "POST" and not names and add_on:
            return _refusal(409, "ResourceInUseException", "Addon already exists.")
        if names and add_on is None:
            return _refusal(404, "ResourceNotFoundException", f"No addon: {name} found in cluster: {cluster}")
        if method == "POST":
            if not _in_schema(json.loads(asked["configurationValues"]), _CONFIGURATION):
                words = "ConfigurationValue is not in supported schema"
                return _refusal(400, "InvalidParameterException", words)
            known = add_on.inputs if add_on else {"tags": {}}
            add_on = add_on_of(cluster, name, known | asked)
            self._write_add_on("UpdateAddon" if names else "CreateAddon", add_on)
        assert add_on
        if method == "DELETE":
            self._write_add_on("DeleteAddon", add_on)
        return 200, {"addon": {"addonName": name, **add_on.outputs, "tags": add_on.inputs["tags"]}}

    def _tag_add_on(self, path: str, body: bytes) -> Answer:
        """Add the tags of a body, or take those away that the query names."""
        url = urlsplit(path)
        cluster, name, _ = unquote(url.path).split(":addon/")[1].split("/")
        with self._read_world() as world:
            add_on = world.get(ADD_ON, f"{cluster}:{name}")
        if add_on is None:
            return _refusal(404, "NotFoundException", f"No resource with the ARN of {name} was found")
        tags = add_on.inputs["tags"] | json.loads(body or b'{"tags": {}}')["tags"]
        gone = parse_qs(url.query).get("tagKeys", [])
        tags = {key: value for key, value in tags.items() if key not in gone}
        self._write_add_on("TagAddon", add_on_of(cluster, name, add_on.inputs | {"tags": tags}))
        return 200, {}

    def lose_add_on(self, identity: str) -> None:
        """Let somebody delete an add-on by hand."""
        self._write("DeleteAddon", identity, type=ADD_ON, id=identity)

    def _write_add_on(self, call: str, add_on: Thing) -> None:
        self._write(call, add_on.id, **written(add_on))

    def _describe_node_group(self, made: Thing | None) -> Answer:
        if made is None:
            return 404, {"__type": "ResourceNotFoundException", "message": "No node group found."}
        issues = [{"code": "NodeCreationFailure", "message": "Instances failed to join"}]
        return 200, {
            "nodegroup": {
                "nodegroupName": made.inputs["nodeGroupName"],
                "status": made.status,
                "version": made.inputs["version"],
                "launchTemplate": made.inputs["launchTemplate"],
                "health": {"issues": [] if made.status == "ACTIVE" else issues},
                "tags": made.inputs["tags"],
            }
        }

    def _describe_access_entry(self, arn: str) -> Answer:
        with self._read_world() as world:
            entries = world.of(ACCESS_ENTRY)
        tags = {entry.inputs["principalArn"]: entry.inputs["tags"] for entry in entries}
        if arn not in tags:
            return 404, {"__type": "ResourceNotFoundException", "message": f"No access entry for {arn}."}
        return 200, {"accessEntry": {"principalArn": arn, "tags": tags[arn]}}

    def _describe_cluster(self, name: str) -> Answer:
        with self._read_world() as world:
            made = world.get(CLUSTER, name)
            subnet = made and world.get(SUBNET, made.inputs["vpcConfig"]["subnetIds"][0])
        if made is None:
            return 404, {
                "__type": "ResourceNotFoundException",
                "message": f"No cluster found for name: {name}.",
            }
        authority = base64.b64encode(self._authority.read_bytes()).decode()
        cluster = {
            "name": name,
            "version": made.inputs["version"],
            # What was never said is EXTENDED.
            "upgradePolicy": made.inputs.get("upgradePolicy") or {"supportType": "EXTENDED"},
            # The AWS provider has one list where EKS has a list of lists.
            "remoteNetworkConfig": {
                key: [cidrs] for key, cidrs in made.inputs["remoteNetworkConfig"].items()
            },
            "resourcesVpcConfig": {"vpcId": subnet.inputs["vpcId"] if subnet else ""},
            "tags": made.inputs["tags"],
            "arn": f"arn:aws:eks:eu-central-1:123456789012:cluster/{name}",
            "status": "ACTIVE",
            "endpoint": f"https://127.0.0.1:{self._servers[1].server_port}",
            "certificateAuthority": {"data": authority},
        }
        return 200, {"cluster": cluster}

    def _kubernetes(self, method: str, path: str, _headers: Any, body: bytes) -> Answer:
        url = urlsplit(path)
        if url.path == "/api/v1/pods":
            node = parse_qs(url.query)["fieldSelector"][0].removeprefix("spec.nodeName=")
            return 200, {"kind": "PodList", "items": [_pod(node)] if node in self.pods else []}
        if url.path.endswith("/eviction"):
            node = json.loads(body)["metadata"]["name"].removeprefix("web-on-")
            self._write("Evict", node, self.nodes[node])
            self.pods.remove(node)
            return 201, {"kind": "Status", "status": "Success"}
        if url.path == "/api/v1/nodes":
            label, _, value = parse_qs(url.query)["labelSelector"][0].partition("=")
            found = [
                name
                for name, activation in self.nodes.items()
                if (label, value) in ((ACTIVATION_LABEL, activation), (NAME_LABEL, self._names[name]))
            ]
            return 200, {"kind": "NodeList", "items": [{"metadata": {"name": name}} for name in found]}
        name = url.path.rsplit("/", 1)[1]
        if name not in self.nodes:
            return 404, {"kind": "Status", "code": 404}
        conditions = [{"type": "Ready", "status": "Unknown" if name in self.silent else "True"}]
        node = {"kind": "Node", "metadata": {"name": name}, "status": {"conditions": conditions}}
        if method == "PATCH":
            self._write("Cordon", name, self.nodes[name])
        if method == "DELETE":
            self._write("DeleteNode", name, self.nodes.pop(name))
        return 200, node

    def _write(self, call: str, name: str, activation_id: str = "", **details: Any) -> None:
        now = time.monotonic()
        entry = {
            "call": call,
            "name": name,
            "activation": activation_id,
            "started": now,
            "ended": now,
            **details,
        }
        with self._journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _refusal(status: int, code: str, message: str) -> Answer:
    return status, {"__type": code, "message": message}


def add_on_of(cluster: str, name: str, asked: dict[str, Any]) -> Thing:
    """What EKS has once it was asked for an add-on."""
    inputs = {
        "clusterName": cluster,
        "addonName": name,
        **{key: asked[key] for key in ("addonVersion", "configurationValues", "tags")},
    }
    arn = f"arn:aws:eks:eu-central-1:123456789012:addon/{cluster}/{name}/1"
    return Thing(token=ADD_ON, id=f"{cluster}:{name}", inputs=inputs, outputs={"addonArn": arn})


def written(add_on: Thing) -> dict[str, Any]:
    """Give what the journal says of an add-on."""
    return {"type": ADD_ON, "id": add_on.id, "inputs": add_on.inputs, "outputs": add_on.outputs}


def _in_schema(values: Any, schema: Any) -> bool:
    """Tell whether a schema of names and types has all of a configuration."""
    if not isinstance(schema, dict):
        return isinstance(values, schema)
    return isinstance(values, dict) and all(
        key in schema and _in_schema(value, schema[key]) for key, value in values.items()
    )


def _pod(node: str) -> dict[str, Any]:
    meta = {"name": f"web-on-{node}", "namespace": "shop", "uid": f"uid-of-{node}"}
    return {"metadata": meta, "spec": {"nodeName": node}, "status": {"phase": "Running"}}


def _serve(
    answer: Callable[[str, str, Any, bytes], Answer], tls: ssl.SSLContext | None
) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document = answer(self.command, self.path, self.headers, body)
            data = document.encode() if isinstance(document, str) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    # Requests are judged by their effects, not by their log.
    methods = dict.fromkeys(("do_GET", "do_DELETE", "do_PATCH", "do_POST"), Handler.respond)
    for name, function in {**methods, "log_message": lambda *_: None}.items():
        setattr(Handler, name, function)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server
