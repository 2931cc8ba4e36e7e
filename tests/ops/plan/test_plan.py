"""`ops plan`: what it shows, what it hides, how it fails."""

import dataclasses
import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from k8s import calico_source
from ops.cli import app
from ops.clients.stack_config import stack_config
from ops.plan import evaluation
from ops.plan.billing import billed, estimate
from ops.plan.command import overrides
from ops.plan.describe import look_up
from ops.plan.report import masked, show, show_full, to_json
from ops.program import recorder, running

ROOT = Path(__file__).parents[3]
INSTANCE = "aws:ec2/instance:Instance"


@pytest.fixture(scope="module", autouse=True)
def no_cli():
    """Whatever stacks this machine's Pulumi CLI may know are not asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ops.clients.stack_config.shutil.which", lambda _name: None)
        patch.setattr("ops.clients.tools.selected_stack", lambda _folder: None)
        yield


@pytest.fixture(scope="module")
def plan(config):
    # Session-wide recordings are made by `record`; this one goes the whole way of the command.
    return evaluation.plan_stack("dev", {k: v for k, v in config().items() if "calicoManifest" in k})


@pytest.fixture(scope="module")
def text(plan):
    return shown(plan, full=True)


@pytest.fixture(scope="module")
def short(plan):
    return shown(plan, width=80)


def shown(plan, width=100, *, full=False):
    out = io.StringIO()
    (show_full if full else show)(plan, Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


def run(*arguments):
    return CliRunner().invoke(app, ["plan", *arguments])


@pytest.fixture
def no_network(monkeypatch):
    def unreachable(*_args, **_kwargs):
        raise calico_source.CalicoManifestUnavailableError("Calico 3.32.1: no network here")

    monkeypatch.delenv("CALICO_MANIFEST", raising=False)
    monkeypatch.setattr("k8s.calico_manifest.fetch", unreachable)


def test_the_title_promises_no_more_than_was_done(text):
    assert "Not a diff against an account" in text


def test_no_secret_is_shown_anywhere(plan, text):
    codes = [r.outputs["activationCode"] for r in plan.recording.of_type("aws:ssm/activation:Activation")]
    assert len(codes) == 2
    document = to_json(plan)
    for code in [*codes, "get-token", "activationCode:"]:
        assert code not in text
        assert code not in document
    assert re.search(r"kubeconfig +\[secret\]", text)
    assert json.loads(document)["outputs"]["kubeconfig"] == "[secret]"


def test_json_has_every_resource_and_flow(plan):
    document = json.loads(to_json(plan))
    assert len(document["resources"]) == len(plan.recording.resources)
    assert all(flow["open"] for flow in document["flows"])
    assert len(document["flows"]) > 15
    waits = {r["urn"]: r["waitsFor"] for r in document["resources"]}
    instance = plan.recording.of_type(INSTANCE)[0]
    assert len(waits[instance.urn]) >= 8
    assert document["counts"][INSTANCE] == 2
    assert (document["schema"], document["verdict"], document["exitCode"]) == (1, "pass", 0)
    assert document["estimate"]["seconds"]["low"] < document["estimate"]["seconds"]["high"]
    assert document["estimate"]["chain"][0]["startsAt"] == 0
    gateways = {"component": "NAT gateway", "count": "2", "by": "hour, and GiB through it", "usdAnHour": 0.09}
    assert gateways in document["billed"]
    assert [each["listener"] for each in document["exposed"]] == ["ALB", "API endpoint"]
    assert document["warnings"][0].startswith("eks-hybrid-calico:apiAllowedCidrs[0] 0.0.0.0/0")


def test_the_flows_the_exposure_and_the_time_it_takes_stand_in_the_plan(text):
    for words in ("Required flows", "Reachable from the internet", "How long pulumi up takes", "An estimate"):
        assert words in text
    assert text.index(" resources") < text.index("Required flows") < text.rindex("Outputs")


def test_what_a_person_decides_on_fits_one_screen_and_starts_with_the_verdict(short):
    lines = short.splitlines()
    assert lines[0] == "Plan of stack dev: can be built. To build it: make up"
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 80
    words = " ".join(short.split())
    for part in (
        "24 of 24 that the cluster needs are open, there and back",
        "can reach ALB tcp 80 from 0.0.0.0/0; API endpoint tcp 443 from 0.0.0.0/0 (as the settings say)",
        "warnings 2, below",
        "Warning: eks-hybrid-calico:albAllowedCidrs[0]",
        "HybridCluster eks 10 Kubernetes 1.36",
        "HybridNodes hybrid 8 2 x t4g.medium",
        "EC2 t4g.medium 2 hybrid, 2 managed hour",
        "albUrl http://",
    ):
        assert part in words
    assert re.search(r"time about \d+ minutes \(\d+ to \d+\), an estimate", words)
    assert "SecurityGroup control-plane" not in short


def test_every_component_is_there_and_the_counts_add_up(plan, short):
    built = short[short.index("What it builds") : short.index("What is billed")].splitlines()[2:]
    rows = [line.split() for line in built if line.strip()]
    assert [row[0] for row in rows] == [
        "FixedSettings",
        "Vpc",
        "Vpc",
        "VpcPeering",
        "Firewall",
        "HybridCluster",
        "Calico",
        "CalicoControllers",
        "ManagedNodes",
        "HybridNodes",
        "LoadBalancer",
        "CoreDns",
        "HybridDns",
        "MetricsServer",
        "NwCheck",
        "SampleApp",
    ]
    made = [each for each in plan.recording.resources.values() if each.custom or each.remote]
    assert sum(int(row[2]) for row in rows) == len(made)
    assert f"resources  {len(made)}" in short


def test_the_full_report_starts_with_the_short_one(plan, short):
    assert shown(plan, width=80, full=True).startswith(short)


def test_a_section_can_be_had_alone(config):
    given = [part for k, v in config().items() if "calicoManifest" in k for part in ("--config", f"{k}={v}")]
    flows_alone, waits_alone = run("--flows", *given).stdout, run("--waits", *given).stdout
    assert "Required flows" in flows_alone
    assert "How long pulumi up takes" in waits_alone
    for absent in ("What is billed", "albUrl"):
        assert absent not in flows_alone + waits_alone
    assert "Required flows" not in waits_alone


def test_what_is_billed_is_counted_from_the_plan(record):
    recording = record(
        hybridNodes=[{"name": "a", "instanceType": "m7g.large", "diskGiB": 50}, {"name": "b"}],
        managedNodes={"desired": 3, "spot": True},
        controlPlaneLogs=["api", "audit"],
        availabilityZones=3,
    )
    assert {row.component: row.count for row in billed(recording)} == {
        "EKS control plane": "1",
        "EKS Hybrid Nodes": "2 nodes",
        "EC2 m7g.large": "1 hybrid",
        "EC2 t4g.medium": "1 hybrid, 3 managed spot",
        "EBS gp3": "4 disks of 30 GiB, 1 disk of 50 GiB",
        "NAT gateway": "2",
        "public IPv4 address": "2 for NAT, 3 for the ALB",
        "Application Load Balancer": "1",
        "CloudWatch Logs": "2 logs",
        "traffic across": "zones, the peering",
    }


def test_the_estimate_of_the_dev_stack_is_the_one_in_the_readme(dev, short):
    # Control plane, 2 hybrid nodes of 2 vCPUs, 4 machines, 2 NAT gateways, 4 addresses, the load balancer, 120 GiB.
    usd = 0.10 + 4 * 0.02 + 4 * 0.0336 + 2 * 0.045 + 4 * 0.005 + 0.0225 + 120 * 0.08 / 730
    cost = estimate(billed(dev))
    assert cost.usd_an_hour == pytest.approx(usd)
    assert cost.extended_usd_an_hour == pytest.approx(usd + 0.50)
    assert cost.without == ("traffic across",)
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for words in ("0.46 USD an hour, 11 a day", "0.96 USD an hour, 23 a day"):
        assert words in " ".join(short.split())
        assert words in readme
    assert "could not be verified" in readme


def test_what_has_no_price_is_named_and_not_counted(record):
    rows = billed(record(hybridNodes=[{"name": "a", "instanceType": "m7g.large"}], controlPlaneLogs=["api"]))
    assert estimate(rows).without == (
        "EKS Hybrid Nodes",
        "EC2 m7g.large",
        "CloudWatch Logs",
        "traffic across",
    )


@pytest.mark.usefixtures("no_network")
def test_without_a_network_the_plan_says_so_and_goes_on_without_a_second_evaluation(monkeypatch):
    runs = []

    def evaluated(*arguments, **settings):
        runs.append(arguments)
        return recorder.evaluate(*arguments, **settings)

    monkeypatch.setattr(running, "evaluate", evaluated)
    found = evaluation.plan_stack("dev", {})
    assert len(runs) == 1
    assert "Shown without Calico's own objects. Calico 3.32.1: no network here" in found.notes[0]
    group = found.recording.one("kubernetes:yaml/v2:ConfigGroup", "calico")
    assert group.inputs["objs"] == []
    assert len(found.recording.resources) > 100
    assert "no network here" in shown(found)
    assert "Plan of stack dev: Calico's manifest was not read, the rest can be built. See the note" in shown(
        found
    )


def test_the_environment_names_a_manifest_and_the_setting_wins(monkeypatch):
    monkeypatch.setenv("CALICO_MANIFEST", "/nowhere/from-environment.yaml")
    with pytest.raises(calico_source.CalicoManifestError, match="from-environment"):
        evaluation.plan_stack("dev", {})
    with pytest.raises(calico_source.CalicoManifestError, match="from-setting"):
        evaluation.plan_stack("dev", {"calicoManifest": "/nowhere/from-setting.yaml"})


def test_bad_settings_are_an_error_with_code_2_and_no_traceback():
    tried = ("podCidr=10.10.0.0/16", "hybridNodes[1].os=beos", "podCdir=1")
    done = run(*(part for each in tried for part in ("--config", each)))
    # It is in no stack's file, so there is nothing to remove there.
    assert "podCdir is not a setting. Do you mean podCidr? Leave it out. Valid are" in done.stderr
    assert done.exit_code == 2
    assert "podCidr 10.10.0.0/16 overlaps vpcCidr" in done.stderr
    assert "hybridNodes[1].os beos is not one of" in done.stderr
    assert "Traceback" not in done.output


def in_folder(monkeypatch, tmp_path, text):
    """Let the command find a project whose stack dev has this file."""
    for part in ("Pulumi.yaml", "Pulumi.README.md", "__main__.py"):
        (tmp_path / part).write_bytes((ROOT / part).read_bytes())
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    monkeypatch.setattr(evaluation, "PROJECT_DIR", tmp_path)
    monkeypatch.setattr(evaluation.plan_stack, "__kwdefaults__", {"project_dir": tmp_path})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("config: {aws:region: eu-west-1, podCidr: 10.10.0.0/16}", "podCidr 10.10.0.0/16 overlaps vpcCidr"),
        ("config: {aws:region: eu-west-1, hybridNodes: [{name: 2026-11-25}]}", "is not a DNS label"),
        ("environment: [team/aws-dev]", "environment team/aws-dev, which is not opened here, may supply it"),
        ("config: {aws:region: {secure: v1:abc}}", "aws:region is a secret of this stack"),
        ("config:\n\t- x", "Pulumi.dev.yaml, line 2: it is not YAML"),
        ("config: {a:x: 1, a:x: 2}", "Pulumi.dev.yaml, line 1: a:x is there twice"),
    ],
)
def test_a_stack_file_is_read_as_the_cli_reads_it_and_ends_in_words(monkeypatch, tmp_path, text, says):
    in_folder(monkeypatch, tmp_path, text)
    done = run()
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.output


def test_a_plan_says_which_settings_it_could_not_see(monkeypatch, tmp_path, config):
    in_folder(monkeypatch, tmp_path, "config: {aws:region: eu-west-1, apiAllowedCidrs: {secure: v1:abc}}")
    given = [part for k, v in config().items() if "calicoManifest" in k for part in ("--config", f"{k}={v}")]
    done = run(*given)
    assert "Settings are read from Pulumi.dev.yaml." in done.stdout
    assert "Secret, so not seen here: eks-hybrid-calico:apiAllowedCidrs." in done.stdout


def test_a_secret_setting_is_in_no_form_of_the_plan(plan, tmp_path):
    from ops.plan.command import _draw

    secret = "192.168.0.0/16"
    hidden = dataclasses.replace(plan, concealed=lambda text: text.replace(secret, "[secret]"))
    assert secret in to_json(plan)
    assert secret not in to_json(hidden)
    _draw(hidden, tmp_path / "x.svg")
    assert secret not in (tmp_path / "x.svg").read_text()


def test_an_unknown_stack_is_an_error_that_lists_the_known_ones():
    done = run("--stack", "prod")
    assert done.exit_code == 2
    assert "There is no stack prod" in done.stderr
    assert "Stacks here: dev" in done.stderr


def test_an_override_without_a_value_is_refused():
    done = run("--config", "podCidr")
    assert done.exit_code == 2
    assert "KEY=VALUE" in done.stderr


def test_a_closed_flow_fails_the_plan(monkeypatch, config):
    given = [part for k, v in config().items() if "calicoManifest" in k for part in ("--config", f"{k}={v}")]
    assert run("--json", *given).exit_code == 0
    from infra import flows

    original = flows.rules
    monkeypatch.setattr(
        "infra.firewall.rules",
        lambda table: [r for r in original(table) if "vxlan-from-managed" not in r.name],
    )
    done = run(*given)
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "Plan of stack dev: is not fit to deploy"
    assert "To build it" not in done.stdout
    assert "Closed flows" in done.stdout
    assert "without it:" in done.stdout
    assert "22 of 24" in done.stdout
    done = run("--json", *given)
    assert done.exit_code == 1
    closed = [flow for flow in json.loads(done.stdout)["flows"] if not flow["open"]]
    assert {flow["port"] for flow in closed} == {4789}


def test_a_picture_is_drawn_beside_the_plan(config, tmp_path):
    given = [part for k, v in config().items() if "calicoManifest" in k for part in ("--config", f"{k}={v}")]
    file = tmp_path / "stack.svg"
    assert run("--json", *given, "--picture", str(file)).exit_code == 0
    assert file.read_text().startswith("<svg")
    done = run("--json", *given, "--picture", str(tmp_path / "stack.txt"))
    assert done.exit_code == 2
    assert "its name ends in .svg" in done.stderr


def test_values_are_found_by_path_and_missing_ones_are_none():
    value = {"a": {"b": {"c": 1}}}
    assert look_up(value, "a.b.c") == 1
    assert look_up(value, "a.d.c") is None


def test_a_masked_value_keeps_its_neighbours():
    assert masked({"a": [{"b": 1, "c": 2}]}, frozenset({"a[0].b"})) == {"a": [{"b": "[secret]", "c": 2}]}


def test_overrides_go_by_name_by_path_and_by_namespace():
    found = stack_config(
        ROOT,
        "dev",
        overrides(
            [
                "hybridNodes[1].os=ubuntu-22.04",
                "hybridNodes[2].name=c",
                "aws:region=eu-west-1",
                "managedNodes.max=4",
            ]
        ),
        ask_cli=False,
    ).values
    assert json.loads(found["eks-hybrid-calico:hybridNodes"]) == [
        {"name": "hybrid-1", "os": "ubuntu-24.04"},
        {"name": "hybrid-2", "os": "ubuntu-22.04"},
        {"name": "c"},
    ]
    assert found["aws:region"] == "eu-west-1"
    managed = json.loads(found["eks-hybrid-calico:managedNodes"])
    assert (managed["max"], managed["instanceType"]) == ("4", "t4g.medium")
