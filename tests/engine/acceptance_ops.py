"""What stands for `ops` in a run of `make acceptance`: plan is the real one, the others say what they are told to.

The file ops.json in STANDIN_FOLDER holds the orders: {"fail": ["verify 2"], "hang": ["verify 1"]}: the second run of
`ops verify` fails, the first does not end before it is interrupted. "plan" is what ops plan says, in place of the
real one. Every call is a line in ops.txt.
"""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

from ops.verify.catalogue import CHECKS, LEFTOVERS


def _main(*arguments: str) -> None:
    folder = Path(os.environ["STANDIN_FOLDER"])
    log, orders = folder / "ops.txt", folder / "ops.json"
    name = "destroyed" if "--destroyed" in arguments else arguments[0]
    before = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    call = f"{name} {1 + sum(line.split()[0] == name for line in before)}"
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{call} {' '.join(arguments)}\n")
    told = json.loads(orders.read_text(encoding="utf-8")) if orders.exists() else {}
    if call in told.get("hang", ()):
        signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
        time.sleep(300)
    if name == "plan" and "plan" in told:
        json.dump(told["plan"], sys.stdout)
        return
    if name == "plan":
        # That of the project, which is in the current folder.
        del os.environ["PYTHONPATH"]
        os.execv(sys.executable, [sys.executable, "-m", "ops", *arguments])  # noqa: S606 - it is Python
    failing = call in told.get("fail", ())
    if name == "doctor":
        Path(arguments[arguments.index("--bundle") + 1]).write_bytes(b"a bundle")
        sys.exit(1)
    ids = [check.id for check in (LEFTOVERS if name == "destroyed" else CHECKS)]
    if "--only" in arguments:
        ids = [id_ for id_ in ids if re.search(arguments[arguments.index("--only") + 1], id_)]
    problem = {"seen": f"{ids[0]} is broken", "why": "the test says so", "fix": "aws ec2 delete-it"}
    checks = [
        {
            "id": id_,
            "status": "fail" if failing and id_ == ids[0] else "pass",
            "summary": "as told",
            "problems": [problem] if failing and id_ == ids[0] else [],
        }
        for id_ in ids
    ]
    json.dump({"schema": 1, "checks": checks}, sys.stdout)
    sys.exit(1 if failing else 0)


if __name__ == "__main__":
    _main(*sys.argv[1:])
