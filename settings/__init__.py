"""Typed, validated settings of a stack: the only reader of Pulumi configuration.

Pure: importing this package imports no pulumi package; `load` does so when called.
"""

from settings.advice import warnings
from settings.model import HybridNode, ManagedNodes, NodeadmSha256, Settings
from settings.problems import SettingsError
from settings.reading import load, parse, roles, schema_defaults

__all__ = [
    "HybridNode",
    "ManagedNodes",
    "NodeadmSha256",
    "Settings",
    "SettingsError",
    "load",
    "parse",
    "roles",
    "schema_defaults",
    "warnings",
]
