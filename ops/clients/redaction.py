"""Takes secrets out of text and data. Pure, total, and idempotent.

Two nets, because neither is enough alone: values that are known to be secret (those of the kubeconfig) are removed
wherever they occur, in the usual encodings too; everything else goes by its shape, for an activation code or a token
may turn up in a console or a log without this program ever having held it. When in doubt, out: a role name that looks
like a key is a small loss.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

REMOVED = "[removed]"
USER_DATA_REMOVED = "[user data removed]"

_MOST_PASSES = 10

# Shorter values ("aws", "v1") occur everywhere; no secret of ours is that short.
_SHORTEST_KNOWN = 8

# User data, as cloud-init echoes it when it stumbles: from its head to the next line that is certainly not part of
# it (a line of the join script, which starts with the time; a kernel line), else to the end.
_USER_DATA = re.compile(
    r"^[^\n]*(?:\#cloud-config|Content-Type:\s*(?:multipart/mixed|text/cloud-config)|\bwrite_files:).*?"
    r"(?=^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ |^\[\s*\d+\.\d+\] (?!cloud-init|ci-info)|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL)

# Names whose value is a secret, in YAML, JSON (escaped or not), ini, shell and URLs.
_NAMES = (
    r"activation[-_ ]?code|(?:aws[-_]?)?secret[-_]?access[-_]?key|(?:aws[-_]?)?access[-_]?key[-_]?id"
    r"|(?:aws[-_]?)?(?:session|security|id|access|refresh|bearer|auth)?[-_]?token|pass(?:word|wd|phrase)"
    r"|client-(?:key|certificate)-data|certificate-authority-data|client[-_]?secret|secret[-_]?key|private[-_]?key"
    r"|authorization|x-amz-(?:security-token|signature|credential)|user[-_]?data"
)
_NAMED = re.compile(
    rf"(?i)(?<![a-z0-9])((?:{_NAMES})(?:\\?[\"'])?\s*[:=]\s*(?:[|>][-+]?\s+)?(?:(?:bearer|basic)\s+)?)"
    r"(?:\[removed\]|\\?\"(?:[^\"\\\n]|\\[^\"\n])*\\?\"?|'[^'\n]*'?|[^\s\"',;&}\]]+)"
)
_FLAGS = re.compile(
    r"(?i)(?<!\S)(--?(?:activation-)?code|--?(?:token|password))([ =]+)(?:\"[^\"\n]*\"?|'[^'\n]*'?|\S+)"
)

_SHAPES = tuple(
    re.compile(pattern)
    for pattern in (
        r"k8s-aws-v1\.[A-Za-z0-9_=-]*",  # aws eks get-token: a presigned URL
        r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*",  # JWT
        r"(?i:\b(?:bearer|basic)[ ]+)[A-Za-z0-9._~+/=-]{8,}",
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,}",  # AWS access key ids
        r"(?<![A-Za-z0-9])[a-z0-9]{6}\.[a-z0-9]{16}(?![A-Za-z0-9.-])",  # kubeadm bootstrap tokens
    )
)

# What looks opaque and is a name: words of AWS with a number (Ec2LaunchTemplateNotFound), the kubelet's paths behind
# its port (10250/containerLogs/kube-system/calico-node-x), GuardDuty's group of a VPC, the paths of package mirrors
# (com/ubuntu/dists/noble/main/binary-amd64/Packages).
_NAME = (
    r"(?!(?:AWS|E[Cc]2|ECR|EKS|KMS|SSM|Ipv6|[A-Z][a-z]{2,})+(?![A-Za-z0-9+/=])|GuardDutyManagedSecurityGroup-vpc-"
    r"|\d{2,5}/(?:apis?|attach|containerLogs|exec|metrics|portForward|stats)/"
    r"|(?:[A-Za-z0-9-]{2,20}/){0,6}(?:dists|pool|repodata|binary-[a-z0-9]+|by-hash)/)"
)


def _mixed(letters: str) -> str:
    """Look ahead for upper case, lower case and a digit in a run of these letters."""
    return "".join(f"(?=[{letters}]*[{kind}])" for kind in ("a-z", "A-Z", "0-9"))


# Opaque values mix the three. An activation code has 20 characters, an AWS secret key 40.
_OPAQUE = tuple(
    re.compile(rf"(?<![{letters}]){_NAME}{_mixed(letters)}[{letters}]{length}(?![{letters}])")
    for letters, length in (
        ("A-Za-z0-9+/", "{20}"),
        ("A-Za-z0-9+=", "{20,}"),
        ("A-Za-z0-9+/=_-", "{40,}"),
    )
)

_SECRET_KEYS = frozenset(
    {
        *(
            "token",
            "accesstoken",
            "idtoken",
            "refreshtoken",
            "sessiontoken",
            "securitytoken",
            "authorization",
        ),
        *("password", "passwd", "secret", "clientsecret", "secretkey", "secretaccesskey", "accesskeyid"),
        *("privatekey", "clientkeydata", "clientcertificatedata", "certificateauthority"),
        *("certificateauthoritydata", "userdata", "activationcode", "kubeconfig"),
    }
)


class Redactor:
    """Removes the given secrets, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST_KNOWN for form in _forms(secret)}
        # The longest first: one secret may be part of another.
        self._known = sorted(forms, key=lambda form: (-len(form), form))

    def text(self, text: str) -> str:
        """Give the text without secrets."""
        # Until nothing changes: what is removed may lay bare what stood around it.
        for _ in range(_MOST_PASSES):
            before, text = text, self._pass(text)
            if text == before:
                break
        return text

    def _pass(self, text: str) -> str:
        for known in self._known:
            text = text.replace(known, REMOVED)
        text = _USER_DATA.sub(f"{USER_DATA_REMOVED}\n", text)
        text = _PEM.sub(REMOVED, text)
        text = _NAMED.sub(rf"\g<1>{REMOVED}", text)
        text = _FLAGS.sub(rf"\g<1>\g<2>{REMOVED}", text)
        for pattern in (*_SHAPES, *_OPAQUE):
            text = pattern.sub(REMOVED, text)
        return text

    def data(self, value: Any) -> Any:
        """Give JSON-like data without secrets; what is no JSON (dates) stays."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self.text(key) if isinstance(key, str) else key: (
                    REMOVED if _is_secret(key) and item else self.data(item)
                )
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.data(item) for item in value]
        return value


def kubeconfig_secrets(kubeconfig: Mapping[str, Any] | None) -> list[str]:
    """List the secret values of a kubeconfig: all that its users hold, the arguments of a plug-in apart."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, Mapping):
            for item in value.values():
                walk(item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                walk(item)

    users = (kubeconfig or {}).get("users")
    for entry in users if isinstance(users, list) else []:
        user = entry.get("user") if isinstance(entry, Mapping) else None
        if not isinstance(user, Mapping):
            continue
        walk({key: item for key, item in user.items() if key != "exec"})
        plugin = user.get("exec")
        variables = plugin.get("env") if isinstance(plugin, Mapping) else None
        for variable in variables if isinstance(variables, list) else []:
            # AWS_PROFILE and the like are names; only what is called a secret is one.
            if isinstance(variable, Mapping) and re.search(
                r"(?i)secret|token|key", str(variable.get("name"))
            ):
                walk(variable.get("value"))
    return found


def _is_secret(key: object) -> bool:
    return isinstance(key, str) and re.sub(r"[-_ ]", "", key).lower() in _SECRET_KEYS


def _forms(secret: str) -> set[str]:
    """The secret as it is, and as JSON, URLs and base64 write it."""
    raw = secret.encode("utf-8", "surrogatepass")
    return {
        secret,
        json.dumps(secret)[1:-1],
        quote(raw, safe=""),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }
