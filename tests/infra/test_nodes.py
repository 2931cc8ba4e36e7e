"""Both kinds of node: images, disks, metadata, activations, and what makes a new generation."""

import pytest
import yaml

from infra.load_balancer import weights

INSTANCE = "aws:ec2/instance:Instance"
ACTIVATION = "aws:ssm/activation:Activation"
CLEANUP = "pulumi-python:dynamic/ekshybrid:NodeCleanup"
UBUNTU = "/aws/service/canonical/ubuntu/server/{}/stable/current/{}/hvm/{}/ami-id"
AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}"


def names(recording, type_):
    return sorted(r.name for r in recording.of_type(type_))


@pytest.mark.parametrize(
    ("os", "instance_type", "parameter"),
    [
        ("ubuntu-24.04", "t4g.medium", UBUNTU.format("24.04", "arm64", "ebs-gp3")),
        ("ubuntu-24.04", "t3.medium", UBUNTU.format("24.04", "amd64", "ebs-gp3")),
        ("ubuntu-22.04", "t4g.medium", UBUNTU.format("22.04", "arm64", "ebs-gp2")),
        ("ubuntu-22.04", "t3.medium", UBUNTU.format("22.04", "amd64", "ebs-gp2")),
        ("al2023", "t4g.medium", AL2023.format("arm64")),
        ("al2023", "t3.medium", AL2023.format("x86_64")),
    ],
)
def test_each_os_and_architecture_has_its_image(record, os, instance_type, parameter):
    from ops.program.fake_cloud import FakeCloud

    recording = record(hybridNodes=[{"name": "hybrid-1", "os": os, "instanceType": instance_type}])
    image = FakeCloud().invoke("aws:ssm/getParameter:getParameter", {"name": parameter})["insecureValue"]
    assert recording.one(INSTANCE).inputs["ami"] == image


def test_an_image_is_looked_up_once_however_many_nodes_use_it(record):
    recording = record(hybridNodes=[{"name": f"hybrid-{n}"} for n in range(1, 6)])
    assert len(recording.of_type(INSTANCE)) == 5
    assert [token for token, _ in recording.invokes].count("aws:ssm/getParameter:getParameter") == 1


def test_a_newer_image_replaces_no_node(dev):
    assert {r.options.ignore_changes for r in dev.of_type(INSTANCE)} == {("ami",)}


def test_a_hybrid_node_has_no_way_in_but_session_manager(dev):
    for instance in dev.of_type(INSTANCE):
        inputs = instance.inputs
        assert not {"keyName", "iamInstanceProfile"} & inputs.keys()
        assert inputs["associatePublicIpAddress"] is False
        # Left out, so that EC2's source/destination check stays on.
        assert "sourceDestCheck" not in inputs
        assert inputs["metadataOptions"] == {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
        }
        disk = inputs["rootBlockDevice"]
        assert (disk["encrypted"], disk["volumeType"], disk["volumeSize"]) == (True, "gp3", 30)
        assert disk["deleteOnTermination"] is True
        assert inputs["userDataReplaceOnChange"] is True


def test_a_managed_node_has_an_encrypted_disk_and_imdsv2(dev):
    inputs = dev.one("aws:ec2/launchTemplate:LaunchTemplate").inputs
    assert inputs["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }
    # What launches a node without naming a version takes the newest too.
    assert inputs["updateDefaultVersion"] is True
    (disk,) = inputs["blockDeviceMappings"]
    assert disk["deviceName"] == "/dev/xvda"
    assert disk["ebs"] == {
        "encrypted": "true",
        "volumeType": "gp3",
        "volumeSize": 30,
        "deleteOnTermination": "true",
    }
    managed = dev.one("aws:ec2/securityGroup:SecurityGroup", "managed")
    assert inputs["vpcSecurityGroupIds"] == [managed.id]
    assert "keyName" not in inputs


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ("AL2023_ARM_64_STANDARD", ["t4g.medium"], "ON_DEMAND", (1, 3, 2))),
        (
            {"instanceType": "t3.large,m5.large", "spot": True, "min": 2, "desired": 4, "max": 9},
            ("AL2023_x86_64_STANDARD", ["t3.large", "m5.large"], "SPOT", (2, 9, 4)),
        ),
    ],
)
def test_the_node_group_is_what_the_settings_say(record, settings, expected):
    inputs = record(managedNodes=settings).one("aws:eks/nodeGroup:NodeGroup").inputs
    scaling = inputs["scalingConfig"]
    sizes = (scaling["minSize"], scaling["maxSize"], scaling["desiredSize"])
    assert (inputs["amiType"], inputs["instanceTypes"], inputs["capacityType"], sizes) == expected
    assert inputs["version"] == "1.36"


def test_each_hybrid_node_has_an_activation_of_its_own_for_one_machine(dev):
    assert names(dev, ACTIVATION) == names(dev, CLEANUP) == names(dev, INSTANCE)
    arn = "arn:aws:eks:ap-northeast-1:123456789012:cluster/eks-hybrid"
    for activation in dev.of_type(ACTIVATION):
        assert activation.inputs["registrationLimit"] == 1
        # The default of 24 hours; AWS allows 30 days.
        assert "expirationDate" not in activation.inputs
        # Tags pass to the machine, and the role's policy asks for this one.
        assert activation.inputs["tags"]["EKSClusterARN"] == arn
        assert activation.inputs["iamRole"] == dev.one("aws:iam/role:Role", "hybrid-node").outputs["name"]
        # The provider has no update: a changed tag would replace the activation, and with it the node.
        assert set(activation.options.ignore_changes) == {
            "description",
            "expirationDate",
            "tags",
            "tagsAll",
        }


