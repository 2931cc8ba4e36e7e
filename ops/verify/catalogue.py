"""All checks, in the order of a report: that of the modules here, and of the functions in them."""

from ops.checks.model import Check, checks_in
from ops.verify.checks import aws, firewall, https, lb, leftovers, net, node, policy, system, targets

CHECKS = checks_in(aws, firewall, targets, node, system, net, policy, https, lb)
LEFTOVERS: tuple[Check, ...] = leftovers.CHECKS
