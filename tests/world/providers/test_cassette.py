"""Cassettes as files: what is written is read as the same calls, whatever they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runner.ground.errors import StoreError
from runner.world.calls import CommandCall, FileCall, FilesCall, ModelCall, PythonCall, ReadCall, WriteCall
from runner.world.providers import cassette as module
from runner.world.providers.cassette import Cassette, Recorded, asked_of, cassette_text, is_recorded, read_cassette

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=8,
)
STEPS = st.sampled_from(["ask", "ask#2", "ask/call#1", "ask/call#2", "fan/one/call#1"])
MESSAGES = st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "tool"]), "content": TEXTS}), max_size=4)
ASKED = st.fixed_dictionaries({}, optional={"messages": MESSAGES.filter(bool), "model": TEXTS.filter(bool)})
FAILED = st.builds(lambda message: {"type": "timeout", "message": message}, TEXTS)
GAVE = st.builds(
    lambda text, finish: {"text": text, "tool_calls": [], "finish": finish}, TEXTS, st.just("stop") | TEXTS
)
ANY = st.dictionaries(TEXTS, VALUES.filter(lambda value: value is not None), max_size=3)
CALLS = st.one_of(
    st.builds(Recorded, step=STEPS),
    st.builds(Recorded, step=STEPS, call=st.just("model"), asked=ASKED, gave=GAVE),
    st.builds(Recorded, step=STEPS, call=st.just("model"), asked=ASKED, failed=FAILED),
    st.builds(Recorded, step=STEPS, call=st.just("model"), asked=ASKED, cut=st.just(True)),
    st.builds(Recorded, step=STEPS, call=st.just("python"), asked=st.builds(dict, arguments=ANY), gave=VALUES),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CALLS, max_size=6), st.booleans())
@example(
    [
        Recorded(step="ask", call="model", asked={"messages": [{"role": "user", "content": "x"}]}, cut=True),
        Recorded(step="ask", call="model", asked={"model": "m"}, cut=True),
    ],
    False,
)
def test_what_is_written_is_read_as_the_same(tmp_path: Path, calls: list[Recorded], commands: bool) -> None:
    path = tmp_path / "tape.yaml"
    cassette = Cassette("tape.yaml", "flow", commands, tuple(calls))
    path.write_text(cassette_text(cassette), "utf-8")
    assert read_cassette(path, "tape.yaml") == cassette
    assert Cassette.from_data(cassette.data) == cassette


def test_a_conversation_is_written_once_however_many_turns_it_has() -> None:
    said = [{"role": "user", "content": "x" * 1000}]
    calls = []
    for turn in range(1, 50):
        said = [*said, {"role": "user", "content": "more"}]
        calls.append(Recorded(step=f"ask/call#{turn}", call="model", asked={"messages": said}, gave="ok"))
    text = cassette_text(Cassette("", "", False, tuple(calls)))
    assert text.count("x" * 1000) == 1
    assert text.count("content: more") == 49


def test_where_a_call_is_made_is_not_what_it_asks() -> None:
    here = PythonCall("count", "/here/f.py", "count", {"n": 1}, "/here", modules={"/here/f.py": "…"})
    there = PythonCall("count", "/there/g.py", "other", {"n": 1}, "/there")
    assert asked_of(here) == asked_of(there) == {"tool": "count", "arguments": {"n": 1}}
    command = CommandCall(("ls", "-l"), "/here", {"A": "b"}, ("HOME",), parse="lines")
    assert asked_of(command) == {"argv": ["ls", "-l"], "env": {"A": "b"}, "parse": "lines"}
    model = ModelCall("judge", "m", ({"role": "user", "content": "x"},), temperature=0.0, timeout=5.0)
    assert asked_of(model) == {"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": 0.0}


def test_what_is_done_with_files_is_not_recorded() -> None:
    files = (ReadCall("a", "/"), WriteCall("a", "", "/"), FileCall("a", "/"), FilesCall("search", "a", "/"))
    assert [is_recorded(call, commands=True) for call in files] == [False] * 4


def test_a_cassette_that_would_be_too_large_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 1 << 20)
    calls = (Recorded(step="a", call="python", gave="x" * (1 << 20)),)
    with pytest.raises(StoreError, match="the cassette would be larger than 1 MiB"):
        cassette_text(Cassette("", "", False, calls))