def test_a_nodes_user_data_carries_its_own_activation(dev):
    for instance in dev.of_type(INSTANCE):
        activation = dev.one(ACTIVATION, instance.name)
        files = {f["path"]: f for f in yaml.safe_load(instance.inputs["userData"])["write_files"]}
        ssm = yaml.safe_load(files["/etc/nodeadm/nodeConfig.yaml"]["content"])["spec"]["hybrid"]["ssm"]
        assert ssm == {
            "activationId": activation.id,
            "activationCode": activation.outputs["activationCode"],
        }


@pytest.mark.parametrize(
    "change",
    [
        {"os": "ubuntu-22.04"},
        {"instanceType": "t4g.large"},
        {"diskGiB": 40},
        {"zone": "osaka"},
        {"labels": {"rack": "r1"}},
        {"taints": ["dedicated=batch:NoSchedule"]},
    ],
)
def test_what_shapes_a_node_gives_it_a_new_activation_and_instance_and_leaves_others_alone(record, change):
    before = record(hybridNodes=[{"name": "a"}, {"name": "b"}])
    after = record(hybridNodes=[{"name": "a", **change}, {"name": "b"}])
    for type_ in (ACTIVATION, CLEANUP, INSTANCE):
        old, new = names(before, type_), names(after, type_)
        assert old[0] != new[0]
        assert old[1] == new[1]


@pytest.mark.parametrize(
    "change",
    [
        {"kubernetesVersion": "1.35"},
        {"nodeadmVersion": "v1.0.19"},
        {"clusterName": "other"},
    ],
)
def test_what_shapes_all_nodes_gives_all_of_them_a_new_generation(record, dev, change):
    assert not set(names(record(**change), INSTANCE)) & set(names(dev, INSTANCE))


@pytest.mark.parametrize(
    "change",
    [{"sampleNodePort": 31000}, {"managedNodes": {"max": 5}}, {"apiAllowedCidrs": ["203.0.113.0/24"]}],
)
def test_what_does_not_concern_a_node_leaves_it_alone(record, dev, change):
    assert names(record(**change), INSTANCE) == names(dev, INSTANCE)


def test_targets_are_registered_by_the_program(dev):
    groups = {r.name: r for r in dev.of_type("aws:lb/targetGroup:TargetGroup")}
    assert {name: r.inputs["targetType"] for name, r in groups.items()} == {
        "managed": "instance",
        "hybrid": "ip",
    }
    attachment = dev.one("aws:autoscaling/attachment:Attachment").inputs
    assert attachment["lbTargetGroupArn"] == groups["managed"].outputs["arn"]
    group = dev.one("aws:eks/nodeGroup:NodeGroup").outputs["resources"][0]["autoscalingGroups"][0]["name"]
    assert attachment["autoscalingGroupName"] == group
    targets = dev.of_type("aws:lb/targetGroupAttachment:TargetGroupAttachment")
    assert {t.inputs["targetId"] for t in targets} == {r.outputs["privateIp"] for r in dev.of_type(INSTANCE)}
    for target in targets:
        assert target.inputs["targetGroupArn"] == groups["hybrid"].outputs["arn"]
        # Addresses outside the load balancer's VPC belong to no zone of it.
        assert target.inputs["availabilityZone"] == "all"
        assert target.inputs["port"] == 30080


def test_the_listener_shares_requests_by_the_number_of_nodes(record):
    recording = record(managedNodes={"desired": 3}, hybridNodes=[{"name": "a"}])
    arns = {r.outputs["arn"]: r.name for r in recording.of_type("aws:lb/targetGroup:TargetGroup")}
    (action,) = recording.one("aws:lb/listener:Listener").inputs["defaultActions"]
    found = {arns[g["arn"]]: g["weight"] for g in action["forward"]["targetGroups"]}
    assert found == {"managed": 3, "hybrid": 1}


@pytest.mark.parametrize(
    ("managed", "hybrid", "expected"),
    [(2, 1, (2, 1)), (450, 999, (450, 999)), (1, 5000, (1, 999)), (0, 3, (0, 3))],
)
def test_weights_stay_within_what_a_listener_takes(managed, hybrid, expected):
    assert weights(managed=managed, hybrid=hybrid) == expected


def test_targets_are_dropped_quickly_and_probed_often(dev):
    for group in dev.of_type("aws:lb/targetGroup:TargetGroup"):
        assert group.inputs["deregistrationDelay"] == 30
        assert group.inputs["healthCheck"] == {
            "path": "/",
            "matcher": "200",
            "interval": 10,
            "timeout": 5,
            "healthyThreshold": 2,
            "unhealthyThreshold": 2,
        }
        assert group.inputs["port"] == 30080
    assert dev.one("aws:lb/loadBalancer:LoadBalancer").inputs["dropInvalidHeaderFields"] is True


def test_no_nodes_resources_are_meant_by_a_pattern_of_another_ones_name(record):
    # `*` in --replace and --target stands for anything but a colon.
    recording = record(hybridNodes=[{"name": "edge"}, {"name": "edge-2"}])
    for type_ in (ACTIVATION, CLEANUP, INSTANCE):
        assert [name.partition(".")[0] for name in names(recording, type_)] == ["edge-2", "edge"]
        assert len([name for name in names(recording, type_) if name.startswith("edge.")]) == 1
