"""The whole story of a stack in a real account, unattended: built, proved, changed, proved again, removed.

Each test is a step, its docstring the step's title; they run in this order. The first one that fails ends the story,
and the removal comes all the same. The last ones say what README.md may say.
"""

import pytest

from infra.systems import DEFAULT_SYSTEM, SYSTEMS
from tests.acceptance import changes, report
from tests.acceptance.claims import ARTICLE_CHECKS, CLAIMS, Verdict, verdict
from tests.acceptance.story import ADDED, Declined, Story

pytestmark = pytest.mark.acceptance

READY_MOST = "20m"


def test_stack(story: Story):
    """make a stack of its own, with its settings"""
    story.make()


def test_ready(story: Story):
    """ops ready: what a deployment needs is there"""
    story.ask("ready", "-o", "json")


def test_plan(story: Story):
    """ops plan: what is built, billed, and how long it takes"""
    story.found.plan = story.ask("plan", "--json").document


def test_preview(story: Story):
    """pulumi preview"""
    story.stack.preview(story.line)


def test_agree(story: Story):
    """what it may cost, and whether to go on"""
    story.say(report.costs(story.found.plan, limit_s=story.options.limit_s))
    if not story.agreed():
        raise Declined("not agreed to: nothing was built")


def test_up(story: Story):
    """pulumi up"""
    story.found.built = True
    story.found.first = story.stack.up(story.line)


def test_again(story: Story):
    """a second pulumi up changes nothing"""
    operations = story.stack.up(story.line, expect_no_changes=True)
    assert [f"{each.op} {each.type} {each.name}" for each in operations] == []


def test_verify(story: Story):
    """ops verify"""
    story.verify("--wait", READY_MOST)


def test_article(story: Story):
    """the article's checks, by name"""
    names = "|".join(check.replace(".", r"\.") for check in ARTICLE_CHECKS)
    story.verify("--only", f"^({names})$")
    assert [check for check in ARTICLE_CHECKS if check not in story.found.checks] == []


def test_add(story: Story):
    """pulumi up: add a hybrid node"""
    # As the first one: its instance type is what the account may start.
    given = story.options.settings.get("hybridNodes[0].instanceType")
    node = {"name": ADDED, **({"instanceType": given} if given else {})}
    story.stack.configure({f"{story.node}.{key}": value for key, value in node.items()})
    story.change(changes.added)


def test_verify_add(story: Story):
    """ops verify"""
    story.verify("--wait", READY_MOST)


def test_change(story: Story):
    """pulumi up: another operating system on it"""
    other = next(
        name for name, system in SYSTEMS.items() if system.packages != SYSTEMS[DEFAULT_SYSTEM].packages
    )
    story.stack.configure({f"{story.node}.os": other})
    story.change(changes.changed)


def test_verify_change(story: Story):
    """ops verify"""
    story.verify("--wait", READY_MOST)


def test_remove(story: Story):
    """pulumi up: remove it"""
    story.stack.forget(story.node)
    story.change(changes.removed)


def test_verify_remove(story: Story):
    """ops verify"""
    story.verify("--wait", READY_MOST)


def test_upgrade(story: Story):
    """pulumi up: the next Kubernetes minor"""
    story.stack.configure({"kubernetesVersion": story.options.kubernetes})
    story.change(changes.upgraded)


def test_verify_upgrade(story: Story):
    """ops verify"""
    story.verify("--wait", READY_MOST)


def test_destroy(story: Story):
    """pulumi destroy"""
    story.destroy()


def test_verify_destroyed(story: Story):
    """ops verify --destroyed"""
    story.verify_destroyed()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.text)
def test_what_the_readme_says(found, claim):
    says, why = verdict(claim, report.passing(found), found.checks)
    if says is Verdict.OPEN:
        pytest.skip(f"{says}: {why}")
    assert says is Verdict.PROVED, why
