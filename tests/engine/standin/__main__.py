"""`python -m tests.engine.standin PACKAGE`: serve one provider until the engine ends us."""

import sys

from tests.engine.standin.provider import serve

serve(sys.argv[1])
