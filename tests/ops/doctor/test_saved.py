"""`ops doctor --from`: a saved text is explained, nobody is asked, and no cause is claimed that it does not prove."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ops.cli import app
from ops.clients.redaction import Redactor
from ops.doctor import console, saved, session
from ops.doctor.diagnosis import Diagnosis, diagnose

HERE = Path(__file__).parent
SAID = yaml.safe_load((HERE / "said.yaml").read_text(encoding="utf-8"))
CONSOLES = yaml.safe_load((HERE / "consoles.yaml").read_text(encoding="utf-8"))


def explain(text: str) -> Diagnosis:
    """What the command makes of a text."""
    section = saved.section("saved.txt", Redactor().text(console.clean(text)))
    return diagnose([section], subject={"from": "saved.txt"})


def quotes(found: Diagnosis) -> str:
    return "\n".join(seen.text for finding in found.quoted for seen in finding.seen)


@pytest.mark.parametrize("case", SAID, ids=lambda case: case["says"][:70])
def test_a_sentence_proves_these_causes_and_no_others(case: dict[str, Any]) -> None:
    found = explain(case["says"])
    assert [finding.id for finding in found.causes] == case.get("causes", [])
    assert [finding.id for finding in found.consequences] == case.get("also", [])
    if not case.get("causes"):
        words = case["says"] if not case["says"].startswith("{") else json.loads(case["says"])["error"]
        assert words.partition("Encoded")[0] in quotes(found)
    assert found.exit_code == 1


def _console(case: dict[str, Any]) -> str:
    """A console of the join script: its steps up to `step`, what was said there, its last word."""
    titles = (
        "look whether this machine has joined",
        "download nodeadm",
        "check the node configuration",
        "install the Kubernetes components",
        "clear the CNI configuration",
        "join the cluster",
        "check the kubelet",
    )
    step = case["step"]
    lines = [f"join: step {number}/7 {title}" for number, title in enumerate(titles[:step], 1)]
    for line in case["lines"]:
        lines.append(json.dumps(line, separators=(",", ":")) if isinstance(line, dict) else line)
    if case.get("end"):
        lines.append(f"join: failed at step {step}/7 {titles[step - 1]}: {case['end']}")
    return "".join(f"2026-11-25T15:51:{number:02}Z {line}\n" for number, line in enumerate(lines))


@pytest.mark.parametrize("case", CONSOLES, ids=lambda case: case["name"])
def test_a_console_is_explained_by_what_ended_its_join(case: dict[str, Any]) -> None:
    found = explain(_console(case))
    assert [finding.id for finding in found.causes] == case.get("causes", [])
    said = "\n".join(seen.text for finding in found.findings for seen in finding.seen)
    assert case["whole"] in said
    assert not found.consequences


PULUMI_UP = """Updating (dev):
     Type                          Name        Status                  Info
 +   pulumi:pulumi:Stack           p-dev       **creating failed**     1 error
 +   └─ aws:ec2:Eip                nat         **creating failed**     1 error

Diagnostics:
  pulumi:pulumi:Stack (p-dev):
    error: update failed

  aws:ec2:Eip (nat):
    error:   sdk-v2/provider2.go:572: sdk.helper_schema: creating EC2 EIP: operation error EC2: AllocateAddress, \
api error AddressLimitExceeded: The maximum number of addresses has been reached.: provider=aws@7.51.1
    error: 1 error occurred:
    \t* creating urn:pulumi:dev::p::aws:ec2/eip:Eip::nat: creating EC2 EIP: something nobody has met yet

Resources:
    + 12 created

Duration: 1m
"""

DESCRIBED = """Name:             calico-node-x
Node:             mi-06d5ac211e74887c1/10.90.1.182
Status:           Pending
    Liveness:   exec [/bin/calico-node -felix-live] delay=10s timeout=10s period=10s #success=1 #failure=6
