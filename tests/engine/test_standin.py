"""What the stand-ins refuse: their checks are worth something only if they can fail. No engine is needed."""

import subprocess
import sys

import pytest

from tests.engine.harness import REPOSITORY
from tests.engine.standin import cloud, schema, wire


@pytest.mark.parametrize(
    ("token", "inputs", "path"),
    [
        ("aws:ec2/vpc:Vpc", {"cidr_block": "10.0.0.0/16"}, "cidr_block"),
        ("aws:eks/cluster:Cluster", {"roleArn": "a"}, "vpcConfig"),
        (
            "aws:eks/cluster:Cluster",
            {
                "roleArn": "a",
                "vpcConfig": {"subnetIds": ["b"]},
                "remoteNetworkConfig": {"remote_node_networks": {}},
            },
            "remoteNetworkConfig.remote_node_networks",
        ),
        ("aws:ec2/vpc:Vpc", {"cidrBlock": ["10.0.0.0/16"]}, "cidrBlock"),
        ("aws:ec2/vpc:Vpc", {"tags": {"Name": None}}, "tags[Name]"),
        (
            "kubernetes:core/v1:Service",
            {"spec": {"ports": [{"port": 80, "nodeport": 1}]}},
            "spec.ports[0].nodeport",
        ),
        ("kubernetes:core/v1:Service", {"kind": "Servise"}, "kind"),
        (
            "eks:index:Cluster",
            {"accessEntries": {"a": {"principalArn": "b", "role": "c"}}},
            "accessEntries[a].role",
        ),
    ],
)
def test_what_the_sdk_does_not_know_is_refused(token, inputs, path):
    assert path in [found for found, _ in schema.input_problems(token, inputs)]


@pytest.mark.parametrize(
    ("token", "inputs"),
    [
        ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": True, "tags": {"Name": "a"}}),
        ("aws:ec2/vpc:Vpc", {"cidrBlock": wire.UNKNOWN}),
        (
            "kubernetes:core/v1:Service",
            {"kind": "Service", "spec": {"ports": [{"port": 80, "targetPort": "http"}]}},
        ),
        (
            "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
            {
                "spec": {
                    "group": "a.b",
                    "scope": "Cluster",
                    "names": {"kind": "A", "plural": "as"},
                    "versions": [
                        {
                            "name": "v1",
                            "served": True,
                            "storage": True,
                            "schema": {"openAPIV3Schema": {"x-kubernetes-preserve-unknown-fields": True}},
                        }
                    ],
                }
            },
        ),
    ],
)
def test_what_the_sdk_knows_is_accepted(token, inputs):
    assert list(schema.input_problems(token, inputs)) == []


@pytest.mark.parametrize(
    ("token", "path", "replaced"),
    [
        ("aws:ssm/activation:Activation", "tags.Name", True),
        ("aws:ec2/instance:Instance", "ami", True),
        ("aws:ec2/instance:Instance", "instanceType", False),
        ("aws:ec2/instance:Instance", "rootBlockDevice", False),
        ("aws:eks/cluster:Cluster", "kubernetesNetworkConfig.serviceIpv4Cidr", True),
        ("aws:eks/cluster:Cluster", "remoteNetworkConfig.remoteNodeNetworks", False),
        ("kubernetes:apps/v1:Deployment", "spec.selector.matchLabels.app", True),
        ("kubernetes:apps/v1:Deployment", "spec.replicas", False),
        ("kubernetes:core/v1:Service", "spec.selector.app", False),
    ],
)
def test_what_replaces_a_resource_is_what_the_real_provider_says(token, path, replaced):
    assert cloud.replaces(token, path) is replaced


def test_a_resource_nobody_has_looked_up_is_an_error():
    with pytest.raises(LookupError, match="add it to REPLACES"):
        cloud.replaces("aws:s3/bucket:Bucket", "name")


# What a stand-in has read, its successors have whole.
ONE_BY_ONE = """
for name in ("pulumi_aws", "pulumi_aws.eks", "pulumi_aws.eks.access_policy_association"):
    warm._read(name)
schema.resource_class("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
"""
AT_ONCE = """
sys.setswitchinterval(1e-5)
with ThreadPoolExecutor(32) as pool:
    list(pool.map(schema.resource_class, ["aws:eks/cluster:Cluster", "aws:eks/addon:Addon"] * 16))
"""


@pytest.mark.parametrize("script", [ONE_BY_ONE, AT_ONCE])
def test_a_module_that_the_sdk_loads_lazily_is_read_whole(script):
    imports = """
import sys
from concurrent.futures import ThreadPoolExecutor
from tests.engine.standin import schema, warm
"""
    subprocess.run([sys.executable, "-c", imports + script], check=True, cwd=REPOSITORY, timeout=300)
