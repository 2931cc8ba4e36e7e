"""The support bundle: the report and what it rests on, as a .tgz that only its owner can read.

What goes in is chosen, not what stays out: no stack outputs, no kubeconfig, no user data, no pod specifications. The
facts were redacted when they came in; every file passes the redactor once more on its way out.
"""

import gzip
import io
import json
import os
import platform
import tarfile
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ops.clients.errors import AskError
from ops.clients.objects import part
from ops.clients.redaction import Redactor
from ops.doctor import report
from ops.doctor.diagnosis import Diagnosis
from ops.doctor.facts import Facts, Missing
from ops.doctor.symptoms import Gap

_PACKAGES = ("boto3", "kubernetes", "pulumi", "pulumi-aws", "pulumi-eks", "pulumi-kubernetes")
_README = """A support bundle of ops doctor (eks-hybrid-calico).

report.txt, report.json  the diagnosis
console/                 the console of each hybrid node, user data and secrets removed
log/                     the last log lines of each calico-node
aws.json                 instances, activations, registrations, cluster, node groups, add-ons, targets
kubernetes.json          nodes, pods (states only), warning events
versions.json            the versions of Python and of the packages in use

Activation codes, tokens, keys, kubeconfigs and user data were removed. Account ids, names and addresses are in it:
look through it before you publish it.
"""

# Of each object only what a diagnosis needs.
_INSTANCE = (
    "InstanceId",
    "InstanceType",
    "ImageId",
    "State",
    "StateReason",
    "LaunchTime",
    "PrivateIpAddress",
    "SubnetId",
    "VpcId",
    "SecurityGroups",
)
_CLUSTER = (
    "name",
    "status",
    "version",
    "platformVersion",
    "health",
    "remoteNetworkConfig",
    "resourcesVpcConfig",
    "kubernetesNetworkConfig",
    "accessConfig",
    "createdAt",
)
_KEPT = {"instances": _INSTANCE, "tagged instances": _INSTANCE, "cluster": _CLUSTER}
_AWS = (
    "instances",
    "tagged instances",
    "activations",
    "registrations",
    "target groups",
    "cluster",
    "access entries",
    "node groups",
    "add-ons",
)


def write(path: Path, diagnosis: Diagnosis, facts: Facts, redactor: Redactor) -> None:
    """Write the bundle, mode 0600. An existing file is replaced, a symbolic link too, and not what it points at.

    Errors: AskError (the file cannot be written).
    """
    # Data is redacted as data: in JSON text, a removal could take a quotation mark along.
    files = {
        name: redactor.text(found) if isinstance(found, str) else _json(redactor.data(found))
        for name, found in contents(diagnosis, facts).items()
    }
    try:
        # mkstemp makes the file 0600 from the start; beside its goal, so that the last step is one rename.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_archive(files))
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _not_writable(path, error.strerror or str(error)) from None


def check(path: Path) -> None:
    """Refuse a bundle that could not be written, before a minute of questions.

    Errors: AskError (its folder is missing or belongs to somebody else).
    """
    if not path.parent.is_dir():
        raise _not_writable(path, f"there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise _not_writable(path, f"{path.parent} may not be written to")


def _not_writable(path: Path, reason: str) -> AskError:
    return AskError(f"--bundle {path}: {reason}", code="bundle-refused")


def contents(diagnosis: Diagnosis, facts: Facts) -> dict[str, Any]:
    """Give the bundle's files by name, texts and JSON data, before the last redaction."""
    pretty = io.StringIO()
    report.write_pretty(diagnosis, pretty, color=False, width=110)
    files: dict[str, Any] = {
        "README.txt": _README,
        "report.txt": pretty.getvalue(),
        "report.json": report.as_json(diagnosis),
        "versions.json": {
            "python": platform.python_version(),
            **{package: version(package) for package in _PACKAGES},
        },
        "aws.json": {question: _kept(question, facts) for question in _AWS} | _targets(facts),
        "kubernetes.json": _kubernetes(facts),
    }
    for question in facts.answers:
        kind, _, name = question.partition("/")
        found = facts.get(question)
        if kind == "console" and found:
            files[f"console/{_safe(name)}.txt"] = str(found.get("Output") or "")
        elif kind == "log" and found:
            files[f"log/{_safe(name)}.txt"] = str(found)
    return files


def _archive(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    # No file name and no time in the gzip header: the same facts give the same bytes.
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name, text in sorted(files.items()):
            data = text.encode("utf-8", "replace")
            info = tarfile.TarInfo(f"ops-doctor/{name}")
            info.size, info.mode = len(data), 0o600
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def _kept(question: str, facts: Facts) -> Any:
    answer = facts.answers.get(question)
    if isinstance(answer, Gap):
        return {"could not look": answer.seen}
    if isinstance(answer, Missing):
        return {"not asked": answer.reason}
    keys = _KEPT.get(question)
    if keys is None:
        return answer
    if isinstance(answer, Mapping):
        return _only(answer, keys)
    return [_only(item, keys) for item in answer or []]


def _targets(facts: Facts) -> dict[str, Any]:
    return {question: _kept(question, facts) for question in facts.answers if question.startswith("targets/")}


def _kubernetes(facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = {
        "nodes": [_node(node) for node in facts.get("nodes") or []],
        "pods": [
            {
                **_only(part(pod, "metadata"), ("name", "namespace", "labels", "deletionTimestamp")),
                "nodeName": part(pod, "spec").get("nodeName"),
                "status": pod.get("status"),
            }
            for question in facts.answers
            if question.startswith("pods/")
            for pod in facts.get(question) or []
        ],
        "events": [
            _only(event, ("reason", "message", "count", "firstTimestamp", "lastTimestamp", "involvedObject"))
            for event in facts.get("events") or []
            if event.get("type") == "Warning"
        ],
    }
    for question in ("kubernetes", "nodes", "events"):
        answer = facts.answers.get(question)
        if isinstance(answer, Gap):
            found[f"could not look: {question}"] = answer.seen
        elif isinstance(answer, Missing):
            found[f"not asked: {question}"] = answer.reason
    return found


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    status = ("addresses", "conditions", "nodeInfo", "capacity", "allocatable")
    return {
        **_only(part(node, "metadata"), ("name", "labels", "creationTimestamp", "deletionTimestamp")),
        "spec": _only(part(node, "spec"), ("providerID", "taints", "unschedulable")),
        "status": _only(part(node, "status"), status),
    }


def _only(item: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: item[key] for key in keys if key in item}


def _safe(name: str) -> str:
    """Keep a name that came from outside from leaving its folder."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)[:80]


def _json(value: object) -> str:
    return json.dumps(value, indent=2, default=str) + "\n"
