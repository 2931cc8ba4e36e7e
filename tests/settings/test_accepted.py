"""What the program gets: values, types, defaults, and where they are read from."""

import contextvars
import json
import subprocess
import sys
from pathlib import Path

import pulumi
import pytest
from pydantic import ValidationError

import settings
from infra import versions
from tests.settings.conftest import PROJECT

DIGEST = "0123456789abcdef" * 4


def test_only_the_region_has_to_be_set(raw):
    assert settings.parse({"aws:region": "eu-west-1"}, project=PROJECT).region == "eu-west-1"
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse({key: value for key, value in raw().items() if key != "aws:region"}, project=PROJECT)
    assert caught.value.problems == (
        "aws:region is not set. Set the AWS region to build in, e.g. pulumi config set aws:region ap-northeast-1",
    )


@pytest.mark.parametrize("region", ["tokyo", "", "ap-northeast-1a", "AP-NORTHEAST-1"])
def test_a_region_that_is_no_region_is_rejected_together_with_what_else_is_wrong(raw, region):
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse(raw(podCidr="10.10.0.0/16") | {"aws:region": region}, project=PROJECT)
    first, second = caught.value.problems
    assert first == (
        f"aws:region {region or json.dumps(region)} is not the name of an AWS region. Set one,"
        " e.g. pulumi config set aws:region ap-northeast-1"
    )
    assert "podCidr" in second


@pytest.mark.parametrize(
    "region", ["us-gov-west-1", "cn-northwest-1", "us-iso-east-1", "eusc-de-east-1", "ap-southeast-7"]
)
def test_regions_of_every_partition_are_taken(raw, region):
    assert settings.parse(raw() | {"aws:region": region}, project=PROJECT).region == region


def test_the_profile_is_pulumis_own_setting(raw):
    assert settings.parse(raw(), project=PROJECT).profile is None
    assert settings.parse(raw() | {"aws:profile": ""}, project=PROJECT).profile is None
    assert settings.parse(raw() | {"aws:profile": "team a"}, project=PROJECT).profile == "team a"


def test_settings_of_other_namespaces_are_not_looked_at(raw):
    found = settings.parse(
        raw() | {"aws:defaultTags": "{}", "kubernetes:context": "x", "pulumi:tags": "{}"}, project=PROJECT
    )
    assert found == settings.parse(raw(), project=PROJECT)


def test_the_defaults_are_the_ones_of_the_design(parse):
    found = parse()
    assert found.cluster_name == "eks-hybrid"
    assert (found.kubernetes_version, found.calico_version, found.nodeadm_version) == (
        "1.36",
        "3.32.1",
        "v1.0.20",
    )
    assert (found.vpc_cidr, found.on_prem_vpc_cidr) == ("10.10.0.0/16", "10.90.0.0/16")
    assert (found.pod_cidr, found.service_cidr) == ("192.168.0.0/16", "172.16.0.0/16")
    assert (found.availability_zones, found.sample_node_port) == (2, 30080)
    assert found.managed_nodes.instance_types == ("t4g.medium",)
    assert (found.managed_nodes.min, found.managed_nodes.desired, found.managed_nodes.max) == (1, 2, 3)
    assert (found.managed_nodes.spot, found.managed_nodes.disk_gib) == (False, 30)
    (node,) = found.hybrid_nodes
    assert (node.name, node.instance_type, node.os, node.disk_gib) == (
        "hybrid-1",
        "t4g.medium",
        "ubuntu-24.04",
        30,
    )
    assert found.api_allowed_cidrs == found.alb_allowed_cidrs == ("0.0.0.0/0",)
    assert found.control_plane_logs == ()
    assert found.calico_manifest is None
    assert found.calico_manifest_sha256 is None
    assert found.nodeadm_digests == {"arm64": None, "amd64": None}


def test_a_map_that_is_set_in_part_keeps_the_other_defaults(parse):
    group = parse(managedNodes={"max": 7}).managed_nodes
    assert (group.min, group.desired, group.max, group.disk_gib) == (1, 2, 7, 30)
    assert parse(hybridNodes=[{"name": "a", "os": "al2023"}]).hybrid_nodes[0].disk_gib == 30


