"""The load balancer's certificate: AWS takes it only if it is there, in this region and account, and issued."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from ops.checks.model import Findings, Outcome, listed, skipped
from ops.ready.context import Context, asked

# ACM begins to renew what it has issued weeks before that, 60 days before the end in
# https://docs.aws.amazon.com/acm/latest/userguide/renew-private-cert.html.
_SOON: Final = timedelta(days=30)
_SET: Final = "pulumi config set albCertificateArn ARN"
# https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html
_UNISSUED: Final = {
    "PENDING_VALIDATION": "ACM has not yet seen that the names are yours",
    "VALIDATION_TIMED_OUT": "nobody showed ACM within 72 hours that the names are his",
    "EXPIRED": "its last day is over",
    "REVOKED": "its authority has taken it back",
    "FAILED": "ACM could not issue it",
    "INACTIVE": "it is imported, and not in force",
}


@asked("account.certificate", "the load balancer's certificate is issued")
def certificate(context: Context, findings: Findings) -> str | Outcome:
    arn = context.wanted.certificate
    if not arn:
        return skipped("albCertificateArn is not set: the URL is http")
    account = context.ask("sts", "get_caller_identity")["Account"]
    if arn.split(":")[4] != account:
        findings.fail(
            f"the certificate is of account {arn.split(':')[4]}, and these credentials are of {account}",
            why="a load balancer takes certificates of its own account only",
            fix=f"aws acm list-certificates --region {context.wanted.region}; then {_SET}",
        )
        return ""
    answer = context.ask(
        "acm", "describe_certificate", missing=("ResourceNotFoundException",), CertificateArn=arn
    )
    if answer is None:
        findings.fail(
            f"there is no certificate {arn}",
            why="it was deleted, or its ARN is another",
            fix=f"aws acm list-certificates --region {context.wanted.region}; then {_SET}",
        )
        return ""
    found = answer["Certificate"]
    names = list(dict.fromkeys([found["DomainName"], *found.get("SubjectAlternativeNames", ())]))
    _judge(context, findings, found, names)
    return f"certificate for {listed(names)} is issued"


def _judge(context: Context, findings: Findings, found: dict[str, Any], names: list[str]) -> None:
    status, host, ends = found["Status"], context.wanted.host, found.get("NotAfter")
    arn = context.wanted.certificate
    if status != "ISSUED":
        pending = status == "PENDING_VALIDATION"
        findings.fail(
            f"the certificate is {status}",
            why=f"{_UNISSUED.get(status, 'AWS says so')}; a load balancer takes an issued one only",
            fix=f"make the DNS record that aws acm describe-certificate --certificate-arn {arn} shows, and wait"
            if pending
            else f"request or import another one; then {_SET}",
        )
    elif ends and ends - context.now() < _SOON:
        findings.warn(
            f"the certificate ends on {ends:%Y-%m-%d}",
            why="it is imported, so nobody renews it, or ACM could not renew it",
            fix=f"aws acm describe-certificate --certificate-arn {arn} says which; import it again, or make the DNS "
            "record that it shows",
        )
    if host and not _covers(names, host):
        findings.fail(
            f"the certificate is for {listed(names)}, not for albHostName {host}",
            why="clients refuse a certificate for another name",
            fix=f"pulumi config set albHostName NAME with one of its names, or {_SET} of a certificate for {host}",
        )


def _covers(names: Iterable[str], host: str) -> bool:
    """Whether a certificate with these names is for a host: a * stands for its first label."""
    return bool({host, f"*.{host.partition('.')[2]}"} & {name.lower() for name in names})
