"""Known failures of a hybrid node on its way into the cluster: what nodeadm and the join script say."""

from __future__ import annotations

from infra.versions import NODEADM_DEFAULT, NODEADM_FLOOR, NODEADM_SIGNING_KEY_EXPIRES
from ops.doctor.known.row import Failure
from ops.doctor.symptoms import Place

_TROUBLESHOOTING = "https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-troubleshooting.html"
_CREDENTIALS = "https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-creds.html"
_NETWORKING = "https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-networking.html"
_ACTIVATIONS = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/hybrid-activation-managed-nodes.html"
)
_JOIN_SCRIPT = "userdata/join.sh"

_CONSOLE = frozenset({Place.CONSOLE})
_AGAIN = "sudo /usr/local/sbin/eks-hybrid-join on the node, or pulumi up --replace '**:Activation::NAME-*'"
_REPLACE = (
    "give the node a new activation, and with it a new machine: pulumi up --replace '**:Activation::NAME-*'"
)

FAILURES: tuple[Failure, ...] = (
    Failure(
        id="nodeadm-too-old",
        group="machine",
        places=_CONSOLE,
        signature=r"No matching signature",
        symptom="`nodeadm install`: `No matching signature`",
        cause=f"nodeadm older than {NODEADM_FLOOR} checks the SSM agent with a key that expired on 2026-07-15 "
        f"(the key of {NODEADM_DEFAULT} lasts until {NODEADM_SIGNING_KEY_EXPIRES})",
        fix=f"pulumi config set nodeadmVersion {NODEADM_DEFAULT} (or a newer release), then pulumi up",
        source="https://github.com/aws/eks-hybrid/issues/864",
        example='{"level":"fatal","msg":"Command failed","error":"failed to install ssm installer: validating '
        'ssm-setup-cli signature: Signature Verification Error: No matching signature"}',
    ),
    Failure(
        id="node-ip-outside",
        group="machine",
        places=frozenset({Place.CONSOLE, Place.INSTANCE}),
        signature=r"is not in any of the remote network CIDR blocks|is outside the cluster's remote node networks",
        symptom="`nodeadm init`: `node IP ... is not in any of the remote network CIDR blocks`",
        cause="the node's address is in none of the remote node networks that the cluster declares",
        fix="pulumi up --refresh declares onPremVpcCidr again; to see what is declared: aws eks describe-cluster "
        "--name CLUSTER --query cluster.remoteNetworkConfig",
        source=_TROUBLESHOOTING,
        example="node IP 10.18.0.1 is not in any of the remote network CIDR blocks [10.0.0.0/16 192.168.0.0/16]",
    ),
    Failure(
        id="activation-expired",
        group="machine",
        places=frozenset({Place.CONSOLE, Place.ACTIVATION}),
        signature=r"ActivationExpired|SSM activation expired|the activation expired at",
        symptom="`nodeadm init`: `SSM activation expired`, `ActivationExpired`",
        cause="an activation admits machines for 24 hours, and this one ended before the machine registered",
        fix=_REPLACE,
        source=_TROUBLESHOOTING,
        example='"msg":"Command failed","error":"SSM activation expired. Please use a valid activation"',
    ),
    Failure(
        id="activation-used-up",
        group="machine",
        places=frozenset({Place.CONSOLE, Place.ACTIVATION}),
        signature=r"registration ?limit|the activation is used up",
        symptom="Registration limit reached; the activation counts a registration, but there is no mi-*",
        cause="an activation admits one machine, and the one it admitted was deregistered or replaced by hand",
        fix=_REPLACE,
        source=_ACTIVATIONS,
        example="the activation is used up, 1 of 1 registrations, but none of its machines is registered",
    ),
    Failure(
        id="activation-invalid",
        group="machine",
        places=frozenset({Place.CONSOLE, Place.ACTIVATION}),
        signature=r"InvalidActivation|invalid SSM activation|activation \S+ does not exist",
        symptom="`nodeadm init`: `invalid SSM activation`, `InvalidActivation`",
        cause="the activation was deleted outside Pulumi, or is of another region",
        fix="pulumi up --refresh; if it is still there: pulumi up --replace '**:Activation::NAME-*'",
        source=_TROUBLESHOOTING,
        example="ERROR Registration failed due to error registering the instance with AWS SSM. InvalidActivation",
    ),
    Failure(
        id="list-access-entries-denied",
        group="machine",
        places=_CONSOLE,
        signature=r"AccessDenied.*ListAccessEntries|not authorized to perform: eks:ListAccessEntries",
        symptom="`nodeadm init`: `AccessDenied ... eks:ListAccessEntries`",
        cause="nodeadm reads the cluster's access entries since v1.0.16, and the hybrid role may not",
        fix="pulumi up --refresh writes the role's policy again (infra/iam.py); if the script has given up: "
        + _AGAIN,
        source="https://github.com/terraform-aws-modules/terraform-aws-eks/issues/3617",
        example="api error AccessDeniedException: User: arn:aws:sts::012345678901:assumed-role/hybrid-node-1a2b3c4/"
        "mi-06d5ac211e74887c1 is not authorized to perform: eks:ListAccessEntries on resource: "
        "arn:aws:eks:ap-northeast-1:012345678901:cluster/eks-hybrid",
    ),
    Failure(
        id="role-denied",
        group="machine",
        places=_CONSOLE,
        signature=r"AccessDenied.*DescribeCluster|DescribeCluster.*AccessDenied"
        r"|not authorized to perform: (?:eks|ssm|sts|ecr):(?!ListAccessEntries)",
        symptom="`nodeadm init`: `AccessDenied` for `eks:DescribeCluster` or another action",
        cause="a policy of the hybrid role is missing or was changed, or an organization's policy denies it",
        fix="pulumi up --refresh writes the role's policies again (infra/iam.py); if the script has given up: "
        + _AGAIN,
        source=_CREDENTIALS,
        example='"error":"operation error EKS: DescribeCluster, https response error StatusCode: 403, '
        'api error AccessDeniedException"',
    ),
    Failure(
        id="kubelet-unauthorized",
        group="machine",
        places=_CONSOLE,
        signature=r"(?:register node|lease exists|CSINode publishing).*Unauthorized",
        symptom='kubelet: `Unable to register node with API server ... err="Unauthorized"`',
        cause="the cluster has no access entry of type HYBRID_LINUX for the role the node has taken",
        fix="pulumi up --refresh makes the access entry again; aws eks list-access-entries --cluster-name CLUSTER",
        source=_TROUBLESHOOTING,
        example='"Unable to register node with API server" err="Unauthorized"',
    ),
    Failure(
        id="nodeadm-checksum",
        group="machine",
        places=_CONSOLE,
        signature=r"wrong sha256 of https?://",
        symptom="join script: `wrong sha256 of https://hybrid-assets...`",
        cause="nodeadmSha256 is the digest of another release or architecture, or the download was changed on its way",
        fix="pulumi config set --path nodeadmSha256.arm64 DIGEST (or .amd64; the release's .sha256 file has it), or "
        "pulumi config rm nodeadmSha256; then pulumi up",
        source=_JOIN_SCRIPT,
        example="join: failed at step 2/7 download nodeadm: wrong sha256 of https://hybrid-assets.eks.amazonaws.com/"
        "releases/v1.0.20/bin/linux/arm64/nodeadm: 00, but the pinned digest says ff",
    ),
    Failure(
        id="ssm-checksum",
        group="machine",
        places=_CONSOLE,
        signature=r"checksum mismatch",
        symptom="`nodeadm init`: `checksum mismatch with latest ssm-setup-cli`",
        cause="the SSM agent was released anew during the installation, or the image brings an older one",
        fix=_AGAIN,
        source=_TROUBLESHOOTING,
        example="error while verifying installed ssm-setup-cli checksum: checksum mismatch with latest ssm-setup-cli.",
    ),
    Failure(
        id="nodeadm-release-missing",
        group="machine",
        places=_CONSOLE,
        signature=r"answers HTTP (?:403|404): choose a release",
        symptom="join script: `... answers HTTP 403: choose a release`",
        cause="there is no nodeadm of this release and architecture",
        fix=f"pulumi config set nodeadmVersion {NODEADM_DEFAULT} (or another of "
        "https://github.com/aws/eks-hybrid/releases), then pulumi up",
        source=_JOIN_SCRIPT,
        example="join: failed at step 2/7 download nodeadm: https://hybrid-assets.eks.amazonaws.com/releases/v1.0.99/"
        "bin/linux/arm64/nodeadm answers HTTP 403: choose a release, pulumi config set nodeadmVersion <tag>",
    ),
    Failure(
        id="disk-full",
        group="machine",
        places=_CONSOLE,
        signature=r"No space left on device",
        symptom="`No space left on device`",
        cause="the root disk is too small for the operating system, the images and the logs",
        fix="pulumi config set --path 'hybridNodes[0].diskGiB' 60 (the node's number), then pulumi up",
        source="https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-os.html",
        example="tar: /opt/cni/bin/portmap: Cannot write: No space left on device",
    ),
    Failure(
        id="out-of-memory",
        group="machine",
        places=_CONSOLE,
        signature=r"Out of memory: Killed process|oom-kill:",
        symptom="console: `Out of memory: Killed process`",
        cause="the instance type has too little memory: a t4g.small joins, but nothing is reserved for the system",
        fix="pulumi config set --path 'hybridNodes[0].instanceType' t4g.large (the node's number), then "
        "pulumi up",
        source="userdata/cloud_config.py",
        example="[  512.403311] Out of memory: Killed process 1421 (containerd) total-vm:1893212kB",
    ),
    Failure(
        id="no-packages",
        group="machine",
        places=_CONSOLE,
        signature=r"apt-get update failed|failed to run update using package manager|Unable to (?:fetch|acquire|lock)"
        r"|Could not get lock",
        symptom="`apt-get update failed`, `failed to run update using package manager`",
        cause="Ubuntu's mirrors cannot be reached (plain http, tcp 80), or another apt holds the lock for very long",
        fix="pulumi up --refresh opens tcp 80 to the internet again (infra/flows.py); then " + _AGAIN,
        source=_TROUBLESHOOTING,
        example="join: failed at step 4/7 install the Kubernetes components: apt-get update failed 10 times: Ubuntu's "
        "mirrors need http, may the node reach tcp 80?",
    ),
    Failure(
        id="no-internet",
        group="network",
        places=_CONSOLE,
        signature=r"join: failed at step .*cannot download https|max retries achieved for http request"
        r"|Could not resolve host|curl: \((?:6|7|28|35)\)",
        symptom="`cannot download https://...`, `max retries achieved for http request`",
        cause="the machine has no way to the internet on tcp 443: NAT gateway, its route, or the security group",
        fix="pulumi up --refresh restores all three; then pulumi up --replace '**:Activation::NAME-*'",
        source=_NETWORKING,
        example='"msg":"Command failed","error":"failed reading file from url: ...: max retries achieved for http '
        'request"',
    ),
    Failure(
        id="kubelet-no-api",
        group="network",
        places=_CONSOLE,
        signature=r"(?:dial tcp (?!10\.|172\.|192\.168\.)\d[\d.]+:443: (?:i/o timeout|connect: )"
        r"|register node with API server.*(?:timeout|deadline|refused))",
        symptom="kubelet: `dial tcp <public address>:443: i/o timeout`, `Unable to register node with API server`",
        cause="the kubelet cannot reach the cluster's public endpoint: no route to a NAT gateway, or the NAT gateway's "
        "address is not in the endpoint's allow-list",
        fix="pulumi up --refresh adds the NAT addresses to the allow-list again; aws eks describe-cluster "
        "--name CLUSTER --query cluster.resourcesVpcConfig.publicAccessCidrs",
        source=_TROUBLESHOOTING,
        example='"Failed to contact API server when waiting for CSINode publishing" err="Get ... dial tcp '
        '54.64.12.9:443: i/o timeout"',
    ),
    Failure(
        id="config-refused",
        group="machine",
        places=_CONSOLE,
        signature=r"does not accept /etc/nodeadm|unsupported scheme|cannot read /etc/nodeadm/join\.env",
        symptom="join script: `nodeadm does not accept /etc/nodeadm/nodeConfig.yaml`",
        cause="this nodeadm does not know a field of the node's configuration, or cloud-init did not write the file",
        fix=f"pulumi config set nodeadmVersion {NODEADM_DEFAULT}, then pulumi up",
        source=_TROUBLESHOOTING,
        example="join: failed at step 3/7 check the node configuration: nodeadm does not accept "
        "/etc/nodeadm/nodeConfig.yaml",
    ),
    Failure(
        id="install-incomplete",
        group="machine",
        places=_CONSOLE,
        signature=r"returned 0 but left no ",
        symptom="join script: `nodeadm init returned 0 but left no /var/lib/kubelet/kubeconfig`",
        cause="nodeadm install did not come to its end, so init had nothing to do and said nothing",
        fix=_AGAIN,
        source=_JOIN_SCRIPT,
        example="join: failed at step 7/7 check the kubelet: nodeadm init returned 0 but left no "
        "/var/lib/kubelet/kubeconfig: nodeadm install was not completed",
    ),
    Failure(
        id="user-data-refused",
        group="machine",
        places=_CONSOLE,
        signature=r"Failed loading yaml blob|Unhandled non-multipart|Failed at merging in cloud config",
        symptom="cloud-init: `Failed loading yaml blob`",
        cause="cloud-init could not read the user data, so the join script was never written",
        fix="pulumi up --replace '**:Activation::NAME-*'; if it comes again, it is a bug of this project: "
        "ops doctor --bundle FILE.tgz",
        source="https://cloudinit.readthedocs.io/en/latest/howto/debugging.html",
        example="[   21.4] cloud-init[812]: util.py[WARNING]: Failed loading yaml blob. Invalid format at line 7",
    ),
)