def test_numbers_and_booleans_may_come_as_text_as_from_a_yaml_file_with_quotes(parse):
    found = parse(
        availabilityZones="3",
        managedNodes={"min": "2", "spot": "true", "diskGiB": "40"},
        hybridNodes=[{"name": 7, "diskGiB": "50"}],
    )
    assert found.availability_zones == 3
    assert (found.managed_nodes.min, found.managed_nodes.spot, found.managed_nodes.disk_gib) == (2, True, 40)
    assert (found.hybrid_nodes[0].name, found.hybrid_nodes[0].disk_gib) == ("7", 50)


def test_several_instance_types_of_one_architecture_make_a_group(parse):
    group = parse(managedNodes={"instanceType": "t4g.medium, m7g.medium,t4g.medium"}).managed_nodes
    assert group.instance_types == ("t4g.medium", "m7g.medium")
    assert group.architecture == "arm64"
    assert parse(managedNodes={"instanceType": "t3.medium,c5.large"}).managed_nodes.architecture == "amd64"


def test_a_hybrid_node_knows_its_architecture(parse):
    nodes = parse(hybridNodes=[{"name": "a"}, {"name": "b", "instanceType": "t3.medium"}]).hybrid_nodes
    assert [node.architecture for node in nodes] == ["arm64", "amd64"]


@pytest.mark.parametrize("system", ["ubuntu-24.04", "ubuntu-22.04", "al2023"])
def test_the_operating_systems_of_the_design_are_taken(parse, system):
    assert parse(hybridNodes=[{"name": "a", "os": system}]).hybrid_nodes[0].os == system


def test_every_control_plane_log_of_eks_can_be_chosen(parse):
    logs = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
    assert parse(controlPlaneLogs=logs).control_plane_logs == tuple(logs)


def test_another_manifest_may_be_named_with_its_digest_or_without(parse):
    assert parse(kubernetesVersion="1.35", calicoVersion="3.31.7").calico_release == versions.calico_release(
        "3.31.7"
    )
    mirror = parse(calicoManifest="mirror/calico.yaml")
    assert (mirror.calico_manifest, mirror.calico_manifest_sha256) == ("mirror/calico.yaml", None)
    changed = parse(calicoManifest="https://mirror.example/calico.yaml", calicoManifestSha256=DIGEST.upper())
    assert changed.calico_manifest == "https://mirror.example/calico.yaml"
    assert changed.calico_manifest_sha256 == DIGEST


def test_empty_texts_are_settings_that_are_not_set(parse):
    assert parse(calicoManifest="", calicoManifestSha256="", nodeadmSha256={}) == parse()


def test_settings_cannot_be_changed(parse):
    found = parse()
    with pytest.raises(ValidationError):
        found.region = "eu-west-1"
    with pytest.raises(ValidationError):
        found.managed_nodes.max = 9
    with pytest.raises(ValidationError):
        found.hybrid_nodes[0].os = "al2023"


@pytest.fixture(autouse=True)
def _called(monkeypatch):
    monkeypatch.setattr(pulumi, "get_project", lambda: PROJECT)


def _in_own_context(function):
    """Pulumi keeps configuration in a context variable: leave the one of the other tests alone."""
    return contextvars.copy_context().run(function)


def test_settings_are_loaded_from_the_environment_that_the_cli_sets(raw, monkeypatch):
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(raw(clusterName="from-the-cli")))
    loaded = _in_own_context(lambda: (pulumi.runtime.set_all_config({}), settings.load())[1])
    assert loaded.cluster_name == "from-the-cli"


def test_settings_that_are_set_in_the_process_win(raw, monkeypatch):
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(raw(clusterName="from-the-cli", podCidr="10.0.0.0/12")))

    def load():
        pulumi.runtime.set_all_config({f"{PROJECT}:clusterName": "from-the-process"})
        return settings.load()

    with pytest.raises(settings.SettingsError, match="podCidr"):
        _in_own_context(load)
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(raw(clusterName="from-the-cli")))
    assert _in_own_context(load).cluster_name == "from-the-process"


