"""Known failures of a hybrid node as a whole: its instance, its registration, and how its join script ended.

The general rows are here, so this module comes after joining.py.
"""

from __future__ import annotations

from ops.doctor.known.row import Failure
from ops.doctor.symptoms import Place

_TROUBLESHOOTING = "https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-troubleshooting.html"
_JOIN_SCRIPT = "userdata/join.sh"
_CONSOLE = frozenset({Place.CONSOLE})

FAILURES: tuple[Failure, ...] = (
    Failure(
        id="instance-not-running",
        group="machine",
        places=frozenset({Place.INSTANCE}),
        signature=r"the EC2 instance is (?:stopp|terminat|shutting)|does not exist any more",
        symptom="The hybrid node's EC2 instance is stopped, terminated or gone",
        cause="it was stopped or terminated outside Pulumi, or EC2 could not start it (its reason stands beside)",
        fix="stopped: aws ec2 start-instances; terminated or gone: pulumi up --refresh makes it again",
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html",
        example="the EC2 instance is terminated: Client.VolumeLimitExceeded: Volume limit exceeded",
    ),
    Failure(
        id="instance-missing",
        group="machine",
        places=frozenset({Place.INSTANCE}),
        signature=r"it has no EC2 instance",
        symptom="A hybrid node of the settings has no EC2 instance",
        cause="pulumi up stopped before it: hybrid nodes wait for the cluster and for its access entry",
        fix="pulumi up goes on where it stopped, and says what stops it",
        source="infra/hybrid_nodes.py",
        example="it has no EC2 instance",
        follows=frozenset({"cluster"}),
    ),
    Failure(
        id="ssm-connection-lost",
        group="machine",
        places=frozenset({Place.REGISTRATION}),
        signature=r"is (?:ConnectionLost|Inactive)",
        symptom="Systems Manager: mi-* is ConnectionLost or Inactive",
        cause="the SSM agent does not reach its service; the node's credentials end an hour after that",
        fix="pulumi up --refresh opens tcp 443 to the internet again; aws ec2 reboot-instances restarts the agent",
        source=_TROUBLESHOOTING,
        example="Systems Manager: mi-06d5ac211e74887c1 is ConnectionLost",
    ),
    Failure(
        id="kubelet-not-active",
        group="machine",
        places=_CONSOLE,
        signature=r"kubelet does not stay up|kubelet is not up",
        symptom="join script: `kubelet does not stay up`",
        cause="the kubelet ends soon after it starts; its own last lines are on the console, and none is in this table",
        fix="ops doctor --bundle FILE.tgz has the lines of the kubelet and of containerd; or on the node: "
        "journalctl -u kubelet",
        source=_JOIN_SCRIPT,
        example="join: failed at step 7/7 check the kubelet: nodeadm init returned 0 but kubelet does not stay up; "
        "its last lines above say why",
        follows=frozenset({"machine", "network"}),
    ),
    Failure(
        id="join-running",
        group="machine",
        places=frozenset({Place.JOIN}),
        signature=r"still in step ",
        symptom="The join script is still in a step",
        cause="a join takes about five minutes; the script itself gives up after about 45",
        fix="wait, then ops doctor again",
        source=_JOIN_SCRIPT,
        example="still in step 4/7 install the Kubernetes components since 15:04:05 UTC, 3 min",
        waits=True,
    ),
    Failure(
        id="join-not-started",
        group="machine",
        places=frozenset({Place.JOIN}),
        signature=r"no line of the join script",
        symptom="No line of the join script on the console",
        cause="the machine is still booting (EC2 shows its console some minutes late), or cloud-init did not start it",
        fix="wait five minutes, then ops doctor again; if it stays so: pulumi up --replace '**:Activation::NAME-*'",
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html",
        example="no line of the join script among 0 lines of console",
        follows=frozenset({"machine"}),
        waits=True,
    ),
    Failure(
        id="node-vanished",
        group="machine",
        places=frozenset({Place.JOIN}),
        signature=r"no Node of the cluster carries its label",
        symptom="The join script ended well, but the Node is missing",
        cause="its Node was deleted, or its kubelet cannot register it (credentials or network, since it joined)",
        fix="on the node: sudo systemctl restart kubelet, then journalctl -u kubelet says why; or "
        "pulumi up --replace '**:Activation::NAME-*'",
        source=_TROUBLESHOOTING,
        example="no Node of the cluster carries its label, although the join script ended well: joined EKS cluster",
        follows=frozenset({"machine", "cluster", "network"}),
    ),
    Failure(
        id="join-failed",
        group="machine",
        places=_CONSOLE,
        signature=r"join: failed at step ",
        symptom="join script: `failed at step N/7 ...`",
        cause="the join script gave up at this step, and none of its lines is in this table",
        fix="read the console's last lines (all of them: ops doctor --bundle FILE.tgz); once the cause is gone: sudo "
        "/usr/local/sbin/eks-hybrid-join on the node, or pulumi up --replace '**:Activation::NAME-*'",
        source=_JOIN_SCRIPT,
        example="2026-11-23T15:04:05Z join: failed at step 6/7 join the cluster: nodeadm init failed 10 times",
        follows=frozenset({"machine", "network"}),
    ),
)
