"""`files:` of an agent: read once by permission, recorded, and given to the model."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from runner.ground.errors import Failure
from runner.nodes import model_files
from runner.record.run_state import Step
from runner.world.calls import AnyCall, CallDone, CallFailed, FileCall, ModelCall, Outcome
from tests.acceptance.command_line import wf
from tests.acceptance.test_agents import said
from tests.simulation import Simulation, simulate

PNG = b"\x89PNG\r\n\x1a\n0123"

BODY = """
inputs: {shown: {type: array, default: [a.png, notes.txt]}}
permissions: {read: [.]}
agents: {eye: {model: openai/gpt-4o, fallback: [openai/gpt-4o-mini], context: {last: 4}}}
nodes:
  look: {agent: eye, prompt: What is it?, files: "{{ inputs.shown }}", retry: 1}
outputs: {said: "{{ nodes.look.output }}"}
"""
FLOW = f"wf: 1\nname: look\n{BODY}"

READ: dict[str, dict[str, Any]] = {
    name: {"path": name, "type": kind, "size": len(content), "sha256": hashlib.sha256(content).hexdigest(), **rest}
    for name, kind, content, rest in (
        ("a.png", "image/png", PNG, {"data": base64.b64encode(PNG).decode()}),
        ("notes.txt", "text/plain", b"a frog", {"text": "a frog"}),
    )
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "notes.txt").write_text("a frog")
    (tmp_path / "mock.yaml").write_text("look: [a cat]\n")
    return tmp_path


def events(project: Path, run: str = "last") -> list[Any]:
    return [json.loads(line) for line in wf(project, "logs", run, "--json").stdout.splitlines()]


def ended(project: Path) -> list[Any]:
    """What the calls of the step gave, in the order of the calls."""
    found = {event["step"]: event["output"] for event in events(project) if event["type"] == "step_ended"}
    return [found[step] for step in sorted(found) if "call#" in step]


def looking(text: str, *replies: Outcome, read: dict[str, Any] | None = None) -> tuple[Simulation, list[ModelCall]]:
    """A run whose files are these and whose model gives these replies, and what it was asked."""
    asked: list[ModelCall] = []

    def reply(call: AnyCall, _step: Step) -> Outcome:
        if isinstance(call, FileCall):
            return CallDone((read or READ)[Path(call.path).name])
        assert isinstance(call, ModelCall)
        asked.append(call)
        return replies[len(asked) - 1]

    return simulate(text, reply=reply), asked


def test_a_run_that_was_stopped_does_not_need_its_files_again(project: Path) -> None:
    (project / "mock.yaml").write_text("{}\n")
    wf(project, "run", "flow.yaml", "--mock", "mock.yaml", code=3)
    (project / "a.png").unlink()
    (project / "notes.txt").write_text("something else")
    (project / "mock.yaml").write_text("look: [a cat]\n")

    assert wf(project, "resume", "last", "--mock", "mock.yaml").stdout == "said: a cat\n"
    assert ended(project)[:2] == [*READ.values()]
    assert "something else" not in wf(project, "logs", "last", "--json").stdout


def test_what_files_hold_is_recorded_once_and_no_request_repeats_it(project: Path) -> None:
    wf(project, "run", "flow.yaml", "--mock", "mock.yaml")

    told = wf(project, "logs", "last", "--json").stdout
    assert told.count(READ["a.png"]["data"]) == 1
    asked = [
        event["request"] for event in events(project) if event["type"] == "step_started" and "call#3" in event["step"]
    ]
    assert asked[0]["messages"][0]["files"] == ["a.png", "notes.txt"]


def test_each_model_that_is_asked_is_given_the_files() -> None:
    run, asked = looking(BODY, CallFailed(Failure("llm_down", "down")), said("a cat"))

    assert run.outcome == {"said": "a cat"}
    given = ({"role": "user", "content": "What is it?", "files": [*READ.values()]},)
    assert [(call.model, call.messages) for call in asked] == [
        ("openai/gpt-4o", given),
        ("openai/gpt-4o-mini", given),
    ]


def test_a_session_goes_on_with_the_files_that_it_was_shown() -> None:
    text = BODY.replace(
        "retry: 1}", "retry: 1, session: s, next: more}\n  more: {agent: eye, prompt: And?, session: s}"
    )

    _, asked = looking(text, said("a cat"), said("a dog"))

    shown = [(message["content"], message.get("files")) for message in asked[1].messages]
    assert shown == [("What is it?", [*READ.values()]), ("a cat", None), ("And?", None)]


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        ('["../out.png"]', "'../out.png' is outside the folders that may be read"),
        ('["gone.png"]', "'gone.png' does not exist"),
        ('["a.pmg"]', "'a.pmg' does not exist; did you mean 'a.png'?"),
        ('["bin"]', "'bin' is neither UTF-8 text, nor an image (PNG, JPEG, GIF, WebP), nor a PDF: let a command make"),
        ('["zero"]', "'zero' is neither UTF-8 text"),
        ('["large.png"]', "'large.png' has more than 8 MiB"),
        ('["sub"]', "'sub' is a folder; name a file in it"),
        ("[1]", "files is [1]: expected paths"),
        ('[""]', 'files is [""]: expected paths'),
        (json.dumps(["a.png"] * 51), "files are 51: a model is given at most 50"),
    ],
)
def test_what_can_not_be_given_fails_the_step_before_the_model_is_asked(
    project: Path, shown: str, message: str
) -> None:
    (project.parent / "out.png").write_bytes(PNG)
    (project / "bin").write_bytes(b"\xff\xfe\x00")
    (project / "zero").write_bytes(b"a\0b")
    (project / "large.png").write_bytes(PNG + bytes(8 << 20))
    (project / "sub").mkdir()

    done = wf(project, "run", "flow.yaml", "--mock", "mock.yaml", "-i", f"shown={shown}", "--json", code=None)

    said = json.dumps(done.document, ensure_ascii=False).replace('\\"', '"')
    assert message in said
    assert done.code in {1, 2}
    assert '"a cat"' not in said


def test_a_link_that_leads_out_of_the_roots_is_refused(project: Path) -> None:
    (project.parent / "out.png").write_bytes(PNG)
    (project / "a.png").unlink()
    (project / "a.png").symlink_to(project.parent / "out.png")

    error = wf(project, "run", "flow.yaml", "--mock", "mock.yaml", "--json", code=1).document["error"]

    assert error["type"] == "permission_denied"
    assert "to allow it, add it under permissions" in error["message"]


def test_files_that_are_too_large_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "MAX_SIZE", 17)

    run, asked = looking(BODY)

    assert (run.outcome, asked) == ("input_invalid", [])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a.", "image/gif"),
        (b"RIFF1234WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7 ", "application/pdf"),
        ("größer\n".encode(), "text/plain"),
        (b"", "text/plain"),
    ],
)
def test_what_a_file_is_is_told_by_its_content(project: Path, content: bytes, kind: str) -> None:
    (project / "a.png").write_bytes(content)

    wf(project, "run", "flow.yaml", "--mock", "mock.yaml")

    told = ended(project)[0]
    assert (told["type"], told["size"]) == (kind, len(content))
    assert told.get("text", "").encode() or base64.b64decode(told.get("data", "")) == content
