"""A change of rules that would not fit beside the old ones is refused, and what the message says then fits."""

import pickle
import re

import pytest

from infra.rule_limit import MOST_RULES, RuleLimitProvider, crowded

CLIENTS = "load-balancer ingress"


def rules(start, count):
    return [f"load-balancer-ingress-tcp-80-198.51.{number}.0/24" for number in range(start, start + count)]


def refusal(old, new, place=CLIENTS):
    return next(crowded({place: old}, {place: new}), None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((0, 40), (100, 40)),  # two lists that have nothing in common
        ((0, 40), (10, 60)),
        ((0, 60), (1, 60)),
        ((0, 1), (100, 60)),
    ],
)
def test_what_does_not_fit_is_refused_and_the_two_steps_work(old, new):
    before, after = rules(*old), rules(*new)
    reason = refusal(before, after)
    together = len({*before, *after})
    assert f"takes 60 ingress rules, and new ones come before old ones go: {len(before)} are there" in reason
    assert f"there would be {together} (albAllowedCidrs" in reason
    (left_out,) = map(int, re.findall(r"first leave (\d+) or more of the new rules out", reason))
    come = [rule for rule in after if rule not in before]
    step = [rule for rule in after if rule not in come[:left_out]]
    assert step
    assert refusal(before, step) is None
    assert refusal(step, after) is None


def test_sixty_to_sixty_others_takes_three_steps():
    before, after = rules(0, 60), rules(100, 60)
    assert "first set one of the present ones alone, then one of the new ones, then all" in refusal(
        before, after
    )
    for old, new in ((before, before[:1]), (before[:1], after[:1]), (after[:1], after)):
        assert refusal(old, new) is None


@pytest.mark.parametrize("old", [[], rules(0, 60)])
def test_what_no_group_takes_is_refused_at_once(old):
    assert "takes 60 ingress rules, and the settings ask for 61" in refusal(old, rules(0, MOST_RULES + 1))


def test_each_group_and_direction_counts_for_itself():
    many = {CLIENTS: rules(0, 60), "managed ingress": rules(100, 60), "managed egress": rules(200, 60)}
    assert list(crowded({}, many)) == []
    assert list(crowded(many, many)) == []
    (reason,) = crowded(many, {**many, "managed ingress": rules(300, 30)})
    assert "Security group managed takes 60 ingress rules" in reason
    assert "(webhookPorts and site.nodeCidrs" in reason


def test_the_provider_is_kept_by_reference_refuses_in_check_and_remembers_in_place():
    provider = RuleLimitProvider()
    assert b"infra.rule_limit" in pickle.dumps(provider)
    assert provider.__dict__ == {}
    old, new = {"rules": {CLIENTS: rules(0, 40)}}, {"rules": {CLIENTS: rules(100, 40)}}
    assert [failure.property for failure in provider.check(old, new).failures] == ["rules"]
    assert provider.check({}, new).failures == []
    assert provider.diff("id", old, old).changes is False
    assert (provider.diff("id", old, new).changes, provider.diff("id", old, new).replaces) == (True, [])
    assert provider.create(old).outs == old
    assert provider.update("id", old, new).outs == new
