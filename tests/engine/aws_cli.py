"""What stands for the AWS CLI: pulumi-eks asks for its version, and the kubeconfig for a token."""

from pathlib import Path

_SCRIPT = """#!/bin/sh
case "$*" in
  --version) echo "aws-cli/2.31.0 Python/3.13.7 Linux/6.8.0 exe/x86_64.ubuntu.24" ;;
  *" eks get-token "*)
    echo '{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
           "status": {"token": "k8s-aws-v1.c3RhbmQtaW4"}}' ;;
  *) echo "the stand-in for aws does not know: $*" >&2; exit 2 ;;
esac
"""


def write_aws_cli(folder: Path) -> Path:
    """Write it into a new folder, for the PATH; return the folder."""
    folder.mkdir()
    program = folder / "aws"
    program.write_text(_SCRIPT, encoding="utf-8")
    program.chmod(0o755)
    return folder
