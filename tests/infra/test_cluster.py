"""The control plane: what is asked of pulumi_eks, the transform, kubeconfig, IAM documents."""

import asyncio
import json
from unittest.mock import Mock

import pulumi
import pytest
from pulumi.runtime.proto import callback_pb2, resource_pb2
from pulumi.runtime.rpc import deserialize_properties, serialize_properties

from infra import iam
from infra.cluster import limited_by, remote_node_networks
from infra.core_dns import configuration
from infra.credentials import with_identity

ROLE = "aws:iam/role:Role"
CLUSTER_ARN = "arn:aws:eks:ap-northeast-1:123456789012:cluster/eks-hybrid"


def arguments(type_="aws:eks/cluster:Cluster"):
    return pulumi.ResourceTransformArgs(
        custom=True, type_=type_, name="eks", props={"name": "x"}, opts=pulumi.ResourceOptions()
    )


def test_the_control_plane_is_made_without_aws_node_and_without_open_groups(dev):
    inputs = dev.one("eks:index:Cluster").inputs
    expected = {
        "name": "eks-hybrid",
        "version": "1.36",
        "kubernetesServiceIpAddressRange": "172.16.0.0/16",
        "endpointPublicAccess": True,
        "endpointPrivateAccess": False,
        "publicAccessCidrs": ["0.0.0.0/0"],
        "authenticationMode": "API",
        "bootstrapSelfManagedAddons": False,
        "useDefaultVpcCni": True,
        "skipDefaultNodeGroup": True,
        "skipDefaultSecurityGroups": True,
    }
    assert {key: inputs.get(key) for key in expected} == expected
    # Whatever is passed as public gets network interfaces of the control plane too.
    assert not {"publicSubnetIds", "subnetIds", "enabledClusterLogTypes", "vpcCniOptions"} & inputs.keys()
    private = [r.id for r in dev.of_type("aws:ec2/subnet:Subnet") if r.name.startswith("eks-private")]
    assert inputs["privateSubnetIds"] == private


def test_the_control_plane_carries_one_transform(dev):
    assert dev.one("eks:index:Cluster").options.transforms == 1


def test_the_transform_declares_the_on_premises_network_and_no_pod_network():
    result = remote_node_networks(["10.90.0.0/16"])(arguments())
    assert result is not None
    assert result.props == {
        "name": "x",
        "remoteNetworkConfig": {"remoteNodeNetworks": {"cidrs": ["10.90.0.0/16"]}},
    }


def test_the_transform_leaves_everything_else_alone():
    assert remote_node_networks(["10.90.0.0/16"])(arguments("aws:eks/addon:Addon")) is None


def test_every_role_gets_the_permissions_boundary_the_librarys_own_by_a_transform(record, dev):
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    recording = record(permissionsBoundaryArn=boundary)
    roles = {each.name: each.inputs.get("permissionsBoundary") for each in recording.of_type(ROLE)}
    assert roles == {"managed-node": boundary, "hybrid-node": boundary}
    assert recording.one("eks:index:Cluster").options.transforms == 2
    result = limited_by(boundary)(arguments(ROLE))
    assert result is not None
    assert result.props == {"name": "x", "permissionsBoundary": boundary}
    assert limited_by(boundary)(arguments()) is None
    assert not any("permissionsBoundary" in each.inputs for each in dev.of_type(ROLE))


def test_the_transform_survives_the_wire():
    """As the engine calls it: by gRPC message, through the SDK's own callback."""
    from pulumi.runtime._callbacks import _CallbackServicer

    async def call():
        servicer = _CallbackServicer(monitor=Mock())
        callback = servicer.register_transform(remote_node_networks(["10.90.0.0/16"]))
        request = resource_pb2.TransformRequest(
            type="aws:eks/cluster:Cluster",
            name="eks-eksCluster",
            custom=True,
            properties=await serialize_properties({"name": "x"}, {}),
        )
        answer = await servicer.Invoke(
            callback_pb2.CallbackInvokeRequest(token=callback.token, request=request.SerializeToString()),
            Mock(),
        )
        return resource_pb2.TransformResponse.FromString(answer.response)

    loop = asyncio.new_event_loop()
    try:
        response = loop.run_until_complete(call())
        assert deserialize_properties(response.properties)["remoteNetworkConfig"] == {
            "remoteNodeNetworks": {"cidrs": ["10.90.0.0/16"]}
        }
    finally:
        loop.close()


