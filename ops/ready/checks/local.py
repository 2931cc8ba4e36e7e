"""Tools, stack, settings and the machine that deploys."""

import ipaddress
import json
import re
import shlex
import shutil
import sys
from email.utils import parsedate_to_datetime
from typing import Final

from infra.addressing import ANYWHERE
from ops.checks.model import Findings, Outcome, check, skipped
from ops.clients.errors import AskError
from ops.clients.pool import TransportError
from ops.ready.context import Context, asked
from settings import SettingsError

# A list of one, so that a company can name its own; `--skip machine.address` switches it off.
ADDRESS_SERVICES: Final = ("https://checkip.amazonaws.com",)
_PULUMI = "https://www.pulumi.com/docs/install/"
_AWS = "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
_OLDEST_PULUMI = (3, 200)
_OPEN = {"apiAllowedCidrs": "the Kubernetes API", "albAllowedCidrs": "the sample application"}
# AWS refuses a signature that is 15 minutes off; a clock that runs wrong by a minute will be.
_CLOCK_OFF_S = 60
_CLOCK_WRONG_S = 300


@check("tools.pulumi", "the Pulumi CLI is on the PATH")
def pulumi(context: Context, findings: Findings) -> str:
    if not shutil.which("pulumi"):
        findings.fail("pulumi is not on the PATH", why="it builds the stack", fix=f"install it: {_PULUMI}")
        return ""
    text = context.cli("version").stdout.strip()
    found = re.match(r"v?(\d+)\.(\d+)", text)
    if found and (int(found[1]), int(found[2])) < _OLDEST_PULUMI:
        findings.warn(
            f"pulumi {text} is old", why="this program is tried with 3.259", fix=f"a newer one: {_PULUMI}"
        )
    return f"pulumi {text}"


@check("tools.aws-cli", "the AWS CLI v2 is on the PATH")
def aws_cli(context: Context, findings: Findings) -> str:
    if not shutil.which("aws"):
        findings.fail(
            "aws is not on the PATH",
            why="the AWS CLI v2 makes the cluster's tokens",
            fix=f"install it: {_AWS}",
        )
        return ""
    done = context.run(["aws", "--version"], environment={}, timeout_s=30, missing="aws-cli-missing")
    text = (done.stdout or done.stderr).split()[0] if (done.stdout or done.stderr).split() else "(no version)"
    if not text.startswith("aws-cli/2."):
        findings.fail(f"{text} is not the AWS CLI v2", why="v1 is out of support", fix=f"install v2: {_AWS}")
    return text


@check("tools.session-manager", "a shell on a node can be had")
def session_manager(_context: Context, _: Findings) -> str | Outcome:
    if shutil.which("session-manager-plugin"):
        return "session-manager-plugin is there"
    return skipped("session-manager-plugin is not there; only a shell on a node needs it")


@check("tools.python", "Python is of a supported version")
def python(_context: Context, findings: Findings) -> str:
    version = sys.version_info[:2]
    text = ".".join(map(str, version))
    if not (3, 11) <= version < (3, 15):
        findings.fail(f"Python {text}", why="3.11 to 3.14 is supported", fix="make PYTHON=python3.12 ready")
    return f"Python {text}"


@check("tools.backend", "Pulumi can keep its state", needs=("tools.pulumi",))
def backend(context: Context, findings: Findings) -> str:
    done = context.cli("whoami")
    if done.exit_code:
        findings.fail(
            f"pulumi whoami: {_last(done.stderr)}",
            why="Pulumi has no backend to keep the state in",
            fix="pulumi login (Pulumi Cloud), pulumi login s3://BUCKET, or pulumi login --local",
        )
    return f"logged in as {done.stdout.strip()}"


@check("tools.stack", "the stack exists", needs=("tools.backend",))
def stack(context: Context, findings: Findings) -> str:
    short = context.stack.rpartition("/")[2]
    done = context.cli("stack", "ls", "--json")
    try:
        names = [str(each["name"]).rpartition("/")[2] for each in json.loads(done.stdout)]
    except (ValueError, KeyError, TypeError):
        names = []
    if short not in names:
        there = f"there are {', '.join(names)}" if names else "there is none"
        findings.fail(
            f"there is no stack {short} in this backend",
            why=there,
            fix=f"pulumi stack init {shlex.quote(context.stack)} (its settings are those of Pulumi.{short}.yaml), or "
            "pulumi stack select another one",
        )
    return f"stack {short} is there"


