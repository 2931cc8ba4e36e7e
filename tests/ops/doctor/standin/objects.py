"""What EC2, Kubernetes and Elastic Load Balancing answer, object by object."""

from datetime import datetime
from typing import Any

Object = dict[str, Any]
VERSION = "v1.35.2-eks-1a2b3c4"

JOINED = """[    0.000000] Linux version 6.14.0-1018-aws (buildd@bos03-arm64-052)
[   14.220184] cloud-init[812]: Cloud-init v. 25.2 running 'modules:final'
2026-11-23T15:01:02Z join: step 1/7 look whether this machine has joined
2026-11-23T15:01:02Z join: step 2/7 download nodeadm
2026-11-23T15:01:04Z join: nodeadm v1.0.20 has the expected sha256 {digest}
2026-11-23T15:01:04Z join: step 3/7 check the node configuration
2026-11-23T15:01:04Z join: step 4/7 install the Kubernetes components
2026-11-23T15:02:31Z join: step 5/7 clear the CNI configuration
2026-11-23T15:02:31Z join: step 6/7 join the cluster
2026-11-23T15:03:12Z join: step 7/7 check the kubelet
2026-11-23T15:04:12Z join: done: joined EKS cluster eks-hybrid in ap-northeast-1
""".format(digest="ab" * 32)

_FATAL = (
    '{"level":"fatal","ts":"2026-11-23T15:02:31.881Z","caller":"./main.go:55","msg":"Command failed","error":"failed '
    "to install ssm installer: validating ssm-setup-cli signature: Signature Verification Error: No matching "
    'signature"}'
)
_INFO = (
    '{"level":"info","ts":"2026-11-23T15:02:20.114Z","caller":"ssm/install.go:61","msg":"Downloading SSM installer",'
    '"region":"ap-northeast-1"}'
)
_REASON = "install the Kubernetes components: nodeadm install 1.35 failed; its last lines above say why"
TOO_OLD = "\n".join(
    [
        *JOINED.splitlines()[:4],
        "2026-11-23T15:01:04Z join: nodeadm v1.0.16 has the expected sha256 " + "ab" * 32,
        *JOINED.splitlines()[5:7],
        f"2026-11-23T15:02:20Z {_INFO}",
        f"2026-11-23T15:02:31Z {_FATAL}",
        "2026-11-23T15:02:31Z join: once the cause is gone, run again: sudo /usr/local/sbin/eks-hybrid-join",
        f"2026-11-23T15:02:31Z join: failed at step 4/7 {_REASON}",
        "",
    ]
)


def node(
    name: str, *, alias: str = "", activation: str = "", ready: bool = True, message: str = ""
) -> Object:
    """A Node."""
    hybrid = {
        "eks.amazonaws.com/compute-type": "hybrid",
        "eks-hybrid-calico/name": alias,
        "eks-hybrid-calico/activation": activation,
    }
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    if not ready:
        condition |= {"reason": "KubeletNotReady", "message": message}
    return {
        "metadata": {"name": name, "labels": hybrid if alias else {"eks.amazonaws.com/nodegroup": "managed"}},
        "spec": {},
        "status": {"conditions": [condition], "nodeInfo": {"kubeletVersion": VERSION}},
    }


def pod(
    namespace: str, name: str, app: str, on: str, *, waiting: str = "", message: str = "", restarts: int = 0
) -> Object:
    """A Pod; `waiting`: the reason why it is not ready."""
    state = {"waiting": {"reason": waiting, "message": message}} if waiting else {"running": {}}
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"k8s-app" if namespace == "kube-system" else "app": app},
        },
        "spec": {
            "nodeName": on,
            "containers": [{"name": app, "env": [{"name": "DB", "value": "spec-secret"}]}],
        },
        "status": {
            "phase": "Running" if on else "Pending",
            "conditions": [{"type": "Ready", "status": "False" if waiting else "True"}],
            "containerStatuses": [{"name": app, "state": state, "restartCount": restarts}],
        },
    }


def unscheduled(namespace: str, name: str, app: str, message: str) -> Object:
    """A Pod without a node."""
    found = pod(namespace, name, app, "")
    found["status"]["containerStatuses"] = []
    found["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": message}]
    return found


def event(kind: str, namespace: str, name: str, reason: str, message: str, *, at: datetime) -> Object:
    """A warning Event."""
    return {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "count": 3,
        "lastTimestamp": at.isoformat().replace("+00:00", "Z"),
        "involvedObject": {"kind": kind, "namespace": namespace, "name": name},
    }


def target(name: str, state: str = "healthy", reason: str = "", description: str = "") -> Object:
    """A target and its health."""
    health = {"State": state, "Reason": reason, "Description": description}
    return {
        "Target": {"Id": name, "Port": 30080},
        "TargetHealth": {key: value for key, value in health.items() if value},
    }
