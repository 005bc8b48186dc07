"""What all tests share: the same examples every time, and nothing of the surroundings."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("wf", deadline=None, derandomize=True, database=None)
settings.register_profile("search", deadline=None, max_examples=5_000)
settings.load_profile("wf")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The crash programme's options: pytest looks for options here alone."""
    group = parser.getgroup("crash programme (tests/torture)")
    group.addoption("--torture", metavar="ROWS", help="try all of these rows (R1,R3 …, or `all`), not a sample")
    group.addoption("--seed", type=int, default=0, metavar="N", help="where seeded trials begin")
    group.addoption("--seeds", type=int, default=0, metavar="N", help="so many seeded trials, not the usual number")
    group.addoption("--keep", action="store_true", help="write down what is found of rows that are tried in full")
    group.addoption("--hours", type=float, default=0.0, metavar="H", help="for so long, where seeds can go on")


KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY")


@pytest.fixture(scope="session", autouse=True)
def bare_environment() -> Iterator[None]:
    """No setting, no key and no terminal width of whoever runs the tests reaches one."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # what nohup has ignored, our own processes would ignore too
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("WF_") or name in KEYS:
                patch.delenv(name)
        patch.setenv("COLUMNS", "100")
        yield
