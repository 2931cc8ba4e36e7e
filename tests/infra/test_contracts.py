"""What holds for every resource of the program, whatever it is."""

import inspect
import pkgutil
import re
from importlib import import_module

import pulumi
import pulumi_aws
import pytest

import infra
import k8s
from ops.program.recorder import Recording, scalars

# A type token is part of every URN below it: changing one replaces everything in that component.
COMPONENTS = {
    "ekshybrid:calico:Calico",
    "ekshybrid:calico:CalicoControllers",
    "ekshybrid:cluster:HybridCluster",
    "ekshybrid:core_dns:CoreDns",
    "ekshybrid:firewall:Firewall",
    "ekshybrid:fixed_settings:FixedSettings",
    "ekshybrid:hybrid_dns:HybridDns",
    "ekshybrid:hybrid_nodes:HybridNode",
    "ekshybrid:hybrid_nodes:HybridNodes",
    "ekshybrid:load_balancer:LoadBalancer",
    "ekshybrid:managed_nodes:ManagedNodes",
    "ekshybrid:metrics_server:MetricsServer",
    "ekshybrid:network:Vpc",
    "ekshybrid:network:VpcPeering",
    "ekshybrid:nw_check:NwCheck",
    "ekshybrid:sample_app:SampleApp",
}
# Those of a data centre of one's own, which take the place of some.
OWN_COMPONENTS = {"ekshybrid:own_machine:OwnMachine", "ekshybrid:site:DataCentreLink"}
STACK_TAG = "eks-hybrid-calico:stack"


def component_classes() -> list[type]:
    modules = [
        import_module(f"{room.__name__}.{module.name}")
        for room in (infra, k8s)
        for module in pkgutil.iter_modules(room.__path__)
    ]
    return [
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, pulumi.ComponentResource)
        and value.__module__ == module.__name__
    ]


def takes_tags(token: str) -> bool:
    match = re.fullmatch(r"aws:(\w+)/\w+:(\w+)", token)
    assert match, token
    module, name = match.groups()
    constructor = inspect.signature(getattr(getattr(pulumi_aws, module), name)._internal_init)
    return "tags" in constructor.parameters


def test_every_component_has_a_listed_type_token(dev, own):
    assert {r.type for r in dev.resources.values() if r.type.startswith("ekshybrid:")} == COMPONENTS
    in_place_of = {"ekshybrid:hybrid_nodes:HybridNode", "ekshybrid:network:VpcPeering"}
    of_own = {r.type for r in own.resources.values() if r.type.startswith("ekshybrid:")}
    assert of_own == COMPONENTS - in_place_of | OWN_COMPONENTS
    assert len(component_classes()) == len(COMPONENTS | OWN_COMPONENTS), (
        "a component that no stack here uses, or a new one"
    )


def test_every_component_takes_its_name_then_frozen_keyword_only_args_then_options():
    for component in component_classes():
        parameters = list(inspect.signature(component).parameters.values())
        assert parameters[0].name == "name"
        assert parameters[1].name == "args"
        assert parameters[-1].name == "opts"
        args = inspect.signature(component, eval_str=True).parameters["args"].annotation
        assert args.__dataclass_params__.frozen, args
        assert all(p.kind is p.KEYWORD_ONLY for p in inspect.signature(args).parameters.values()), args


def test_no_urn_is_used_twice(dev):
    assert dev.duplicate_urns == ()
    assert len(dev.resources) > 100


def test_every_resource_stands_in_a_component_of_ours(dev):
    for resource in dev.resources.values():
        if resource.type.startswith("ekshybrid:"):
            continue
        assert dev.resources[resource.parent].type in COMPONENTS, resource.urn


def test_the_program_warns_of_open_lists_and_of_nothing_else(dev):
    # A deprecated resource or argument would be warned of here.
    assert [text.split()[0] for _, text in dev.messages] == [
        "eks-hybrid-calico:apiAllowedCidrs[0]",
        "eks-hybrid-calico:albAllowedCidrs[0]",
    ]


def test_only_hybrid_nodes_nest(dev):
    nested = {r.type for r in dev.resources.values() if r.type in COMPONENTS and r.parent}
    assert nested == {"ekshybrid:hybrid_nodes:HybridNode"}


def test_no_input_holds_a_value_that_was_never_there(dev):
    for resource in dev.resources.values():
        for path, value in scalars(dict(resource.inputs)):
            text = str(value)
            assert value is not None, f"{resource.urn} {path}"
            for wrong in ("Calling __str__", "<pulumi.output", "object at 0x", ": null", '"null"', "None"):
                assert wrong not in text, f"{resource.urn} {path}: {text[:80]}"


