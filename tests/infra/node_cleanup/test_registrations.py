"""SSM calls and what their errors tell, with botocore's Stubber."""

from types import SimpleNamespace

import pytest
from botocore import exceptions
from botocore.stub import Stubber

from infra.credentials import Identity
from infra.eks_api import CleanupError, EksApi, explained, open_session

MINE = "0a1b2c3d-0000-4000-8000-000000000001"
FILTERS = [{"Key": "ActivationIds", "Values": [MINE]}]


@pytest.fixture
def ssm(clients, aws, new_api):
    aws.cluster = None
    with Stubber(clients["ssm"]) as stub:
        yield SimpleNamespace(api=new_api([]), stub=stub)
        stub.assert_no_pending_responses()


def page(*machines, token=None):
    rows = [{"InstanceId": name, "ActivationId": activation} for name, activation in machines]
    return {"InstanceInformationList": rows} | ({"NextToken": token} if token else {})


def test_registrations_are_asked_for_by_activation_and_read_from_every_page(ssm):
    first = page(("mi-0aaaaaaaaaaaaaaaa", MINE), token="more")
    ssm.stub.add_response("describe_instance_information", first, {"Filters": FILTERS})
    second = page(("mi-0bbbbbbbbbbbbbbbb", MINE))
    ssm.stub.add_response("describe_instance_information", second, {"Filters": FILTERS, "NextToken": "more"})
    assert ssm.api.registrations(MINE) == {"mi-0aaaaaaaaaaaaaaaa", "mi-0bbbbbbbbbbbbbbbb"}


def test_an_answer_about_other_machines_is_not_believed(ssm):
    answer = page(
        ("mi-0aaaaaaaaaaaaaaaa", "0a1b2c3d-0000-4000-8000-000000000002"), ("i-0ccccccccccccccccc", MINE)
    )
    ssm.stub.add_response("describe_instance_information", answer)
    assert ssm.api.registrations(MINE) == set()


def test_deregistration_says_whether_there_was_something(ssm):
    asked = {"InstanceId": "mi-0aaaaaaaaaaaaaaaa"}
    ssm.stub.add_response("deregister_managed_instance", {}, asked)
    ssm.stub.add_client_error("deregister_managed_instance", "InvalidInstanceId", expected_params=asked)
    assert ssm.api.deregister("mi-0aaaaaaaaaaaaaaaa") is True
    assert ssm.api.deregister("mi-0aaaaaaaaaaaaaaaa") is False


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessDeniedException", "Allow ssm:DescribeInstanceInformation to the identity"),
        ("UnrecognizedClientException", "Sign in again"),
        ("ExpiredTokenException", "Sign in again"),
        ("InternalServerError", "answered ssm:DescribeInstanceInformation with InternalServerError"),
    ],
)
def test_an_error_of_aws_says_what_to_do(ssm, code, advice):
    ssm.stub.add_client_error("describe_instance_information", code, "The message.")
    with pytest.raises(CleanupError, match="The message") as caught:
        ssm.api.registrations(MINE)
    assert advice in str(caught.value)
    assert caught.value.__suppress_context__, "the engine prints the whole chain of tracebacks"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (exceptions.NoCredentialsError(), "Sign in again"),
        (exceptions.SSOTokenLoadError(error_msg="the SSO session has expired"), "Sign in again"),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="expired"), "Sign in again"),
        (exceptions.EndpointConnectionError(endpoint_url="https://ssm"), "Check the network"),
    ],
)
def test_an_error_on_this_side_says_what_to_do(error, advice):
    with pytest.raises(CleanupError, match=advice), explained("ssm:DescribeInstanceInformation"):
        raise error


def test_a_request_that_boto3_refuses_is_not_called_a_fault_of_the_network():
    refusal = exceptions.ParamValidationError(report="DurationSeconds is a float")
    with (
        pytest.raises(CleanupError, match="DurationSeconds is a float") as caught,
        explained("sts:AssumeRole"),
    ):
        raise refusal
    assert "network" not in str(caught.value)


@pytest.mark.usefixtures("environment")
def test_no_credentials_at_all_is_explained(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(CleanupError, match=r"Unable to locate credentials.*Sign in again"):
        EksApi.signed_in(Identity(region="cn-north-1", profile=None), "shop", print)


@pytest.mark.usefixtures("environment")
def test_a_profile_unknown_on_this_machine_is_named():
    with pytest.raises(CleanupError, match=r"aws:profile work .*aws configure sso --profile work"):
        open_session(Identity(region="cn-north-1", profile="work"))


def test_throttled_calls_are_repeated(new_api, aws, monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    aws.machines = {"mi-0aaaaaaaaaaaaaaaa": MINE}
    api = new_api([])
    aws.throttle = 6
    assert api.registrations(MINE) == {"mi-0aaaaaaaaaaaaaaaa"}
    assert aws.throttle == 0
