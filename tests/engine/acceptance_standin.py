"""A pytest plug-in for a run of the acceptance in the engine tests: stand-ins for the commands that ask AWS.

`python -m pytest -p tests.engine.acceptance_standin -m acceptance tests/acceptance ...`; STANDIN_PROJECT is the folder
of the program.
"""

import os
import sys
from pathlib import Path

from tests.acceptance import commands, story

commands.PROJECT = Path(os.environ["STANDIN_PROJECT"])
commands.PROGRAM = (sys.executable, str(Path(__file__).with_name("acceptance_ops.py")))
story.PAUSE_S = 0
