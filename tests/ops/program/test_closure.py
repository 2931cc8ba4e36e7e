from graphlib import CycleError

import pytest

from ops.program.closure import closure


def test_what_is_led_to_through_any_number_of_steps_is_found():
    found = closure({"a": {"b"}, "b": {"c", "d"}, "e": set()})
    assert found == {"a": {"b", "c", "d"}, "b": {"c", "d"}, "c": set(), "d": set(), "e": set()}


def test_a_circle_is_an_error():
    with pytest.raises(CycleError):
        closure({"a": {"b"}, "b": {"a"}})
