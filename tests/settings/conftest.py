import json
import re
import shlex
from itertools import pairwise

import pytest

import settings

PROJECT = "eks-hybrid-calico"
REGION = {"aws:region": "ap-northeast-1"}


def raw_settings(**given):
    """Raw configuration, as Pulumi passes it: text as it is, everything else as JSON."""
    return REGION | {
        f"{PROJECT}:{name}": value if isinstance(value, str) else json.dumps(value)
        for name, value in given.items()
    }


def _steps(path):
    """The parts of a path: hybridNodes[0].os is hybridNodes, 0, os."""
    parts = re.findall(r'\["([^"]+)"\]|\[(\d+)\]|([^.\[\]]+)', path)
    return [int(index) if index else quoted or plain for quoted, index, plain in parts]


def _reach(holder, key, following):
    """What `key` holds; made where it is missing, as the CLI does: a list where a number follows."""
    if isinstance(holder, list):
        while len(holder) <= key:
            holder.append({})
        return holder[key]
    return holder.setdefault(key, [] if isinstance(following, int) else {})


def _change(raw, words):
    """Do to raw configuration what `pulumi config set` and `pulumi config rm` do to a stack's file."""
    _, _, action, *rest = words
    path, *values = (word for word in rest if word != "--path")
    name, *inner = _steps(path) if "--path" in rest else [path]
    name = name if ":" in name else f"{PROJECT}:{name}"
    if not inner:
        raw.pop(name, None)
        return raw | ({name: values[0]} if action == "set" else {})
    start = [] if isinstance(inner[0], int) else {}
    document = holder = json.loads(raw[name]) if name in raw else start
    for key, following in pairwise(inner):
        holder = _reach(holder, key, following)
    if action == "rm":
        del holder[inner[-1]]
    elif isinstance(holder, list) and inner[-1] == len(holder):
        holder.append(values[0])
    else:
        holder[inner[-1]] = values[0]
    return raw | {name: json.dumps(document)}


def follow(raw, problem):
    """The configuration after the command at the end of a problem's text was run."""
    command = problem.rpartition("e.g. ")[2].partition(". Valid are ")[0]
    for part in command.split(" && "):
        raw = _change(dict(raw), shlex.split(part))
    return raw


@pytest.fixture
def raw():
    return raw_settings


@pytest.fixture
def parse():
    return lambda **given: settings.parse(raw_settings(**given), project=PROJECT)


@pytest.fixture
def problems():
    """The texts of all problems that a configuration has."""

    def find(**given):
        with pytest.raises(settings.SettingsError) as caught:
            settings.parse(raw_settings(**given), project=PROJECT)
        return list(caught.value.problems)

    return find


@pytest.fixture
def advised():
    """Follow the advice of each message until the settings are accepted; gives the settings."""

    def accept(**given):
        raw = raw_settings(**given)
        for _ in range(20):
            try:
                return settings.parse(raw, project=PROJECT)
            except settings.SettingsError as error:
                raw = follow(raw, error.problems[0])
        raise AssertionError(f"20 commands later the settings are still rejected: {raw}")

    return accept


@pytest.fixture
def rejects(problems, advised):
    """Check the one message that one wrong value gets, and that following it mends the settings."""

    def check(name, value, message):
        assert problems(**{name: value}) == [f"{PROJECT}:{message}"]
        assert advised(**{name: value})

    return check
