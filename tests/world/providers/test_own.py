"""A user's own providers: what the settings may say, and how each mistake in them is told."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from runner.ground.errors import Failure, InvalidWorkflow
from runner.workflow.permissions import Permissions
from runner.world.calls import Attempt, CallFailed, Context, ModelCall
from runner.world.providers.endpoints import Endpoint, Known, find_endpoint, unknown_provider
from runner.world.providers.live import Live
from runner.world.providers.own import own_providers, settings_file
from tests.clock import FixedClock

LAB = Known(("LAB_KEY",), direct=True, address="http://gpu.lab:8000/v1")
OPEN = Known(needs_key=False, direct=True, address="http://gpu.lab:8000/v1")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".config/wf").mkdir(parents=True)
    return tmp_path


def providers(home: Path, text: str) -> dict[str, Known]:
    (home / ".config/wf/config.toml").write_text(text)
    return dict(own_providers({"HOME": str(home)}))


def told(home: Path, text: str) -> list[str]:
    """What is said of the settings, without the path of their folder."""
    with pytest.raises(InvalidWorkflow) as caught:
        providers(home, text)
    return [str(problem).replace(f"{home}/.config/wf/", "") for problem in caught.value.problems]


def test_a_provider_is_an_address_and_perhaps_a_keys_variable(home: Path) -> None:
    text = '[providers.lab]\nbase_url = "http://gpu.lab:8000/v1"\nkey_env = "LAB_KEY"\n'
    assert providers(home, text) == {"lab": LAB}
    assert providers(home, 'providers.open-1.base_url = "http://gpu.lab:8000/v1"') == {"open-1": OPEN}


def test_a_users_settings_are_at_home_or_where_xdg_says(home: Path) -> None:
    assert settings_file({"HOME": "/home/ana"}) == Path("/home/ana/.config/wf/config.toml")
    assert settings_file({"HOME": "/home/ana", "XDG_CONFIG_HOME": "/etc/ana"}) == Path("/etc/ana/wf/config.toml")
    assert own_providers({"HOME": str(home)}) == {}
    assert own_providers({"HOME": str(home / ".config/wf/nowhere")}) == {}


@pytest.mark.parametrize("environment", [{}, {"HOME": "."}, {"XDG_CONFIG_HOME": "config"}, {"HOME": ""}])
def test_no_settings_are_read_from_the_projects_folder(
    environment: dict[str, str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (home / ".config", home / "config"):
        (folder / "wf").mkdir(parents=True, exist_ok=True)
        (folder / "wf/config.toml").write_text('[providers.lab]\nbase_url = "http://evil.example"\n')
    monkeypatch.chdir(home)

    assert own_providers(environment) == {}


def test_an_own_model_is_asked_there_and_with_that_key_alone() -> None:
    environment = {"LAB_KEY": "k", "OPENAI_API_KEY": "other", "OPENAI_BASE_URL": "http://elsewhere/v1"}

    found = find_endpoint("lab/qwen/qwen-3:8b", environment, {"lab": LAB})

    assert found == Endpoint(
        "lab/qwen/qwen-3:8b", "http://gpu.lab:8000/v1", "k", "LAB_KEY", direct=True, has_list_price=False
    )
    assert found.name == "qwen/qwen-3:8b"


def test_without_its_key_the_variable_is_named() -> None:
    failure = find_endpoint("lab/x", {"OPENAI_API_KEY": "other"}, {"lab": LAB})

    assert isinstance(failure, Failure)
    assert failure.message == "lab/x needs a key: set LAB_KEY, or run offline: --mock FILE"


def test_a_name_of_litellms_that_a_user_takes_is_the_users() -> None:
    found = find_endpoint("custom/x", {}, {"custom": OPEN})

    assert isinstance(found, Endpoint)
    assert found.base == "http://gpu.lab:8000/v1"


def test_a_misspelt_provider_is_told_the_users_own() -> None:
    assert unknown_provider("labb/x", {"lab": OPEN}) == (
        "there is no provider 'labb' (of model 'labb/x'); did you mean 'lab'?"
    )


def test_all_mistakes_are_told_at_their_lines_and_no_value_is_shown(home: Path) -> None:
    text = """[providers.lab]
base_urll = "http://gpu.lab:8000/v1"
key_env = "sk-canary-1234"

[providers.openai]
base_url = "gpu:80"

