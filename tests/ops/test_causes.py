"""One table of causes: a client names one by its id, and each command tells it in its own words."""

import pytest

from ops.causes import CAUSES, problem_of
from ops.clients.errors import AskError


def test_a_command_adds_its_own_options_and_those_of_no_other():
    error = AskError("sts get_caller_identity: no route", code="aws-unreachable")
    assert problem_of(error, "verify").fix.endswith("ops verify --timeout 30s --retry 5")
    assert problem_of(error, "ready").fix.endswith("ops ready --timeout 30s")
    assert problem_of(error, "doctor").fix == "check the network and the region"
    assert problem_of(error, "doctor").seen == "sts get_caller_identity: no route"


def test_what_was_asked_stands_in_the_advice():
    error = AskError("no", code="aws-denied", CALL="eks describe_cluster")
    assert problem_of(error, "verify").fix.startswith("allow eks describe_cluster; ")


def test_names_at_hand_are_put_in_and_others_stay_open():
    problem = CAUSES["node-leftover"].problem("seen", MI="mi-0123", REGION="")
    assert "kubectl delete node mi-0123; " in problem.fix
    assert "--region REGION --instance-id mi-0123" in problem.fix
    # A word that begins a longer one is none.
    assert "NAME-OF-IT" in CAUSES["plugin-refused"].problem("seen", NAME="edge-1").fix


@pytest.mark.parametrize(
    ("site", "said"),
    [
        ("played", "'**:Activation::edge-1.*'"),
        ("own", "ops join edge-1"),
        ("", "with machines of your own: "),
    ],
)
def test_a_site_is_told_what_fits_it(site, said):
    assert said in CAUSES["node-labels"].problem("seen", site=site, NAME="edge-1").fix
