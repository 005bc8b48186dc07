"""The first hour's slips on the command line: each with the whole of what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf

USAGE = "Usage: wf [OPTIONS] COMMAND [ARGS]...\nTry 'wf --help' for help.\n\nError: there is no command "


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["flow.yaml"], "'flow.yaml'; to run it: wf run flow.yaml"),
        (["my flows/a.yml", "-i", "x=a b"], "'my flows/a.yml'; to run it: wf run 'my flows/a.yml' -i 'x=a b'"),
        (["pattern:review-refine"], "'pattern:review-refine'; to run it: wf run pattern:review-refine"),
        (["list"], "'list'; wf runs lists the runs, wf workflows what was run"),
        (["status", "last"], "'status'; wf show RUN tells how a run stands"),
        (["approve", "last"], "'approve'; wf answer RUN STEP VALUE answers a question"),
        (["help"], "'help'; wf --help lists the commands, wf COMMAND --help tells of one"),
        (["validat"], "'validat'; did you mean 'validate'?"),
        (["sing"], "'sing'; did you mean 'signal'?"),
    ],
)
def test_a_word_that_is_no_command_says_what_to_type(tmp_path: Path, words: list[str], said: str) -> None:
    done = wf(tmp_path, *words, code=2)
    assert (done.stdout, done.stderr) == ("", f"{USAGE}{said}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["topic=tea"], "'topic=tea' stands where nothing is expected\n  help: an input is given by -i topic=tea"),
        (["x=a b", "y=1"], "'x=a b' stands where nothing is expected\n  help: an input is given by -i 'x=a b'"),
        (["other.yaml"], "'other.yaml' stands where nothing is expected\n  help: inputs are given by -i NAME=VALUE"),
        (["=x"], "'=x' stands where nothing is expected\n  help: inputs are given by -i NAME=VALUE"),
    ],
)
def test_words_after_the_workflow_say_how_inputs_are_given(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "flow.yaml").write_text("wf: 1\nname: x\nnodes: {a: {}}\n", encoding="utf-8")
    done = wf(tmp_path, "run", "flow.yaml", *words, code=2)
    assert (done.stdout, done.stderr) == ("", f"error: {said}\n")
    assert not (tmp_path / ".wf").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--var", "topic=a b"], "'--var'; an input of wf run is given by -i 'topic=a b'"),
        (["--param"], "'--param'; an input of wf run is given by -i NAME=VALUE"),
        (["--dry-run"], "'--dry-run'; wf validate FLOW checks a workflow without running it"),
    ],
)
def test_an_option_of_other_programs_says_what_does_the_same(tmp_path: Path, words: list[str], said: str) -> None:
    done = wf(tmp_path, "run", "flow.yaml", *words, code=2)
    usage = "Usage: wf run [OPTIONS] FLOW\nTry 'wf run --help' for help.\n\nError: there is no option "
    assert (done.stdout, done.stderr) == ("", f"{usage}{said}\n")


@pytest.mark.parametrize(
    ("flow", "said"),
    [
        (
            "flow.yaml",
            "can't read flow.yaml: there is no such file\n  help: wf init writes a first workflow, flow.yaml",
        ),
        (
            "some/trage.yaml",
            "can't read some/trage.yaml: there is no such file; did you mean 'triage.yaml'?\n"
            "  help: in that folder are: some/review.yml, some/triage.yaml",
        ),
        ("some", "can't read some: it is a folder\n  help: in that folder are: some/review.yml, some/triage.yaml"),
        ("none/flow.yaml", "can't read none/flow.yaml: there is no such file\n  help: there is no folder none either"),
        (
            "https://example.org/flow.yaml",
            "'https://example.org/flow.yaml' is an address: only files and bundled patterns can be run\n"
            "  help: fetch the file, read it, and run it: wf run FILE",
        ),
    ],
)
@pytest.mark.parametrize("command", ["run", "validate"])
def test_a_workflow_that_is_not_there_says_what_is(tmp_path: Path, command: str, flow: str, said: str) -> None:
    (tmp_path / "some").mkdir()
    for name in ("triage.yaml", "review.yml", "triage.mock.yaml"):
        (tmp_path / "some" / name).write_text("wf: 1\n", encoding="utf-8")

    done = wf(tmp_path, command, flow, code=2)

    assert (done.stdout, done.stderr) == ("", f"error: {said}\n")
