"""One model server, and one process that asks it by litellm, for all tests here: importing litellm takes seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.ground.json_value import Json
from tests.world.providers.server import Request, StubServer

KEY = "canary-4f1d-9e77-key"
ROOT = Path(__file__).parents[3]
_HELLO = ({"role": "user", "content": "Hi"},)


class Asker:
    """Asks models in a process of its own, whose folder and the one above hold a `.env`."""

    def __init__(self, server: StubServer, folder: Path) -> None:
        self._server = server
        self._printed = folder / "printed"
        home = folder / "project" / "deep"
        home.mkdir(parents=True)
        for place in (home, home.parent):
            (place / ".env").write_text(f"FROM_DOTENV=1\nOPENAI_API_KEY=sk-{KEY}\n")
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
        environment |= {"LITELLM_LOG": "LOUD", "LITELLM_DROP_PARAMS": "true"}  # as somebody may have them set
        with self._printed.open("wb") as printed:
            self._process = subprocess.Popen(
                # without a file of its own dotenv looks from the current folder upwards
                [sys.executable, "-c", "from tests.world.providers.asker import main; main()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                cwd=home,
                env=environment,
                text=True,
            )

    def ask(self, mode: str = "", model: str = "openai/gpt-4o-mini", **question: Json) -> Json:
        """The answer to a model call; `mode` sets the base addresses. Others: of the call, or of `asker.py`.

        With `cut` the call is cancelled once the server has it.
        """
        own = {key: question.pop(key) for key in ("timeout", "cut", "times") if key in question}
        environment = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY"), KEY)
        if mode:
            names = ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GEMINI_API_BASE", "MISTRAL_API_BASE", "OLLAMA_API_BASE")
            environment |= dict.fromkeys(names, self._server.base(mode))
        environment |= question.pop("environment", {})
        call = {"agent": "critic", "model": model, "messages": _HELLO, **question}
        return self.send({"call": call, "environment": environment, **own})

    def send(self, question: Json) -> Json:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(question) + "\n")
        stdin.flush()
        if question.get("cut"):
            assert self._server.heard.asked.wait(60), self.printed()
            stdin.write("cut\n")
            stdin.flush()
        line = stdout.readline()
        assert line, self.printed()
        answer = json.loads(line)
        assert answer["strayed"] == [], "only the server is reached, and no .env is read, from the import on"
        return answer

    def requests(self) -> list[Request]:
        """What the server was asked since this was last called."""
        return self._server.heard.take()

    def port(self) -> int:
        return self._server.server_port

    def printed(self) -> str:
        """All that the process has printed so far, to stdout or stderr."""
        return self._printed.read_text()

    def close(self) -> str:
        """End the process; what it printed until then."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(timeout=20) == 0, self.printed()
        self._process.stdout.close()
        return self.printed()


@pytest.fixture(scope="session")
def _asker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    server = StubServer()
    server.start()
    asker = Asker(server, tmp_path_factory.mktemp("asker"))
    yield asker
    printed = asker.close()
    server.stop()
    assert printed == ""


@pytest.fixture
def asker(_asker: Asker) -> Iterator[Asker]:
    """The asker, with no requests left over; afterwards nothing has been printed, and the key is nowhere."""
    _asker.requests()
    yield _asker
    assert _asker.printed() == ""
