"""IAM policy documents, as data. Pure: no pulumi package is imported here."""

from typing import Any

from infra.names import CLUSTER_ARN_TAG

_VERSION = "2012-10-17"

# What each kind of node may do by a policy that AWS keeps. AmazonEKS_CNI_Policy is not among them: there is no
# aws-node.
HYBRID_NODE_POLICIES = ("AmazonSSMManagedInstanceCore", "AmazonEC2ContainerRegistryPullOnly")
MANAGED_NODE_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
)


def hybrid_node_trust(*, partition: str, region: str, account_id: str) -> dict[str, Any]:
    """Who may become a hybrid node: Systems Manager, for this account and region only.

    The conditions keep another account's activation from using the role (confused deputy).
    https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-creds.html
    """
    return {
        "Version": _VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ssm.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account_id},
                    "ArnEquals": {"aws:SourceArn": f"arn:{partition}:ssm:{region}:{account_id}:*"},
                },
            }
        ],
    }


def hybrid_node_policy(*, partition: str, region: str, account_id: str, cluster_arn: str) -> dict[str, Any]:
    """What a hybrid node may do beside `HYBRID_NODE_POLICIES`.

    `nodeadm init` reads the cluster and, since v1.0.16, its access entries; `nodeadm uninstall` deregisters the
    machine, which only a machine of this cluster may do. The agent of EKS Pod Identity trades the tokens of pods for
    credentials with the node's role; managed nodes may by AmazonEKSWorkerNodePolicy.
    https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-creds.html
    """
    return {
        "Version": _VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["eks:DescribeCluster", "eks:ListAccessEntries"],
                "Resource": cluster_arn,
            },
            {"Effect": "Allow", "Action": "eks-auth:AssumeRoleForPodIdentity", "Resource": cluster_arn},
            {"Effect": "Allow", "Action": "ssm:DescribeInstanceInformation", "Resource": "*"},
            {
                "Effect": "Allow",
                "Action": "ssm:DeregisterManagedInstance",
                "Resource": f"arn:{partition}:ssm:{region}:{account_id}:managed-instance/*",
                "Condition": {"StringEquals": {f"ssm:resourceTag/{CLUSTER_ARN_TAG}": cluster_arn}},
            },
        ],
    }


def ec2_trust(*, dns_suffix: str) -> dict[str, Any]:
    """Who may become a managed node: EC2. In China the service is ec2.amazonaws.com.cn."""
    return {
        "Version": _VERSION,
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": f"ec2.{dns_suffix}"}, "Action": "sts:AssumeRole"}
        ],
    }
