"""The options of a run, its folder and exit code, and the fixture that always removes what was built."""

import os
import secrets
from collections.abc import Generator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from infra import versions
from tests.acceptance import commands, report
from tests.acceptance import story as steps
from tests.acceptance.commands import Ops
from tests.acceptance.engine import Engine
from tests.acceptance.folder import Folder
from tests.acceptance.settings import hybrid_nodes, previous_minor, settings_of
from tests.acceptance.stopping import Stopper
from tests.acceptance.story import Found, Options, Story

OPTIONS, STORY = pytest.StashKey[Options](), pytest.StashKey[Story]()
_PACKAGES = ("pulumi", "pulumi-aws", "pulumi-eks", "pulumi-kubernetes")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("acceptance", "a run in a real account (make acceptance)")
    group.addoption("--region", help="the region to build in; default: AWS_REGION, AWS_DEFAULT_REGION")
    group.addoption("--profile", help="AWS profile; default: the environment's")
    group.addoption(
        "--config",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the stack; repeatable",
    )
    group.addoption("--yes", action="store_true", help="do not ask before it is built")
    group.addoption("--upgrade", action="store_true", help="begin one Kubernetes minor lower, and upgrade")
    group.addoption("--keep", action="store_true", help="do not remove the stack at the end; it is billed")
    group.addoption(
        "--limit", type=int, default=180, metavar="MINUTES", help="stop, and remove all, after this long"
    )
    group.addoption("--folder", type=Path, help="a new folder for the report; default: named like the stack")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the options of a run before anything is made.

    Errors: pytest.UsageError for what cannot be built.
    """
    if config.option.markexpr != "acceptance":
        return
    settings = settings_of(config.option.config)
    region = config.option.region or settings.get("aws:region") or os.environ.get("AWS_REGION")
    region = region or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise pytest.UsageError("no region is named: --region ap-northeast-1")
    if config.option.limit < 1:
        raise pytest.UsageError(f"--limit {config.option.limit}: give it minutes, 1 or more")
    name = f"acceptance-{secrets.token_hex(3)}"
    config.option.folder = config.option.folder or Path.cwd() / name
    if config.option.folder.exists():
        raise pytest.UsageError(f"--folder {config.option.folder}: name a folder that is not there")
    config.option.xmlpath = str(config.option.folder / "junit.xml")
    profile = {"aws:profile": config.option.profile} if config.option.profile else {}
    kubernetes = settings.get("kubernetesVersion", versions.KUBERNETES_DEFAULT)
    config.stash[OPTIONS] = Options(
        stack=name,
        settings={**settings, "aws:region": region, **profile, "clusterName": name},
        hybrid_nodes=hybrid_nodes(settings),
        kubernetes=kubernetes,
        first=previous_minor(kubernetes) if config.option.upgrade else kubernetes,
        keep=config.option.keep,
        limit_s=config.option.limit * 60,
        pause_s=steps.PAUSE_S,
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if OPTIONS in config.stash and not config.option.upgrade:
        items[:] = [item for item in items if not item.name.endswith("upgrade")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Generator[None]:
    """Take a step: a test that has the story."""
    if "story" not in item.fixturenames or "found" in item.fixturenames:
        return (yield)
    title = (item.function.__doc__ or "").strip()
    with item.config.stash[STORY].taking(item.name.removeprefix("test_").replace("_", "-"), title):
        return (yield)


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """No letters between the lines of the story."""
    if OPTIONS not in config.stash or (report.when != "call" and report.failed):
        return None
    return (report.outcome if report.when == "call" or report.skipped else "", "", "")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A story that was stopped has skipped tests only, which is no success."""
    if STORY in session.config.stash:
        session.exitstatus = session.config.stash[STORY].code


@pytest.fixture(scope="session")
def story(pytestconfig: pytest.Config) -> Generator[Story]:
    """The run. Whatever happens, its end removes what was built, and writes the report."""
    options, path = pytestconfig.stash[OPTIONS], pytestconfig.option.folder
    folder = Folder(path)
    stopper = Stopper(_say)
    run = Story(
        options,
        stack=Engine(options.stack, folder=commands.PROJECT, stopper=stopper),
        ops=Ops(folder=commands.PROJECT, stopper=stopper, program=commands.PROGRAM),
        stopper=stopper,
        folder=folder,
        say=_say,
        agreed=(lambda: True) if pytestconfig.option.yes else _asked,
    )
    pytestconfig.stash[STORY] = run
    _say(f"Stack {options.stack}, report in {path}")
    subject = report.Subject(
        stack=options.stack,
        region=options.settings["aws:region"],
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={
            "Kubernetes": options.kubernetes,
            "Calico": options.settings.get("calicoVersion", versions.CALICO_DEFAULT),
            **{package: version(package) for package in _PACKAGES},
        },
        kept=options.keep,
    )
    with stopper.listening(options.limit_s):
        try:
            yield run
        finally:
            try:
                run.end()
            finally:
                folder.write("report.md", folder.redacted(report.markdown(run.found, subject)))
                _say(f"Report: {path / 'report.md'}")


@pytest.fixture(scope="session")
def found(story: Story) -> Found:
    return story.found


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it is what a person at the terminal reads


def _asked() -> bool:
    try:
        return typer.confirm("Build it?")
    except typer.Abort:
        _say("Nobody answered; --yes builds it without a question.")
        return False