def test_pulumi_prints_a_settings_error_without_a_traceback(raw, monkeypatch):
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(raw(nope="1")))
    with pytest.raises(settings.SettingsError) as caught:
        _in_own_context(lambda: (pulumi.runtime.set_all_config({}), settings.load()))
    # The SDK prints the text of a RunError alone.
    assert isinstance(caught.value, pulumi.RunError)
    assert str(caught.value).startswith(
        "The settings of this stack cannot be used:\n  eks-hybrid-calico:nope is not"
    )
    assert len(caught.value.problems) == 1


def test_importing_the_settings_imports_no_pulumi():
    program = "import sys, settings; sys.exit(any(name.partition('.')[0].startswith('pulumi') for name in sys.modules))"
    root = Path(settings.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0


def test_any_release_of_a_known_calico_line_may_be_set_with_its_digest(parse):
    newer = parse(calicoVersion="3.32.4", calicoManifestSha256=DIGEST)
    assert (newer.calico_release.version, newer.calico_release.sha256) == ("3.32.4", None)
    newest = parse(kubernetesVersion="1.37", calicoVersion="3.33.1", calicoManifestSha256=DIGEST)
    assert newest.calico_release.line is versions.CALICO_LINES["3.33"]


def test_a_digest_that_the_table_has_meanwhile_may_stay_in_the_stack(parse):
    known = versions.CALICO_SHA256["3.32.1"]
    assert parse(calicoManifestSha256=known).calico_manifest_sha256 == known


def test_nodeadm_has_the_digests_of_the_table_where_the_settings_have_none(parse, monkeypatch):
    table = {"v1.0.20": {"arm64": "a" * 64, "amd64": "b" * 64}}
    monkeypatch.setattr(versions, "NODEADM_SHA256", table)
    assert parse().nodeadm_digests == table["v1.0.20"]
    assert parse(nodeadmVersion="v1.0.21").nodeadm_digests == {"arm64": None, "amd64": None}
    assert parse(nodeadmSha256={"arm64": DIGEST}).nodeadm_digests == {"arm64": DIGEST, "amd64": None}


def test_the_default_tags_of_the_provider_are_read(parse):
    raw = {"aws:defaultTags": '{"tags": {"Owner": "the network team", "Cost": 12}}'}
    found = settings.parse({"aws:region": "ap-northeast-1", **raw}, project=PROJECT)
    assert found.default_tags.tags == {"Owner": "the network team", "Cost": "12"}
    assert parse().default_tags.tags == {}


def test_a_mistake_in_the_default_tags_is_named_by_its_own_key():
    with pytest.raises(
        settings.SettingsError, match=r"aws:defaultTags\.Tags is not a setting of aws:defaultTags"
    ):
        settings.parse(
            {"aws:region": "ap-northeast-1", "aws:defaultTags": '{"Tags": {"Owner": "me"}}'}, project=PROJECT
        )


@pytest.mark.parametrize(
    ("tags", "wrong"),
    [
        ({"aws:owner": "me"}, "has the key aws:owner, and aws: is reserved for AWS"),
        ({"Owner": "me", "owner": "you"}, "has Owner and owner, which are one key for IAM"),
        ({f"tag-{number}": "" for number in range(41)}, "has 41 tags. 40 are possible"),
    ],
)
def test_default_tags_that_aws_refuses_half_way_are_refused_before(tags, wrong):
    raw = {"aws:region": "ap-northeast-1", "aws:defaultTags": json.dumps({"tags": tags})}
    with pytest.raises(settings.SettingsError, match=wrong) as error:
        settings.parse(raw, project=PROJECT)
    key = list(tags)[-1]
    assert f"pulumi config rm --path 'aws:defaultTags.tags[\"{key}\"]'" in str(error.value)


def test_support_is_standard_unless_somebody_pays_for_more(parse):
    assert parse().support_type == "STANDARD"
    assert parse(supportType="EXTENDED").support_type == "EXTENDED"


def test_the_port_of_a_sample_app_that_is_not_there_is_free_for_a_webhook(parse, problems):
    assert parse(sampleApp=False, webhookPorts=[30080]).webhook_ports == (30080,)
    assert len(problems(webhookPorts=[30080])) == 1
