"""What doctor shares with verify: the clients, their one error, and the thread pool.

The only module of ops/doctor that names modules of ops/verify.
"""

from ops.verify.aws import RealAws
from ops.verify.kube import ExecError
from ops.verify.kube_client import RealKube
from ops.verify.model import AskError, Problem
from ops.verify.pool import Pool
from ops.verify.tools import run as run_program

__all__ = ["AskError", "ExecError", "Pool", "Problem", "RealAws", "RealKube", "run_program"]
