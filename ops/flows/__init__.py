"""Proves on a plan that every flow the stack needs is open, both ways, and that nothing else faces the internet."""

from ops.flows.expected import Expectations
from ops.flows.exposed import Exposure
from ops.flows.proof import FlowReport, Row, prove
from ops.flows.table import render

__all__ = ["Expectations", "Exposure", "FlowReport", "Row", "prove", "render"]
