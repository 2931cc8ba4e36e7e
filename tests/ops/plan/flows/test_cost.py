"""What the analysis of a plan costs, in calls: seconds would depend on what else the machine does."""

import cProfile

import pytest

from ops.plan.duration import schedule
from ops.plan.flows import Expectations, prove
from ops.plan.picture import draw


def analyse(recording, expectations):
    draw(recording, prove(recording, expectations))
    assert schedule(recording).chain


@pytest.fixture
def calls(record, config):
    """How many function calls the analysis of a stack with so many hybrid nodes takes."""

    def count(nodes: int) -> int:
        settings = {"hybridNodes": [{"name": f"n{number}"} for number in range(nodes)]}
        recording, expectations = record(**settings), Expectations.from_config(config(**settings))
        analyse(recording, expectations)  # fills what is looked up once per process
        profile = cProfile.Profile()
        profile.runcall(analyse, recording, expectations)
        return sum(entry.callcount for entry in profile.getstats())

    return count


def test_the_cost_grows_no_faster_than_the_number_of_nodes(calls):
    few, many = calls(6), calls(24)
    assert many < 4 * few
    # What one node adds stays what one node adds.
    middle = calls(12)
    assert (many - middle) / 12 <= 1.2 * (middle - few) / 6