[providers."Big Lab"]
base_url = "http://ana:canary@gpu/v1"
[provider.x]
a = 1
"""
    assert told(home, text) == [
        "config.toml:2:1: error: provider 'lab' has an unknown key 'base_urll'; did you mean 'base_url'?\n"
        "  base_urll = …\n  ^^^^^^^^^\n"
        '  help: its keys are: base_url = "http://gpu.lab:8000/v1", key_env = "LAB_API_KEY"',
        "config.toml:3:1: error: the key_env of provider 'lab' is no name of a variable\n"
        "  key_env = …\n  ^^^^^^^\n"
        '  help: set a variable to the key, and name that variable: key_env = "LAB_API_KEY"',
        "config.toml:5:12: error: there is a provider 'openai' already\n"
        "  [providers.openai]\n             ^^^^^^\n"
        "  help: set OPENAI_BASE_URL to ask another server, or choose another name",
        "config.toml:6:1: error: the base_url of provider 'openai' is no address\n"
        "  base_url = …\n  ^^^^^^^^\n"
        '  help: write it in full: base_url = "http://gpu.lab:8000/v1"',
        "config.toml:8:13: error: 'Big Lab' can't be a provider's name\n"
        '  [providers."Big Lab"]\n              ^^^^^^^\n'
        "  help: a-z, 0-9, `_` and `-`, at most 64, a letter or digit first",
        "config.toml:9:1: error: the base_url of provider 'Big Lab' holds a name or a password\n"
        "  base_url = …\n  ^^^^^^^^\n"
        '  help: name the key\'s variable: key_env = "LAB_API_KEY"',
        "config.toml:10:2: error: unknown setting 'provider'; did you mean 'providers'?\n"
        "  [provider.x]\n   ^^^^^^^^\n"
        "  help: a user's settings are providers: [providers.lab], and below it "
        'base_url = "http://gpu.lab:8000/v1"',
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[providers.lab]\n", "config.toml:1:12: error: provider 'lab' lacks its address"),
        ("[providers]\nlab = 1\n", "config.toml:2:1: error: provider 'lab' is a table"),
        ("[providers]\nlab = {base_url = 7}\n", "config.toml:2:1: error: the base_url of provider 'lab' is no address"),
        ("providers = []\n", "config.toml:1:1: error: providers are tables"),
        ("[providers.lab]\nbase_url = \n", "config.toml:2:12: error: Invalid value"),
        ("[providers.lab", "config.toml:1:1: error: "),
        ('a = "', "config.toml:1:1: error: "),
        ("a = " + "9" * 5000, "config.toml:1:1: error: this can't be read as TOML"),
        ("a = " + "[" * 5000, "config.toml:1:1: error: this can't be read as TOML"),
        ('[providers.lab]\nbase_url = "http://x"\nkey_env = 7\n', "config.toml:3:1: error: the key_env of provider"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(home: Path, text: str, said: str) -> None:
    assert told(home, text)[0].startswith(said)


def test_a_file_that_is_none_is_told(home: Path) -> None:
    (home / ".config/wf/config.toml").mkdir()
    with pytest.raises(InvalidWorkflow, match="it is a folder"):
        own_providers({"HOME": str(home)})
    (home / ".config/wf/config.toml").rmdir()
    os.mkfifo(home / ".config/wf/config.toml")
    with pytest.raises(InvalidWorkflow, match="it is not a regular file"):
        own_providers({"HOME": str(home)})
    (home / ".config/wf/config.toml").unlink()
    (home / ".config/wf/config.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidWorkflow, match="can't be read as TOML"):
        own_providers({"HOME": str(home)})


def test_settings_that_became_unreadable_during_a_run_fail_a_call_with_their_place(home: Path) -> None:
    (home / ".config/wf/config.toml").write_text("[providers.lab]\nurl = 1\n")
    call = ModelCall("critic", "lab/x", ({"role": "user", "content": "Hi"},))
    asked = Attempt("run", "review/call#1", "review", "critic", 1, call, Permissions())
    live, context = Live(), Context(FixedClock(), {"HOME": str(home)})

    live.begin(["lab/x"], context)
    outcome = asyncio.run(live.ask(asked, context))

    assert isinstance(outcome, CallFailed)
    assert outcome.failure.type == "input_invalid"
    assert "config.toml:2:1: error: provider 'lab' has an unknown key 'url'" in outcome.failure.message