Tolerations:      :NoExecute op=Exists
                  node.kubernetes.io/unreachable:NoExecute op=Exists
Events:
  Type     Reason   Age   From     Message
  Normal   Pulling  5m    kubelet  Pulling image "quay.io/calico/cni:v3.32.1"
  Warning  Failed   4m    kubelet  Failed to pull image "quay.io/calico/cni:v3.32.1": failed to do request: Head \
"https://quay.io/v2/calico/cni/manifests/v3.32.1": dial tcp 34.224.23.16:443: i/o timeout
  Warning  Odd      4m    kubelet  something nobody has met yet
"""

HEALTH = """$ aws eks describe-nodegroup --cluster-name eks-hybrid --nodegroup-name managed
{
    "nodegroup": {
        "nodegroupName": "managed",
        "status": "CREATE_FAILED",
        "health": {
            "issues": [
                {
                    "code": "AsgInstanceLaunchFailures",
                    "message": "Could not launch On-Demand Instances. Something nobody has met yet.",
                    "resourceIds": ["eks-managed-1"]
                }
            ]
        }
    }
}
"""


def test_the_output_of_a_failed_update_is_explained_and_its_other_errors_are_quoted() -> None:
    found = explain(PULUMI_UP)
    assert [finding.id for finding in found.causes] == ["elastic-ip-quota"]
    assert "something nobody has met yet" in quotes(found)
    assert "update failed" not in quotes(found)


def test_the_events_of_a_description_count_and_its_settings_do_not() -> None:
    found = explain(DESCRIBED)
    assert [finding.id for finding in found.causes] == ["registry-unreachable"]
    assert len(found.quoted) == 1
    assert "Warning  Odd" in quotes(found)


def test_the_health_of_a_node_group_is_quoted_with_its_code_and_no_cause_is_claimed() -> None:
    found = explain(HEALTH)
    assert [finding.id for finding in found.causes] == ["node-group-failed"]
    assert (
        "AsgInstanceLaunchFailures: Could not launch On-Demand Instances. Something nobody has met yet. (eks-managed-1)"
        in quotes(found)
    )


def test_one_text_may_hold_several_things() -> None:
    text = _console(CONSOLES[0]) + "\n" + DESCRIBED + "\n" + HEALTH + "\n" + PULUMI_UP
    ids = {finding.id for finding in explain(text).causes}
    assert ids == {*CONSOLES[0]["causes"], "registry-unreachable", "elastic-ip-quota"}


def test_a_panic_is_shown_with_what_led_to_it_when_the_script_never_spoke() -> None:
    found = explain(
        "[    0.000000] Linux version 6.12\n[    0.480001] traps: init[1] trap invalid opcode error:0\n"
        "[    0.482113] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000004\n"
    )
    assert [finding.id for finding in found.causes] == ["kernel-panic"]
    assert "Attempted to kill init" in found.causes[0].seen[0].text


def test_a_console_without_a_line_of_the_script_shows_what_stands_there() -> None:
    found = explain(
        "[    0.000000] Linux version 6.12\n[    3.100000] waiting for a device that never comes\n"
    )
    assert not found.causes
    assert "waiting for a device that never comes" in quotes(found)


def test_a_machine_that_joined_has_no_findings_whatever_its_console_held_before(make: Any) -> None:
    found = explain(
        make.too_old_console + "[   40.0] systemd: Failed to start apport.service\n" + make.joined
    )
    assert found.exit_code == 0


def test_a_console_whose_beginning_has_scrolled_out_is_read_by_its_last_attempt() -> None:
    lost = _console(CONSOLES[0]).splitlines()[6:]
    assert "join: step" not in "".join(lost)
    found = explain("\n".join(lost))
    assert [finding.id for finding in found.causes] == CONSOLES[0]["causes"]


def test_a_step_that_lasts_too_long_is_said() -> None:
    text = "2026-11-25T15:00:00Z join: step 4/7 install\n2026-11-25T15:40:00Z nodeadm: waiting\n"
    assert "longer than any step takes" in quotes(explain(text))
    assert "longer" not in quotes(explain(text.replace("15:40", "15:04")))


def test_a_healthy_text_has_no_findings() -> None:
    healthy = "NAME   STATUS   ROLES    AGE   VERSION\n" + "".join(
        f"mi-{n}   Ready    <none>   5d    v1.35.2\n" for n in range(5)
    )
    assert explain(healthy).exit_code == 0


def test_a_sentence_without_any_loud_word_is_quoted_all_the_same() -> None:
    assert quotes(explain("The node has gone to sleep.")) == "The node has gone to sleep."


def test_secrets_of_a_saved_text_are_removed() -> None:
    code = "AbCdEfGhIjKlMnOp1234"
    found = explain(
        f"error: registration failed: -register -code {code} -id 1\nerror: token: k8s-aws-v1.c2VjcmV0\n"
    )
    assert code not in str(found)
    assert "c2VjcmV0" not in str(found)


@pytest.fixture
def ops(tmp_path: Path) -> Any:
    """Run `ops doctor --from` on texts."""

    def run(*texts: str, arguments: tuple[str, ...] = (), stdin: str | None = None) -> Any:
        options = []
        for number, text in enumerate(texts):
            path = tmp_path / f"text{number}.txt"
            path.write_text(text, encoding="utf-8")
            options += ["--from", str(path)]
        result = CliRunner().invoke(
            app, ["doctor", *options, *arguments], input=stdin, env={"COLUMNS": "100"}
        )
        return SimpleNamespace(exit_code=result.exit_code, stdout=result.stdout, stderr=result.stderr)

    return run


def test_several_texts_are_one_report(ops: Any) -> None:
    result = ops("error: [409] Conflict: Another update is currently in progress.", PULUMI_UP)
    assert result.exit_code == 1
    assert result.stdout.startswith("ops doctor  from text0.txt, text1.txt\n")
    assert result.stdout.index("stack-locked") < result.stdout.index("elastic-ip-quota")


def test_json_has_causes_and_quotes_in_a_stable_shape(ops: Any) -> None:
    result = ops(PULUMI_UP, arguments=("-o", "json"))
    found = json.loads(result.stdout)
    assert found["schema"] == 3
    (cause,) = found["causes"]
    assert cause.keys() == {"id", "seen", "why", "fix", "source", "waits"}
    assert cause["id"] == "elastic-ip-quota"
    assert "AddressLimitExceeded" in cause["seen"]
    assert any("something nobody has met yet" in text for text in found["quoted"])
    assert found["exitCode"] == result.exit_code == 1


def test_standard_input_is_a_text_too(ops: Any) -> None:
    result = ops(
        arguments=("--from", "-"),
        stdin="api error VpcLimitExceeded: The maximum number of VPCs has been reached.",
    )
    assert result.exit_code == 1
    assert "vpc-quota" in result.stdout
    assert "standard input" in result.stdout


def test_a_text_that_cannot_be_read_or_is_empty_ends_with_2(ops: Any) -> None:
    assert ops(arguments=("--from", "none.txt")).exit_code == 2
    empty = ops(" \n")
    assert empty.exit_code == 2
    assert "it is empty" in empty.stderr


def test_options_that_ask_somebody_do_not_go_with_a_saved_text(ops: Any) -> None:
    result = ops("error: x", arguments=("--stack", "dev"))
    assert result.exit_code == 2
    assert "--from asks nobody" in result.stderr


def _events(*errors: str, result: str = "failed") -> str:
    """An event log as the engine writes it."""
    lines: list[dict[str, Any]] = [
        {"preludeEvent": {"config": {"p:token": "[secret]"}}},
        {"diagnosticEvent": {"message": "beginning rpc: failed to be quiet\n", "severity": "debug"}},
        *(
            {
                "diagnosticEvent": {
                    "prefix": "error: ",
                    "message": f"<{{%reset%}}>{one}\n",
                    "severity": "error",
                }
            }
            for one in errors
        ),
        {"summaryEvent": {"isPreview": False, "result": result}},
    ]
    return "".join(
        f"{json.dumps({'sequence': number, **line}, separators=(',', ':'))}\n"
        for number, line in enumerate(lines)
    )


def test_the_events_of_a_run_are_a_text_too() -> None:
    found = explain(
        _events("update failed", "creating EC2 EIP: AddressLimitExceeded: The maximum", "nobody met this")
    )
    assert [finding.id for finding in found.causes] == ["elastic-ip-quota"]
    assert quotes(found) == "nobody met this"


def test_what_make_kept_of_a_failed_run_stands_in_the_report(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "KEPT", tmp_path)
    assert world.causes() == []
    (tmp_path / "dev.events").write_text(_events("api error VpcLimitExceeded: The maximum number of VPCs"))
    assert world.causes() == ["vpc-quota"]
    assert world.seen("vpc-quota")[0].startswith("last run (dev.events): ")
    (tmp_path / "dev.events").write_text(_events("api error VpcLimitExceeded", result="succeeded"))
    assert world.causes() == []


@pytest.mark.parametrize(("target", "command"), [("up", "up"), ("down", "destroy")])
def test_make_keeps_its_runs_where_doctor_reads_them_and_names_doctor(target: str, command: str) -> None:
    folder = session.KEPT.parents[1]
    make = [
        "make",
        "--dry-run",
        "--old-file",
        "ready",
        "--old-file",
        ".venv/.runtime",
        target,
        "STACK=acme/p/dev",
    ]
    said = subprocess.run(make, cwd=folder, capture_output=True, text=True, check=True).stdout
    kept = session.KEPT.relative_to(folder)
    assert f"events={kept}/$(pulumi stack --show-name --stack acme/p/dev).events" in said
    assert f'pulumi {command} --stack acme/p/dev --event-log "$events"' in said
    assert "make doctor STACK=acme/p/dev" in said
    assert ("ops ready --stack acme/p/dev --down" in said) is (target == "down")


@pytest.mark.parametrize(
    "prefix", ["[   21.412345] eks-hybrid-join[812]: ", "Nov 25 15:51:00 ip-10-90-1-5 eks-hybrid-join[812]: "]
)
def test_a_console_is_read_behind_what_systemd_puts_before_its_lines(prefix: str) -> None:
    for case in (CONSOLES[0], CONSOLES[-1]):
        found = explain("".join(f"{prefix}{line}\n" for line in _console(case).splitlines()))
        assert [finding.id for finding in found.causes] == case["causes"]


def test_a_remark_tells_the_step_when_its_first_line_has_scrolled_out() -> None:
    found = explain(
        "2026-11-25T15:00:01Z nodeadm: Downloading kubelet\n"
        "2026-11-25T15:00:02Z join: at step 4/7: apt-get update failed, but apt has containerd: going on\n"
    )
    assert "still in step 4/7" in quotes(found)


def test_a_run_that_was_ended_says_so(make: Any) -> None:
    text = make.joined.partition("2026-11-23T15:03:12Z")[0]
    found = explain(
        f"{text}2026-11-23T15:09:00Z join: failed at step 6/7 join the cluster: ended by SIGTERM\n"
    )
    assert not found.causes
    assert "ended by SIGTERM" in quotes(found)


def test_several_runs_of_the_unit_are_judged_by_the_last() -> None:
    first, last = _console(CONSOLES[0]), _console(CONSOLES[-1])
    assert [finding.id for finding in explain(first + last).causes] == CONSOLES[-1]["causes"]
    begun = "2026-11-25T16:00:00Z join: step 1/7 look whether this machine has joined\n"
    assert not explain(first + begun).causes
