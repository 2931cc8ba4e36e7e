"""A deployment with a certificate: the real client, a real handshake, an authority of the tests."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.checks.model import Run, Status
from tests.ops.standin.certificates import Certificate

Verify = Callable[..., Run]
LB = "^lb"


def summaries(run: Run) -> dict[str, str]:
    return {one.check.id: one.outcome.summary for one in run.results}


def test_a_good_certificate_passes_every_check(verify: Verify, world: Any) -> None:
    world.certificate = Certificate(names=("localhost", "*.example.com"))

    run = verify()

    # There is no gateway to a data centre of one's own.
    assert {one.check.id for one in run.results if one.outcome.status is not Status.OK} == {"aws.gateway"}
    ends = datetime.now(UTC) + timedelta(days=90)
    assert summaries(run)["lb.https"] == (
        f"certificate for localhost, *.example.com until {ends:%Y-%m-%d}; http leads to https"
    )
    assert summaries(run)["lb.answers"].startswith("20 of 20 requests answered 200, median ")


def test_without_a_name_of_ones_own_the_name_is_left_out_and_both_checks_say_so(
    verify: Verify, world: Any
) -> None:
    world.certificate, world.own_name = Certificate(names=("app.example.com",)), False

    run = verify(only=LB)

    assert [one.outcome.status for one in run.results][:2] == [Status.WARN, Status.OK]
    assert summaries(run)["lb.answers"].endswith(", the certificate's name left out")
    (problem,) = run.results[0].outcome.problems
    assert problem.why == (
        "the load balancer's own name is in no certificate of yours, so clients refuse albUrl"
    )
    assert "pulumi config set albHostName NAME" in problem.fix


@pytest.mark.parametrize(
    "certificate", [Certificate(days=-1, since_days=90), Certificate(signed=False)], ids=["over", "unknown"]
)
def test_without_a_name_of_ones_own_dates_and_chain_still_count(
    verify: Verify, world: Any, certificate: Certificate
) -> None:
    world.certificate, world.own_name = certificate, False

    run = verify(only=LB)

    assert [one.outcome.status for one in run.results] == [
        Status.FAIL,
        Status.BLOCKED,
        Status.BLOCKED,
        Status.BLOCKED,
    ]


def test_the_client_itself_refuses_what_it_is_not_told_to_accept(
    context: Callable[..., Any], world: Any
) -> None:
    from ops.clients.pool import TransportError

    world.certificate = Certificate(names=("app.example.com",))
    made = context()

    with pytest.raises(TransportError, match="Hostname mismatch"):
        made.http.get(made.deployment.alb_url)
    assert made.http.get(made.deployment.alb_url, any_name=True).status == 200


def test_a_name_that_leads_elsewhere_is_told_what_its_record_must_be(verify: Verify, world: Any) -> None:
    world.certificate, world.lb_closed = Certificate(), {443}

    (result,) = verify(only="^lb.https$").results

    (problem,) = result.outcome.problems
    assert problem.fix.startswith(
        "see that its DNS record is a CNAME to alb-1a2b3c4-1234567890.ap-northeast-1.elb"
    )
    assert problem.why.endswith("does not let your address in on tcp 443")


def test_a_request_that_gets_lost_names_the_port_of_https(verify: Verify, world: Any) -> None:
    world.certificate, world.lb_cut = Certificate(), 1000

    answers = next(one for one in verify(only="^lb.answers$").results)

    assert answers.outcome.problems[0].why.endswith("on tcp 443")