def test_control_plane_logs_get_a_group_that_goes_with_the_stack(record, dev):
    # EKS makes one itself and leaves it behind with logs kept for ever. Switched off and on again, it would have made
    # it before we could: so it is there without any logs too.
    assert dev.one("aws:cloudwatch/logGroup:LogGroup")
    recording = record(controlPlaneLogs=["audit"])
    group = recording.one("aws:cloudwatch/logGroup:LogGroup")
    assert group.inputs["name"] == "/aws/eks/eks-hybrid/cluster"
    assert group.inputs["retentionInDays"] == 14
    cluster = recording.one("eks:index:Cluster")
    assert cluster.inputs["enabledClusterLogTypes"] == ["audit"]
    assert group.urn in cluster.dependencies


def test_a_profile_reaches_the_programs_own_provider_and_not_the_exported_kubeconfig(record, dev):
    recording = record(**{"aws:profile": "lab"})
    own = json.loads(recording.one("pulumi:providers:kubernetes").inputs["kubeconfig"])
    assert own["users"][0]["user"]["exec"]["args"][-2:] == ["--profile", "lab"]
    assert "--profile" not in recording.stack_outputs["kubeconfig"]
    assert recording.one("eks:index:Cluster").inputs["providerCredentialOpts"] == {"profileName": "lab"}
    assert recording.stack_outputs["updateKubeconfig"].endswith("--name eks-hybrid --profile lab")
    assert "--profile" not in dev.one("pulumi:providers:kubernetes").inputs["kubeconfig"]
    assert "providerCredentialOpts" not in dev.one("eks:index:Cluster").inputs


def test_a_kubeconfig_without_a_profile_is_left_as_it_is():
    assert with_identity("{not even json", None) == "{not even json"


def test_the_kubernetes_provider_has_an_identity_that_outlives_its_kubeconfig(dev):
    inputs = dev.one("pulumi:providers:kubernetes").inputs
    assert inputs["clusterIdentifier"] == CLUSTER_ARN
    assert inputs["enableServerSideApply"] in (True, "true")


def test_what_a_killed_up_left_behind_is_adopted_and_a_config_map_changed_in_place(dev):
    inputs = dev.one("pulumi:providers:kubernetes").inputs
    for switch in ("upsertExistingObjects", "enablePatchForce", "enableConfigMapMutable"):
        assert inputs[switch] in (True, "true"), switch


def test_the_access_entry_lets_in_hybrid_nodes_and_gives_them_nothing_else(dev):
    entry = dev.one("aws:eks/accessEntry:AccessEntry")
    assert entry.inputs["type"] == "HYBRID_LINUX"
    assert entry.inputs["principalArn"] == dev.one(ROLE, "hybrid-node").outputs["arn"]
    assert not {"kubernetesGroups", "userName"} & entry.inputs.keys()
    assert not [r for r in dev.resources.values() if "accessPolicyAssociation" in r.type]


def test_hybrid_nodes_may_do_what_nodeadm_and_ssm_need_and_no_more(dev):
    role = dev.one(ROLE, "hybrid-node")
    assert json.loads(role.inputs["assumeRolePolicy"])["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ssm.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": "123456789012"},
                "ArnEquals": {"aws:SourceArn": "arn:aws:ssm:ap-northeast-1:123456789012:*"},
            },
        }
    ]
    policy = json.loads(dev.one("aws:iam/rolePolicy:RolePolicy", "hybrid-node").inputs["policy"])
    assert policy["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["eks:DescribeCluster", "eks:ListAccessEntries"],
            "Resource": CLUSTER_ARN,
        },
        {"Effect": "Allow", "Action": "eks-auth:AssumeRoleForPodIdentity", "Resource": CLUSTER_ARN},
        {"Effect": "Allow", "Action": "ssm:DescribeInstanceInformation", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "ssm:DeregisterManagedInstance",
            "Resource": "arn:aws:ssm:ap-northeast-1:123456789012:managed-instance/*",
            "Condition": {"StringEquals": {"ssm:resourceTag/EKSClusterARN": CLUSTER_ARN}},
        },
    ]


@pytest.mark.parametrize(
    ("role", "policies"),
    [
        ("hybrid-node", {"AmazonSSMManagedInstanceCore", "AmazonEC2ContainerRegistryPullOnly"}),
        (
            "managed-node",
            {
                "AmazonEKSWorkerNodePolicy",
                "AmazonEC2ContainerRegistryPullOnly",
                "AmazonSSMManagedInstanceCore",
            },
        ),
    ],
)
def test_each_kind_of_node_has_exactly_its_managed_policies(dev, role, policies):
    name = dev.one(ROLE, role).outputs["name"]
    attached = [
        r.inputs["policyArn"]
        for r in dev.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
        if r.inputs["role"] == name
    ]
    assert sorted(attached) == sorted(f"arn:aws:iam::aws:policy/{policy}" for policy in policies)


