"""Proves on a plan that every flow the stack needs is open, both ways, and that nothing else faces the internet."""

from ops.plan.flows.expected import Expectations
from ops.plan.flows.exposed import Exposure
from ops.plan.flows.proof import FlowReport, Row, prove
from ops.plan.flows.table import problems, render

__all__ = ["Expectations", "Exposure", "FlowReport", "Row", "problems", "prove", "render"]
