"""The load balancer's listeners: http alone, or https and a redirect to it. test_nodes.py has its targets."""

import pytest

from tests.conftest import CERTIFICATE

LISTENER = "aws:lb/listener:Listener"


@pytest.fixture
def https(record):
    return record(albCertificateArn=CERTIFICATE)


def test_without_a_certificate_one_listener_answers_http(dev):
    listener = dev.one(LISTENER)
    assert (listener.inputs["protocol"], listener.inputs["port"]) == ("HTTP", 80)
    assert listener.inputs["defaultActions"][0]["type"] == "forward"
    assert not {"certificateArn", "sslPolicy"} & listener.inputs.keys()
    assert "albDnsName" not in dev.stack_outputs


def test_with_one_port_443_answers_by_a_current_policy(https, dev):
    listener = https.one(LISTENER, "alb-https").inputs
    assert (listener["protocol"], listener["port"]) == ("HTTPS", 443)
    assert listener["certificateArn"] == CERTIFICATE
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
    assert listener["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    (action,), (plain,) = listener["defaultActions"], dev.one(LISTENER).inputs["defaultActions"]
    assert [each["weight"] for each in action["forward"]["targetGroups"]] == [
        each["weight"] for each in plain["forward"]["targetGroups"]
    ]


def test_port_80_then_redirects_and_is_the_same_resource_as_before(https, dev):
    listener = https.one(LISTENER, "alb").inputs
    assert (listener["protocol"], listener["port"]) == ("HTTP", 80)
    assert listener["defaultActions"] == [
        {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
    ]
    assert dev.one(LISTENER).name == "alb"


def test_nobody_is_sent_to_a_port_that_does_not_answer_yet(https):
    # The engine removes in the opposite order, after all changes: on the way back too, port 80 answers by itself first.
    assert https.one(LISTENER, "alb-https").urn in https.one(LISTENER, "alb").dependencies


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://alb-"),
        ({"albCertificateArn": CERTIFICATE}, "https://alb-"),
        ({"albCertificateArn": CERTIFICATE, "albHostName": "app.example.com"}, "https://app.example.com"),
        ({"albHostName": "app.example.com"}, "http://app.example.com"),
    ],
    ids=["nothing", "certificate", "both", "name"],
)
def test_the_url_has_the_users_own_name_where_there_is_one(record, settings, url):
    outputs = record(**settings).stack_outputs
    assert outputs["albUrl"].startswith(url)
    # What the DNS record of that name points to.
    own = outputs.get("albDnsName", "")
    assert own.endswith(".elb.amazonaws.com") is ("albHostName" in settings)


def test_without_the_sample_app_there_is_no_load_balancer_and_no_output_of_it(record, dev):
    recording = record(sampleApp=False)
    gone = {r.urn for r in dev.resources.values()} - {r.urn for r in recording.resources.values()}
    assert {dev.resources[urn].type for urn in gone} == {
        "aws:autoscaling/attachment:Attachment",
        "aws:ec2/securityGroup:SecurityGroup",
        LISTENER,
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:lb/targetGroup:TargetGroup",
        "aws:lb/targetGroupAttachment:TargetGroupAttachment",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "kubernetes:apps/v1:Deployment",
        "kubernetes:core/v1:Namespace",
        "kubernetes:core/v1:Service",
    }
    assert recording.resources.keys() <= dev.resources.keys()
    assert dev.stack_outputs.keys() - recording.stack_outputs.keys() == {"albUrl"}
    assert "Sample app: none" in recording.stack_outputs["readme"]
