"""The certificate of the load balancer: what fits this stack, and what AWS would refuse half way through an `up`."""

from datetime import date

import pytest

import settings
from tests.settings.conftest import PROJECT, follow, raw_settings

NAME = "certificate/01234567-89ab-cdef-0123-456789abcdef"
HERE = f"arn:aws:acm:ap-northeast-1:123456789012:{NAME}"
THERE = f"arn:aws:acm:us-east-1:123456789012:{NAME}"


def in_region(region, arn, **more):
    return raw_settings(albCertificateArn=arn) | {"aws:region": region} | more


def told(raw):
    """The one thing that is wrong; what the text advises is accepted."""
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse(raw, project=PROJECT)
    (problem,) = caught.value.problems
    assert settings.parse(follow(raw, problem), project=PROJECT)
    return problem.removeprefix("eks-hybrid-calico:")


def test_without_one_there_is_none(parse):
    assert (parse().alb_certificate_arn, parse().alb_host_name) == (None, None)
    assert (parse(albCertificateArn="").alb_certificate_arn, parse(albHostName="").alb_host_name) == (
        None,
        None,
    )


def test_one_of_this_region_and_a_name_of_ones_own_are_taken(parse):
    found = parse(albCertificateArn=HERE, albHostName="app.example.com")
    assert (found.alb_certificate_arn, found.alb_host_name) == (HERE, "app.example.com")


@pytest.mark.parametrize(
    "value",
    [
        "app.example.com",
        NAME,
        f"arn:aws:iam::123456789012:server-{NAME}",
        f"arn:aws:acm:ap-northeast-1:1234:{NAME}",
        f"{HERE} ",
        HERE.replace("certificate/", "certificate-authority/"),
    ],
)
def test_what_is_no_certificate_of_acm_is_rejected(rejects, value):
    shown = f'"{value}"' if " " in value else value
    shown = shown if len(shown) <= 80 else f"{shown[:80]}..."
    rejects(
        "albCertificateArn",
        value,
        f"albCertificateArn {shown} is not the ARN of a certificate in AWS Certificate Manager. Set one, e.g."
        f" pulumi config set albCertificateArn {HERE}",
    )


@pytest.mark.parametrize(
    "value",
    [
        "*.example.com",
        "https://app.example.com",
        "App.example.com",
        "app",
        "app.example.com:443",
        "a..b",
        "-a.b",
    ],
)
def test_what_is_no_host_name_is_rejected(rejects, value):
    rejects(
        "albHostName",
        value,
        f"albHostName {value} is not a DNS name in lower case, without a scheme, a port or a *. Set one, e.g."
        " pulumi config set albHostName app.example.com",
    )


def test_one_of_another_region_is_rejected(problems):
    (problem,) = problems(albCertificateArn=THERE)
    assert problem == (
        f"eks-hybrid-calico:albCertificateArn {THERE[:80]}... is not of aws:region ap-northeast-1, and a load balancer"
        " takes certificates of its region only. Set one of aws acm list-certificates --region ap-northeast-1, or make"
        f" one there, e.g. pulumi config set albCertificateArn {HERE}"
    )


@pytest.mark.parametrize(
    ("region", "arn"),
    [
        ("us-east-1", HERE),
        ("cn-north-1", f"arn:aws:acm:cn-north-1:123456789012:{NAME}"),
        ("us-gov-west-1", f"arn:aws:acm:us-gov-west-1:123456789012:{NAME}"),
        ("eu-west-1", f"arn:aws-cn:acm:eu-west-1:123456789012:{NAME}"),
    ],
)
def test_region_and_partition_must_be_those_of_the_stack(region, arn):
    assert f"is not of aws:region {region}" in told(in_region(region, arn))


@pytest.mark.parametrize(
    ("region", "partition"),
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-iso-east-1", "aws-iso")],
)
def test_the_other_partitions_have_their_own_certificates(region, partition):
    arn = f"arn:{partition}:acm:{region}:123456789012:{NAME}"
    assert settings.parse(in_region(region, arn), project=PROJECT).alb_certificate_arn == arn


def test_one_of_an_account_that_the_stack_may_not_be_in_is_rejected():
    # Pulumi's CLI stores a number where a text looks like one.
    raw = in_region("ap-northeast-1", HERE, **{"aws:allowedAccountIds": "[210987654321]"})
    assert told(raw) == (
        f"albCertificateArn {HERE[:80]}... is of account 123456789012, which is not one of aws:allowedAccountIds"
        " 210987654321, and a load balancer takes certificates of its account only. Set one of aws acm"
        " list-certificates --region ap-northeast-1, or make one there, e.g. pulumi config set albCertificateArn"
        f" {HERE.replace('123456789012', '210987654321')}"
    )
    both = {"aws:allowedAccountIds": '["210987654321", "123456789012"]'}
    assert settings.parse(in_region("ap-northeast-1", HERE, **both), project=PROJECT)


def test_what_is_no_account_is_named_by_its_own_key():
    with pytest.raises(settings.SettingsError, match=r"aws:allowedAccountIds\[0\] 12 is not an account id"):
        settings.parse(raw_settings() | {"aws:allowedAccountIds": "[12]"}, project=PROJECT)


def test_each_client_takes_two_rules_of_the_sixty_that_a_group_has(parse, problems, advised):
    clients = [f"198.51.100.{number}/32" for number in range(31)]
    (problem,) = problems(albCertificateArn=HERE, albAllowedCidrs=clients)
    assert problem == (
        "eks-hybrid-calico:albAllowedCidrs 31 ranges take two rules each with albCertificateArn, for the ports 80 and"
        " 443, and a security group takes 60. 30 are possible; join some, or remove them, e.g. pulumi config rm --path"
        " 'albAllowedCidrs[30]'"
    )
    assert len(advised(albCertificateArn=HERE, albAllowedCidrs=clients).alb_allowed_cidrs) == 30
    assert parse(albAllowedCidrs=clients)


def test_one_without_a_name_is_worth_a_warning(parse):
    def said(**given):
        return [
            each
            for each in settings.warnings(parse(**given), date(2026, 11, 25), PROJECT)
            if "Certificate" in each
        ]

    assert said() == said(albCertificateArn=HERE, albHostName="app.example.com") == []
    (warning,) = said(albCertificateArn=HERE)
    assert warning.endswith("e.g. pulumi config set albHostName app.example.com")