@check("tools.secrets", "the stack's secrets can be read", needs=("tools.stack",))
def secrets(context: Context, findings: Findings) -> str:
    done = context.cli("config", "--json", "--show-secrets", "--stack", context.stack)
    if done.exit_code:
        findings.fail(
            f"pulumi config --show-secrets: {_last(done.stderr)}",
            why="the stack's secrets provider does not work here, or an environment cannot be opened",
            fix="export PULUMI_CONFIG_PASSPHRASE=..., or sign in to the key service that the stack uses",
        )
    return "the stack's secrets can be read"


@check("plan.settings", "the program accepts the settings")
def settings(context: Context, findings: Findings) -> str:
    if isinstance(context.program, Exception):
        texts = (
            context.program.problems if isinstance(context.program, SettingsError) else [str(context.program)]
        )
        for text in texts:
            seen, _, fix = text.partition(". ")
            findings.fail(seen, why="the program refuses it", fix=fix or "see the text above")
        return ""
    for note in context.program.config.unseen:
        seen, _, rest = note.partition(". ")
        findings.warn(seen, why="what cannot be seen is not checked", fix=rest)
    return f"settings from {context.program.config.source}"


@check("plan.calico", "Calico's manifest can be had", needs=("plan.settings",))
def manifest(context: Context, findings: Findings) -> str:
    if context.evaluated.manifest_missing:
        seen, _, fix = context.evaluated.manifest_missing.partition(". ")
        findings.fail(seen, why="up creates Calico's objects from it", fix=fix)
    return "Calico's manifest is there and has its digest"


@check("plan.doors", "what the whole internet may reach", needs=("plan.settings",))
def doors(context: Context, findings: Findings) -> str:
    try:
        address = f"{_own_address(context)}/32"
    except (TransportError, AskError, ValueError):
        address = "YOUR_ADDRESS/32"
    for name, what in _OPEN.items():
        cidrs = _list(context, name)
        if ANYWHERE in cidrs:
            path = f"{name}[{cidrs.index(ANYWHERE)}]"
            findings.warn(
                f"{name} lets the whole internet reach {what}",
                why=f"it has {ANYWHERE}",
                fix=shlex.join(["pulumi", "config", "set", "--path", path, address]),
            )
    return "which doors are open to the world"


@check("machine.address", "this machine may reach the API", needs=("plan.settings",))
def address(context: Context, findings: Findings) -> str | Outcome:
    cidrs = _list(context, "apiAllowedCidrs")
    try:
        address = _own_address(context)
    except (TransportError, ValueError) as error:
        return skipped(f"not known: {ADDRESS_SERVICES[0]} did not say this machine's address ({error})")
    if not any(ipaddress.ip_address(address) in ipaddress.ip_network(each) for each in cidrs):
        findings.fail(
            f"this machine's address {address} is not in apiAllowedCidrs ({', '.join(cidrs)})",
            why="pulumi could not reach the cluster that it has just made",
            fix=shlex.join(
                ["pulumi", "config", "set", "--path", f"apiAllowedCidrs[{len(cidrs)}]", f"{address}/32"]
            ),
        )
    return f"{address} may reach the Kubernetes API"


@asked("machine.clock", "the clock is right")
def clock(context: Context, findings: Findings) -> str | Outcome:
    answer = context.ask("sts", "get_caller_identity")
    date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    if not date:
        return skipped("AWS did not say the time")
    off = abs((context.now() - parsedate_to_datetime(date)).total_seconds())
    note = findings.fail if off > _CLOCK_WRONG_S else findings.warn
    if off > _CLOCK_OFF_S:
        note(
            f"this machine's clock is {off:.0f} s off",
            why="AWS refuses signatures that are some minutes old or early",
            fix="sudo timedatectl set-ntp true",
        )
    return "the clock agrees with that of AWS"


def _own_address(context: Context) -> str:
    answer = context.memo.get("address", lambda: context.http.get(ADDRESS_SERVICES[0]))
    return str(ipaddress.IPv4Address(answer.body.strip()))


def _list(context: Context, name: str) -> list[str]:
    value = json.loads(context.evaluated.config.value(name) or "[]")
    return [str(item) for item in value] if isinstance(value, list) else []


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no answer"])[-1]
