"""What the state file, the history and the terminal must not tell."""

import pytest

from tests.engine.harness import name_of

pytestmark = pytest.mark.engine

INSTANCE = "aws:ec2/instance:Instance"
ACTIVATION = "aws:ssm/activation:Activation"


def find(step, token, name=None):
    """Return the one resource of a type, or of a type and a name, in the state."""
    found = [
        each for each in step.resources if each["type"] == token and name in (None, name_of(each["urn"]))
    ]
    assert len(found) == 1, f"{token} {name}: {[each['urn'] for each in found]}"
    return found[0]


def is_ciphertext(value):
    """Tell whether a value in the state is encrypted."""
    return isinstance(value, dict) and "ciphertext" in value


def test_activation_codes_are_ciphertext_in_the_state(created):
    assert is_ciphertext(find(created, ACTIVATION)["outputs"]["activationCode"])


def test_user_data_is_ciphertext_in_the_state(created):
    instance = find(created, INSTANCE)
    assert is_ciphertext(instance["inputs"]["userData"])
    assert is_ciphertext(instance["outputs"]["userData"])


def test_the_kubeconfig_is_ciphertext_in_the_state(created):
    assert is_ciphertext(find(created, "pulumi:providers:kubernetes", "eks")["inputs"]["kubeconfig"])
    assert is_ciphertext(find(created, "pulumi:pulumi:Stack")["outputs"]["kubeconfig"])


def test_the_instance_gets_the_code_in_the_clear(created):
    code = created.one("Create", ACTIVATION).details["outputs"]["activationCode"]
    user_data = created.one("Create", INSTANCE).details["inputs"]["userData"]
    assert user_data.startswith("#cloud-config\n")
    assert code in user_data


@pytest.mark.usefixtures("destroyed")
def test_no_activation_code_is_in_any_file_of_the_backend(rig):
    # Backups and history as well, after the stack's whole life.
    made = [call for call in rig.stack.journal() if call.kind == "Create" and call.type == ACTIVATION]
    codes = {call.details["outputs"]["activationCode"] for call in made}
    files = [file for file in (rig.stack.folder / "state").rglob("*") if file.is_file()]
    assert len(codes) == len(made) > 5
    assert len(files) > 10
    told = [file for file in files if any(code.encode() in file.read_bytes() for code in codes)]
    assert told == []


def test_the_terminal_shows_no_activation_code_and_no_user_data(created):
    assert created.one("Create", ACTIVATION).details["outputs"]["activationCode"] not in created.run.text
    assert "#cloud-config" not in created.run.text
