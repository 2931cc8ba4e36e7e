"""Pods with AWS credentials: by EKS Pod Identity, and by the cluster's OIDC provider. Each prints who it is in AWS.

kubectl -n workload logs -l side=hybrid --prefix
"""

import json
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import NodeSelectorRequirementArgsDict, PodSpecArgsDict

cluster = pulumi.StackReference(pulumi.Config().require("cluster"))
in_region = pulumi.ResourceOptions(provider=aws.Provider("region", region=cluster.require_output("region")))
api = kubernetes.Provider("cluster", kubeconfig=cluster.require_output("kubeconfig"))
namespace = kubernetes.core.v1.Namespace(
    "workload", metadata={"name": "workload"}, opts=pulumi.ResourceOptions(provider=api)
)
PRINT_IDENTITY = "until aws sts get-caller-identity; do sleep 5; done; sleep infinity"
SIDES: Mapping[str, NodeSelectorRequirementArgsDict] = {
    "managed": {"key": "eks.amazonaws.com/nodegroup", "operator": "Exists"},
    "hybrid": {"key": "eks.amazonaws.com/compute-type", "operator": "In", "values": ["hybrid"]},
}


def run(name: str, annotations: Mapping[str, pulumi.Input[str]], after: Sequence[pulumi.Resource]) -> None:
    """Run a pod of a service account on each side. It comes `after` what EKS must know when the pod is made."""
    account = kubernetes.core.v1.ServiceAccount(
        name,
        metadata={"name": name, "namespace": "workload", "annotations": annotations},
        opts=pulumi.ResourceOptions(provider=api, depends_on=[namespace]),
    )
    for side, nodes in SIDES.items():
        labels = {"app": name, "side": side}
        pod: PodSpecArgsDict = {
            "service_account_name": name,
            "affinity": {
                "node_affinity": {
                    "required_during_scheduling_ignored_during_execution": {
                        "node_selector_terms": [{"match_expressions": [nodes]}]
                    }
                }
            },
            "containers": [
                {
                    "name": "aws",
                    "image": "public.ecr.aws/aws-cli/aws-cli:2.31.0",
                    "command": ["sh", "-c", PRINT_IDENTITY],
                    "env": [{"name": "AWS_REGION", "value": cluster.require_output("region")}],
                }
            ],
        }
        kubernetes.apps.v1.Deployment(
            f"{name}-{side}",
            metadata={"name": f"{name}-{side}", "namespace": "workload"},
            spec={
                "selector": {"match_labels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
            opts=pulumi.ResourceOptions(provider=api, depends_on=[account, *after]),
        )


def policy(**statement: object) -> str:
    """A policy document of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def pod_identity() -> None:
    """EKS Pod Identity: EKS knows which service account takes which role; the role's trust names no cluster."""
    trust = policy(
        Principal={"Service": "pods.eks.amazonaws.com"}, Action=["sts:AssumeRole", "sts:TagSession"]
    )
    role = aws.iam.Role("pod-identity", assume_role_policy=trust, opts=in_region)
    association = aws.eks.PodIdentityAssociation(
        "pod-identity",
        cluster_name=cluster.require_output("clusterName"),
        namespace="workload",
        service_account="pod-identity",
        role_arn=role.arn,
        opts=in_region,
    )
    run("pod-identity", {}, after=[association])


def irsa() -> None:
    """OIDC (IRSA): the role's trust names the cluster's issuer and the service account, which names the role."""

    def trust(values: Sequence[str]) -> str:
        provider, issuer = values[0], values[1].removeprefix("https://")
        subject = "system:serviceaccount:workload:irsa"
        return policy(
            Principal={"Federated": provider},
            Action="sts:AssumeRoleWithWebIdentity",
            Condition={"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": subject}},
        )

    known = pulumi.Output.all(cluster.require_output("oidcProviderArn"), cluster.require_output("oidcIssuer"))
    role = aws.iam.Role("irsa", assume_role_policy=known.apply(trust), opts=in_region)
    run("irsa", {"eks.amazonaws.com/role-arn": role.arn}, after=[])


pod_identity()
irsa()
