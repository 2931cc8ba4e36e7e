"""Allow-lists and logs: the exact message, and that its command mends the settings."""

import pytest

LOGS = "api, audit, authenticator, controllerManager, scheduler"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "clusterAdmins",
            ["arn:aws:sts::123456789012:assumed-role/deployer/me"],
            (
                "clusterAdmins[0] arn:aws:sts::123456789012:assumed-role/deployer/me is not the ARN of an IAM role or"
                " user (of a session's role, with its path: aws iam get-role). Set one, e.g. pulumi config set --path"
                " 'clusterAdmins[0]' arn:aws:iam::123456789012:role/deployer"
            ),
        ),
        (
            "clusterAdmins",
            ["arn:aws:iam::123456789012:user/me", "arn:aws:iam::123456789012:user/me"],
            (
                'clusterAdmins ["arn:aws:iam::123456789012:user/me", "arn:aws:iam::123456789012:user/me"] has'
                " arn:aws:iam::123456789012:user/me twice. Remove one of them, e.g. pulumi config rm --path"
                " 'clusterAdmins[1]'"
            ),
        ),
        (
            "apiAllowedCidrs",
            ["203.0.113.0/24", "198.51.100.7"],
            (
                "apiAllowedCidrs[1] 198.51.100.7 has no prefix length. Write the network and its prefix length,"
                " e.g. pulumi config set --path 'apiAllowedCidrs[1]' 198.51.100.7/32"
            ),
        ),
        (
            "apiAllowedCidrs",
            ["2001:db8::/32"],
            (
                "apiAllowedCidrs[0] 2001:db8::/32 is not an IPv4 CIDR. Write the network and its prefix length,"
                " e.g. pulumi config set --path 'apiAllowedCidrs[0]' 203.0.113.0/24"
            ),
        ),
        (
            "apiAllowedCidrs",
            ["10.0.0.0/8"],
            (
                "apiAllowedCidrs[0] 10.0.0.0/8 overlaps 10.0.0.0/8, which is not public. The API endpoint sees public"
                " addresses only, e.g. pulumi config set --path 'apiAllowedCidrs[0]' 203.0.113.0/24"
            ),
        ),
        (
            "apiAllowedCidrs",
            [],
            (
                "apiAllowedCidrs [] has 0 ranges. 1 to 38 are possible (EKS takes 40, and the two NAT gateways need"
                " theirs), e.g. pulumi config set --path 'apiAllowedCidrs[0]' 203.0.113.0/24"
            ),
        ),
        (
            "apiAllowedCidrs",
            ["203.0.113.0/24", "198.51.100.0/24", "203.0.113.0/24"],
            (
                'apiAllowedCidrs ["203.0.113.0/24", "198.51.100.0/24", "203.0.113.0/24"] has'
                " 203.0.113.0/24 twice. Remove"
                " one of them, e.g. pulumi config rm --path 'apiAllowedCidrs[2]'"
            ),
        ),
        (
            "apiAllowedCidrs",
            "203.0.113.0/24",
            (
                "apiAllowedCidrs 203.0.113.0/24 is not a list of IPv4 CIDRs. Set one, e.g. pulumi config rm"
                " apiAllowedCidrs && pulumi config set --path 'apiAllowedCidrs[0]' 203.0.113.0/24"
            ),
        ),
        (
            "apiAllowedCidrs",
            ["203.0.113.0/24", True],
            (
                "apiAllowedCidrs[1] true cannot be an entry of the list. Remove it,"
                " e.g. pulumi config rm --path 'apiAllowedCidrs[1]'"
            ),
        ),
        (
            "albAllowedCidrs",
            ["203.0.113.5/24"],
            (
                "albAllowedCidrs[0] 203.0.113.5/24 has host bits set. Write the network and its prefix length,"
                " e.g. pulumi config set --path 'albAllowedCidrs[0]' 203.0.113.0/24"
            ),
        ),
        (
            "albAllowedCidrs",
            "everyone",
            (
                "albAllowedCidrs everyone is not a list of IPv4 CIDRs. Set one, e.g. pulumi config rm"
                " albAllowedCidrs && pulumi config set --path 'albAllowedCidrs[0]' 203.0.113.0/24"
            ),
        ),
        (
            "albAllowedCidrs",
            [],
            (
                "albAllowedCidrs [] has 0 ranges. 1 to 60 are possible (a security group takes 60 rules),"
                " e.g. pulumi config set --path 'albAllowedCidrs[0]' 203.0.113.0/24"
            ),
        ),
        (
            "albAllowedCidrs",
            ["0.0.0.0/0", "0.0.0.0/0"],
            (
                'albAllowedCidrs ["0.0.0.0/0", "0.0.0.0/0"] has 0.0.0.0/0 twice. Remove one of them,'
                " e.g. pulumi config rm --path 'albAllowedCidrs[1]'"
            ),
        ),
        (
            "webhookPorts",
            [9443, 9443],
            (
                "webhookPorts [9443, 9443] has 9443 twice. Remove one of them,"
                " e.g. pulumi config rm --path 'webhookPorts[1]'"
            ),
        ),
        (
            "webhookPorts",
            [9443, 70000],
            (
                "webhookPorts[1] 70000 is not a port from 1 to 65535. Set one,"
                " e.g. pulumi config set --path 'webhookPorts[1]' 9443"
            ),
        ),
        (
            "webhookPorts",
            list(range(9000, 9011)),
            (
                "webhookPorts [9000, 9001, 9002, 9003, 9004, 9005, 9006, 9007, 9008, 9009, 9010] has 11 ports. 0 to 10"
                " are possible (a security group takes 60 rules), e.g. pulumi config rm --path 'webhookPorts[10]'"
            ),
        ),
        (
            "webhookPorts",
            [9443, 10250],
            (
                "webhookPorts[1] 10250 is open already, for kubelets. Take it out,"
                " e.g. pulumi config rm --path 'webhookPorts[1]'"
            ),
        ),
        (
            "webhookPorts",
            [30080],
            (
                "webhookPorts[0] 30080 is open already, for the sample application. Take it out,"
                " e.g. pulumi config rm --path 'webhookPorts[0]'"
            ),
        ),
        (
            "controlPlaneLogs",
            ["audit", "kubelet"],
            (
                f"controlPlaneLogs[1] kubelet is not one of {LOGS}. Choose one of them,"
                " e.g. pulumi config set --path 'controlPlaneLogs[1]' audit"
            ),
        ),
        (
            "controlPlaneLogs",
            ["audit", "audit"],
            (
                'controlPlaneLogs ["audit", "audit"] has audit twice. Remove one of them,'
                " e.g. pulumi config rm --path 'controlPlaneLogs[1]'"
            ),
        ),
        (
            "controlPlaneLogs",
            "audit",
            (
                f"controlPlaneLogs audit is not a list of logs, of {LOGS}. Set one,"
                " e.g. pulumi config rm controlPlaneLogs && pulumi config set --path 'controlPlaneLogs[0]' audit"
            ),
        ),
    ],
)
def test_lists_with_entries_that_aws_would_reject_are_rejected(rejects, name, value, message):
    rejects(name, value, message)