def test_every_taggable_resource_is_tagged_as_this_stacks(dev):
    taggable = [r for r in dev.resources.values() if r.type.startswith("aws:") and takes_tags(r.type)]
    assert len(taggable) > 60
    for resource in taggable:
        assert resource.inputs["tags"][STACK_TAG] == "eks-hybrid-calico/dev", resource.urn
        # AWS takes 50, and the settings let aws:defaultTags have 40.
        assert len(resource.inputs["tags"]) <= 10, resource.urn
    assert dev.one("eks:index:Cluster").inputs["tags"][STACK_TAG] == "eks-hybrid-calico/dev"


def test_what_nodes_are_made_of_is_tagged_too(dev):
    template = dev.one("aws:ec2/launchTemplate:LaunchTemplate").inputs
    tagged = {s["resourceType"]: s["tags"][STACK_TAG] for s in template["tagSpecifications"]}
    assert tagged == dict.fromkeys(("instance", "volume", "network-interface"), "eks-hybrid-calico/dev")
    # The stack's aws:defaultTags too: the provider adds them to its own resources only.
    assert {s["tags"]["Purpose"] for s in template["tagSpecifications"]} == {"demonstration"}
    for instance in dev.of_type("aws:ec2/instance:Instance"):
        # Those of root_block_device come after the start, when a policy that demands tags has refused it already.
        assert instance.inputs["volumeTags"] == instance.inputs["tags"]
        assert "tags" not in instance.inputs["rootBlockDevice"]


def test_secrets_stay_secret(dev):
    code = dev.of_type("aws:ssm/activation:Activation")[0].outputs["activationCode"]
    for resource in dev.resources.values():
        for path, value in scalars(dict(resource.inputs)):
            if code in str(value) or "get-token" in str(value):
                assert any(path.startswith(secret) for secret in resource.secrets), f"{resource.urn} {path}"
    for instance in dev.of_type("aws:ec2/instance:Instance"):
        assert "userData" in instance.secrets
        assert "activationCode" in instance.inputs["userData"]
    for activation in dev.of_type("aws:ssm/activation:Activation"):
        assert activation.options.additional_secret_outputs == ("activationCode",)
    assert "kubeconfig" in dev.one("pulumi:providers:kubernetes").secrets
    assert dev.secret_outputs == {"kubeconfig"}
    shown = {k: v for k, v in dev.stack_outputs.items() if k not in dev.secret_outputs}
    assert code not in str(shown)


@pytest.mark.parametrize(
    ("partition", "region", "suffix"),
    [
        ("aws-cn", "cn-north-1", "amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
    ],
)
def test_no_other_partition_sees_an_arn_of_the_commercial_one(record_in, partition, region, suffix):
    recording: Recording = record_in(partition=partition, region=region, dns_suffix=suffix)
    texts = [str(value) for r in recording.resources.values() for _, value in scalars(dict(r.inputs))]
    arns = [text for text in texts if "arn:" in text]
    assert len(arns) > 10
    assert not [text for text in arns if re.search(r"arn:aws:", text)]
    trust = recording.one("aws:iam/role:Role", "managed-node").inputs["assumeRolePolicy"]
    assert f"ec2.{suffix}" in trust


def test_two_stacks_share_no_physical_name(dev):
    # What Pulumi names itself gets a random suffix. These are the only names that the program fixes.
    fixed = {
        (r.type, key)
        for r in dev.resources.values()
        if r.type.startswith(("aws:", "eks:"))
        for key in ("name", "namePrefix", "nodeGroupName", "bucket")
        if key in r.inputs
    }
    # An activation's name is a label, not an identity. The cluster's is the setting clusterName, and the group of its
    # logs has its name from EKS.
    assert fixed == {
        ("aws:ssm/activation:Activation", "name"),
        ("eks:index:Cluster", "name"),
        ("aws:cloudwatch/logGroup:LogGroup", "name"),
    }


def test_names_that_aws_limits_leave_room_for_pulumis_suffix(dev):
    limits = {
        "aws:lb/loadBalancer:LoadBalancer": 32,
        "aws:lb/targetGroup:TargetGroup": 32,
        "aws:iam/role:Role": 64,
    }
    for type_, limit in limits.items():
        found = dev.of_type(type_)
        assert found
        assert all(len(r.name) + 8 <= limit for r in found)
