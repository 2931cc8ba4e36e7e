"""Where the join lives on a hybrid node, and the commands a person needs there.

userdata/join.sh and userdata/eks-hybrid-join.service name the same places; tests keep them equal.
"""

NODE_CONFIG = "/etc/nodeadm/nodeConfig.yaml"
"""nodeadm's configuration. It holds the activation code: only root reads it."""

PARAMETERS = "/etc/nodeadm/join.env"
"""The script's parameters, as lines for a shell."""

SCRIPT = "/usr/local/sbin/eks-hybrid-join"
"""One run is one attempt to join. By hand it is also safe on a machine that has joined."""

UNIT_NAME = "eks-hybrid-join.service"
UNIT = f"/etc/systemd/system/{UNIT_NAME}"
"""Runs the script at every boot until the machine has joined."""

LOG = "/var/log/eks-hybrid-join.log"
"""All runs since the machine was made, the same lines as in the journal and on the console."""

PREPARE_SCRIPT = "/usr/local/sbin/eks-hybrid-prepare"
"""Looks for what is in the way, and tells the services about a proxy. On machines of one's own only."""

LEAVE_SCRIPT = "/usr/local/sbin/eks-hybrid-leave"
"""Makes a machine of one's own forget the cluster."""

JOINED = "/var/lib/eks-hybrid-join/joined"
"""There once the machine has joined. While it is there, the unit is skipped."""

STATE = "/run/eks-hybrid-join"
"""What the attempts of one boot remember; gone at the next boot."""

LOG_COMMAND = "sudo journalctl --unit eks-hybrid-join"