@pytest.mark.parametrize(
    "cidr",
    [
        "0.1.0.0/16",
        "10.1.0.0/16",
        "100.64.1.0/24",
        "127.0.0.0/8",
        "169.254.1.0/24",
        "172.16.0.0/12",
        "192.168.1.0/24",
        "224.0.0.0/8",
        "240.0.0.0/8",
        "0.0.0.0/1",
    ],
)
def test_the_api_allow_list_takes_public_ranges_only_and_the_albs_takes_all(problems, parse, cidr):
    (message,) = problems(apiAllowedCidrs=[cidr])
    assert "which is not public" in message
    assert parse(albAllowedCidrs=[cidr]).alb_allowed_cidrs == (cidr,)


def test_allow_lists_have_the_length_that_aws_and_the_nat_gateways_leave(problems, parse):
    ranges = [f"198.51.100.{number}/32" for number in range(61)]
    assert len(parse(apiAllowedCidrs=ranges[:38]).api_allowed_cidrs) == 38
    assert len(parse(albAllowedCidrs=ranges[:60]).alb_allowed_cidrs) == 60
    (api,) = problems(apiAllowedCidrs=ranges[:39])
    (alb,) = problems(albAllowedCidrs=ranges)
    assert api.endswith(
        " has 39 ranges. 1 to 38 are possible (EKS takes 40, and the two NAT gateways need theirs),"
        " e.g. pulumi config rm --path 'apiAllowedCidrs[38]'"
    )
    assert alb.endswith(
        " has 61 ranges. 1 to 60 are possible (a security group takes 60 rules),"
        " e.g. pulumi config rm --path 'albAllowedCidrs[60]'"
    )
