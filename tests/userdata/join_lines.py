"""The fixed lines of userdata/join.sh, by which people and `ops doctor` know where a join stands.

Each line starts with the UTC time and a space. One run of the script is one attempt; the unit makes the next one.

    join: step 4/7 TITLE                       the step begins
    join: at step 4/7: REMARK                  something worth knowing
    join: done: TEXT                           last line of a run that joined, or found the machine joined
    join: failed at step 4/7 TITLE: REASON     last line of any other run; REASON ends with the last error of nodeadm
                                               (or curl, apt, kubectl), or is `ended by SIGTERM`
"""

STEPS = (
    "look whether this machine has joined",
    "download nodeadm",
    "check the node configuration",
    "install the Kubernetes components",
    "clear the CNI configuration",
    "join the cluster",
    "check the kubelet",
)

TIME = r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) "
_STEP = r"(?P<step>\d+)/(?P<steps>\d+)"
STEP_LINE = TIME + rf"join: step {_STEP} (?P<title>[^\n]*)"
REMARK_LINE = TIME + rf"join: at step {_STEP}: (?P<remark>[^\n]*)"
DONE_LINE = TIME + r"join: done: (?P<text>[^\n]*)"
FAILED_LINE = TIME + rf"join: failed at step {_STEP} (?P<title>[^\n:]*): (?P<reason>[^\n]*)"

NEXT_ATTEMPT = r"attempt (?P<number>\d+) failed, the next one is in (?P<seconds>\d+) s"
"""Remark before the last line of a failed run of the unit: it goes on by itself."""

FINAL = "trying again cannot help, so this stops here"
"""Remark before the last line of a run that failed for good: nothing happens until a person repairs the cause."""

FINAL_EXIT_CODE = 78
"""Exit code of such a run (EX_CONFIG of sysexits.h): the unit is not restarted."""

PROGRESS = "nodeadm: "
"""Before nodeadm's own words of progress. Its errors stay as it wrote them (JSON), without their stack trace."""
