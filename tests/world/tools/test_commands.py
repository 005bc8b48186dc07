"""Running programs: what goes in arrives unchanged, what comes out is what was printed, each mishap has its words."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from runner.workflow.permissions import Permissions
from runner.world.calls import CallFailed, CommandCall
from runner.world.program_exits import lines
from tests.world.tools.performing import MARK, OWN, RUN, command, done, failed, perform, python, script

HOSTILE = [
    "$(touch CANARY)",
    "`touch CANARY`",
    "; touch CANARY",
    "| touch CANARY",
    "&& touch CANARY",
    "& touch CANARY &",
    "\n touch CANARY\n",
    "> CANARY",
    "< /dev/zero",
    "$HOME",
    "${IFS}touch${IFS}CANARY",
    "~",
    "~root",
    "*",
    "?[a-z]*",
    "{a,b}",
    "'",
    '"',
    "''\"\"",
    "\\",
    "\\n",
    "\\$(touch CANARY)",
    "!!",
    "#",
    "-rf",
    "--help",
    "--",
    "-",
    "=",
    "a=b",
    "%s%n%x",
    " leading and trailing ",
    "\ttab\tand\x0bvertical\x0c",
    "\r\n",
    "\x1b[31mred\x1b[0m",
    "\x01\x02\x7f",
    "\u202eright to left",
    "\ufeff",
    "naïve 日本語 🎉 e\u0301",
    "\udc80\udcff",
    "{{ inputs.x }}",
    "${{ github.event.title }}",
    "x" * 100_000,
]
SHOW = """
import json, os, sys
own = {name.decode(): value.hex() for name, value in os.environb.items() if name.startswith(b"V")}
print(json.dumps([[os.fsencode(item).hex() for item in sys.argv[1:]], own, sys.stdin.buffer.read().hex()]))
"""


def as_bytes(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").hex()


def test_hostile_text_arrives_byte_by_byte_and_nothing_of_it_is_run(tmp_path: Path) -> None:
    for text in HOSTILE:
        call = python(SHOW, text, cwd=str(tmp_path), env={"V": text}, stdin=text)
        argv, own, stdin = json.loads(done(perform(call))["stdout"])
        assert (argv, own, stdin) == ([as_bytes(text)], {"V": as_bytes(text)}, as_bytes(text))
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=30)
@given(some.text(some.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200))
def test_any_text_arrives_in_a_script(text: str) -> None:
    assert done(perform(script('printf %s "$V"; cat', env={"V": text}, stdin=text)))["stdout"] == text + text


def test_the_output_is_what_was_printed() -> None:
    output = done(perform(script("printf 'one\\n\\ntwo\\n\\n'; printf oops >&2")))
    assert output == {"stdout": "one\n\ntwo\n\n", "stderr": "oops", "text": "one\n\ntwo\n", "exit_code": 0}


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert done(perform(script("printf 'a\\377b\\000c'")))["stdout"] == "a\ufffdb\0c"


@pytest.mark.parametrize(
    ("printed", "expected"),
    [("", []), ("\\n", [""]), ("a", ["a"]), ("a\\nb\\n", ["a", "b"]), ("a\\r\\n\\n b\\n\\n", ["a", "", " b", ""])],
)
def test_lines_are_parsed_on_demand(printed: str, expected: list[str]) -> None:
    output = done(perform(script(f"printf '{printed}'", parse="lines")))
    assert output["lines"] == expected
    assert "json" not in output


def test_a_line_ends_at_a_newline_alone() -> None:
    assert lines("a\x0bb\u2028c\x85d\n") == ["a\x0bb\u2028c\x85d"]


def test_json_is_parsed_on_demand() -> None:
    output = done(perform(script('echo \'{"a": [1, 2.5, null, "é"]}\'', parse="json")))
    assert output["json"] == {"a": [1, 2.5, None, "é"]}
    assert "lines" not in output


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("", "line 1, column 1: expecting value; nothing was printed"),
        (" \\n", "line 2, column 1: expecting value; nothing was printed"),
        ('{"a": 1,\\n b}', "line 2, column 2: expecting property name enclosed in double quotes"),
        ("[NaN]", "NaN is no JSON number"),
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' is given twice"),
        ("[9223372036854775808]", "the number 9223372036854775808 does not fit 64 bits; give it as text"),
        ("\\377", "byte 0 is not UTF-8; it begins: \ufffd"),
        ("<html>\\n{}", "line 1, column 1: expecting value; it begins: <html>"),
        ("\\357\\273\\277no", "line 1, column 1: expecting value; it begins: no"),
    ],
)
def test_what_is_not_json_is_said_with_its_place(printed: str, reason: str) -> None:
    outcome = perform(script(f"printf '{printed}'", parse="json"))
    assert failed(outcome) == ("output_invalid", f"what 'sh' printed is not JSON: {reason}")
    assert isinstance(outcome, CallFailed)
    assert outcome.output["exit_code"] == 0


def test_where_nothing_was_printed_the_message_shows_what_was_complained() -> None:
    outcome = perform(script("echo 'log in first' >&2", parse="json"))
    reason = "line 1, column 1: expecting value; nothing was printed: log in first"
    assert failed(outcome) == ("output_invalid", f"what 'sh' printed is not JSON: {reason}")


@pytest.mark.parametrize("printed", ["\\357\\273\\277[1]", "\\357\\273\\277 [1]\\r\\n", "[1]"])
def test_a_mark_of_the_byte_order_before_json_is_passed_over(printed: str) -> None:
    output = done(perform(script(f"printf '{printed}'", parse="json")))
    assert output["json"] == [1]


def test_another_exit_code_fails_with_the_last_words_and_keeps_the_output() -> None:
    outcome = perform(script("echo half; echo first >&2; echo 'no such branch' >&2; echo >&2; exit 3"))
    assert failed(outcome) == ("tool_failed", "'sh' ended with exit code 3: no such branch")
    assert isinstance(outcome, CallFailed)
    assert outcome.failure.details == {
        "program": "sh",
        "exit_code": 3,
        "signal": None,
        "stdout": "half\n",
        "stderr": "first\nno such branch\n\n",
    }
    assert outcome.output["text"] == "half"
    assert outcome.output["exit_code"] == 3


def test_exit_codes_that_are_fine_are() -> None:
    assert done(perform(script("exit 3", ok_exit=(0, 3))))["exit_code"] == 3
    assert failed(perform(script("exit 0", ok_exit=(3,)))) == ("tool_failed", "'sh' ended with exit code 0")


def test_long_last_words_are_cut() -> None:
    _, message = failed(perform(script("yes 'so it is' | head -n 1000 | tr '\\n' ' ' >&2; exit 1")))
    assert len(message) < 600
    assert message.startswith("'sh' ended with exit code 1: so it is so it is")
    assert message.endswith("…")


def test_a_word_that_is_cut_is_left_out_since_half_a_secret_can_not_be_masked() -> None:
    text = "printf 'token %0490d%s end' 0 SECRET-SECRET-SECRET >&2; exit 1"
    assert failed(perform(script(text))) == ("tool_failed", "'sh' ended with exit code 1: token …")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "nosuchprogram",
            "'sh' ended with exit code 127 (a command in it was not found): sh: 1: nosuchprogram: not found",
        ),
        ("/etc/passwd", "'sh' ended with exit code 126 (a command in it could not be executed)"),
        ("kill -KILL $$", "'sh' was killed by SIGKILL; the system may have run out of memory"),
        ("kill -SEGV $$", "'sh' was killed by SIGSEGV; it crashed by touching memory that is not its own"),
        ("kill -40 $$", "'sh' was killed by signal 40"),
    ],
)
def test_each_ending_has_its_words(text: str, message: str) -> None:
    type_, said = failed(perform(script(text)))
    assert type_ == "tool_failed"
    assert said.startswith(message)


def test_a_signal_stands_in_the_details_and_counts_as_shells_count() -> None:
    outcome = perform(script("kill -TERM $$"))
    assert isinstance(outcome, CallFailed)
    assert outcome.failure.details == {
        "program": "sh",
        "exit_code": 143,
        "signal": "SIGTERM",
        "stdout": "",
        "stderr": "",
    }
    assert outcome.output["exit_code"] == 143


def made(path: Path, text: str, mode: int = 0o755) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def listed(*programs: str) -> Permissions:
    return Permissions(commands=frozenset(programs))


def test_a_program_that_does_not_start_says_why(tmp_path: Path) -> None:
    data = made(tmp_path / "data", "just text\n")
    plain = made(tmp_path / "plain", "#!/bin/sh\n", 0o644)
    orphan = made(tmp_path / "orphan", "#!/nonexistent/shell\n")
    absent = str(tmp_path / "absent")
    expected = {
        data: f"can't run '{data}': it is no program for this machine; a script needs a first line such as #!/bin/sh",
        plain: f"can't run '{plain}': it is not executable, or lies in a folder that may not be entered",
        orphan: f"can't run '{orphan}': the interpreter that its first line names does not exist",
        absent: f"can't run '{absent}': there is no such file",
        "nosuchprogram": f"program 'nosuchprogram' was not found; PATH is {OWN['PATH']}",
    }
    for program, message in expected.items():
        assert failed(perform(command(program), permissions=listed(program))) == ("tool_failed", message)


def test_a_folder_that_is_not_there_is_named() -> None:
    expected = ("file_io", "can't run 'true' in '/nonexistent': there is no such folder")
    assert failed(perform(command("true", cwd="/nonexistent"))) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (command("true", "a\0b"), "argument 1 of the command holds a NUL character; give the value by stdin"),
        (command("true", env={"V": "a\0b"}), "environment variable 'V' holds a NUL character; give the value by stdin"),
        (command("true", env={"A=B": "x"}), "'A=B' can't be the name of an environment variable"),
        (command("true", env={"": "x"}), "'' can't be the name of an environment variable"),
        (command("true", "\ud800"), "argument 1 of the command holds half a surrogate pair, which is no text"),
        (command("true", stdin="\ud800"), "stdin holds half a surrogate pair, which is no text"),
    ],
)
def test_what_no_process_can_be_given_is_refused(call: CommandCall, message: str) -> None:
    assert failed(perform(call)) == ("input_invalid", message)


def test_a_nul_in_the_folder_is_refused() -> None:
    assert failed(perform(command("true", cwd="/\0")))[0] == "file_io"


@pytest.mark.parametrize("size", [131_071, 131_072])
def test_the_bound_of_an_argument_is_the_systems(size: int) -> None:
    outcome = perform(command("true", "x" * size))
    if size < 131_072:
        assert done(outcome)["exit_code"] == 0
    else:
        message = "argument 1 of the command has 131072 bytes, more than the 131071 that a system takes"
        assert failed(outcome) == ("input_invalid", f"{message}; give the value by stdin or in a file")


@pytest.mark.parametrize("size", [131_069, 131_070])
def test_the_bound_of_a_variable_is_the_systems(size: int) -> None:
    outcome = perform(command("true", env={"V": "x" * size}))
    assert outcome_is(outcome, "done" if size < 131_070 else "input_invalid")


def outcome_is(outcome: Any, expected: str) -> bool:
    return (outcome.failure.type if isinstance(outcome, CallFailed) else "done") == expected


def test_many_arguments_that_are_too_large_together_are_refused() -> None:
    type_, message = failed(perform(command("true", *["x" * 100_000] * 100)))
    assert (type_, message.partition(":")[2]) == (
        "tool_failed",
        " its arguments and environment together are larger than the system takes; use stdin or a file",
    )


def test_stdin_is_empty_unless_given() -> None:
    assert done(perform(command("cat")))["stdout"] == ""
    assert done(perform(command("cat", stdin="given")))["stdout"] == "given"


def test_the_folder_is_the_calls(tmp_path: Path) -> None:
    assert done(perform(script("pwd -P", cwd=str(tmp_path))))["text"] == os.path.realpath(tmp_path)


def test_a_program_that_is_not_listed_is_not_run(tmp_path: Path) -> None:
    outcome = perform(command("touch", "made", cwd=str(tmp_path)), permissions=listed("git", "cat"))
    message = "program 'touch' is not permitted; to allow it, add it under permissions: commands: [cat, git, touch]"
    assert failed(outcome) == ("permission_denied", message)
    assert list(tmp_path.iterdir()) == []


def test_a_program_of_the_same_name_elsewhere_is_not_run(tmp_path: Path) -> None:
    made(tmp_path / "cat", f"#!/bin/sh\ntouch {tmp_path}/canary\n")
    for call in (
        command("./cat", cwd=str(tmp_path)),
        command(str(tmp_path / "cat")),
        command("cat", env={"PATH": str(tmp_path)}),
        command("cat", cwd=str(tmp_path)),
    ):
        perform(call, own={**OWN, "PATH": f":.:{OWN['PATH']}"})
    assert not (tmp_path / "canary").exists()


def test_no_program_at_all_is_refused() -> None:
    assert failed(perform(CommandCall((), "/")))[0] == "permission_denied"


def test_a_child_sees_a_minimal_environment_what_it_is_given_and_its_step() -> None:
    own = {
        **OWN,
        "OPENAI_API_KEY": "sk-1",
        "LD_PRELOAD": "",
        "PYTHONPATH": "/x",
        "LC_TIME": "C",
        "TOKEN": "t",
        "TZ": "UTC",
    }
    call = CommandCall(
        (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"), "/", {"A": "1"}, ("TOKEN",)
    )
    permissions = Permissions(commands=frozenset({sys.executable}), env=frozenset({"TOKEN"}))
    seen = json.loads(done(perform(call, own=own, permissions=permissions, step="fan/a#2"))["text"])
    assert seen["WF_RUN_MARK"].startswith(f"{MARK}.0.")
    assert seen == {
        **OWN,
        "LC_TIME": "C",
        "TZ": "UTC",
        "A": "1",
        "TOKEN": "t",
        "WF_RUN_MARK": seen["WF_RUN_MARK"],
        "WF_RUN_ID": RUN,
        "WF_STEP": "fan/a#2",
        "WF_ATTEMPT": "1",
        "WF_IDEMPOTENCY_KEY": f"{RUN}/fan/a#2",
    }