def test_managed_nodes_are_assumed_by_ec2_of_their_own_partition():
    principal = iam.ec2_trust(dns_suffix="amazonaws.com.cn")["Statement"][0]["Principal"]
    assert principal == {"Service": "ec2.amazonaws.com.cn"}


def test_coredns_prefers_different_zones_and_hosts_but_never_waits_for_a_second_one(dev):
    addon = dev.one("aws:eks/addon:Addon")
    assert addon.inputs["addonName"] == "coredns"
    # Otherwise an update stops at a field that somebody has changed by hand.
    assert addon.inputs["resolveConflictsOnCreate"] == addon.inputs["resolveConflictsOnUpdate"] == "OVERWRITE"
    sent = json.loads(addon.inputs["configurationValues"])
    assert sent == configuration(zones=2, most_nodes=5)
    # Keys that AWS documents, and no others: a refused configuration would end an up.
    assert set(sent) == {"autoScaling", "affinity", "topologySpreadConstraints"}
    assert [each["topologyKey"] for each in sent["topologySpreadConstraints"]] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    for spread in sent["topologySpreadConstraints"]:
        assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
        assert spread["labelSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}
        # Of a rollout the pods that leave do not count, or both new ones come to one node.
        assert spread["matchLabelKeys"] == ["pod-template-hash"]


def test_coredns_stays_on_managed_nodes(dev):
    sent = json.loads(dev.one("aws:eks/addon:Addon").inputs["configurationValues"])
    required = sent["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = required["nodeSelectorTerms"]
    assert {
        "key": "eks.amazonaws.com/compute-type",
        "operator": "NotIn",
        "values": ["hybrid"],
    } in term["matchExpressions"]


@pytest.mark.parametrize(
    ("zones", "nodes", "least", "most"), [(2, 4, 2, 10), (3, 4, 3, 10), (2, 160, 2, 10), (3, 161, 3, 11)]
)
def test_coredns_grows_with_the_nodes_and_has_one_replica_for_each_zone(zones, nodes, least, most):
    scaling = configuration(zones=zones, most_nodes=nodes)["autoScaling"]
    assert scaling == {"enabled": True, "minReplicas": least, "maxReplicas": most}


def test_the_add_ons_have_the_versions_that_belong_to_the_clusters(record):
    for version in ("1.34", "1.36"):
        recording = record(kubernetesVersion=version)
        proxy = recording.one("eks:index:Cluster").inputs["kubeProxyAddonOptions"]
        for pinned in (recording.one("aws:eks/addon:Addon").inputs["addonVersion"], proxy["version"]):
            assert pinned.startswith(f"v{version}.")
        asked = [args for token, args in recording.invokes if token.endswith(":getAddonVersion")]
        # AWS's defaults, not the newest: those change in a stack that nobody has changed.
        assert sorted(asked, key=lambda args: args["addonName"]) == [
            {"addonName": name, "kubernetesVersion": version}
            for name in ("coredns", "eks-pod-identity-agent", "kube-proxy")
        ]


@pytest.mark.parametrize("support", ["STANDARD", "EXTENDED"])
def test_the_support_type_reaches_the_control_plane(record, support):
    inputs = record(supportType=support).one("eks:index:Cluster").inputs
    assert inputs["upgradePolicy"] == {"supportType": support}


def test_administrators_get_the_policy_and_keep_it_until_the_last_hybrid_node_is_gone(record):
    admins = ["arn:aws:iam::123456789012:role/ci/pipeline", "arn:aws:iam::123456789012:user/me"]
    recording = record(clusterAdmins=admins)
    associations = recording.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    assert {each.inputs["principalArn"] for each in associations} == set(admins)
    assert {each.name for each in associations} == {
        "admin-123456789012:role/ci/pipeline",
        "admin-123456789012:user/me",
    }
    for association in associations:
        assert association.inputs["policyArn"] == (
            "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
        )
        assert association.inputs["accessScope"] == {"type": "cluster"}
        # What drains and removes hybrid nodes waits for their entry, so it goes before the administrators do.
        entry = recording.one("aws:eks/accessEntry:AccessEntry", "hybrid-nodes")
        assert association.urn in entry.dependencies
