"""What a state keeps of a dynamic provider, and when that is a change."""

import base64
import pickletools
from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.dynamic.dynamic import PROVIDER_KEY


def named_class(stored: object) -> str:
    """Name the class that a provider in the state is of: it is pickled by reference.

    The bytes are those of the Python that ran last: the default protocol of pickle is 4, and 5 since Python 3.14.
    """
    try:
        opcodes = list(pickletools.genops(base64.b64decode(str(stored), validate=True)))
    except ValueError:
        return str(stored)
    return " ".join(argument for _, argument, _ in opcodes if isinstance(argument, str))


def changed(olds: Mapping[str, Any], news: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Of these inputs and the provider, those that differ."""
    differing = [name for name in names if olds.get(name) != news.get(name)]
    if named_class(olds.get(PROVIDER_KEY)) != named_class(news.get(PROVIDER_KEY)):
        differing.append(PROVIDER_KEY)
    return differing
