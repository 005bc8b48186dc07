"""In GitHub Actions: annotations at the YAML's lines, a summary with picture and costs, no commands of strangers."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.command_line import wf, write

FLOW = """
wf: 1
name: flow
inputs: {text: {type: string, default: "a|b <script>`x`"}}
permissions: {commands: [sh]}
agents: {writer: {model: openai/gpt-4o-mini}}
nodes:
  write: {agent: writer, prompt: x, next: stop}
  stop: {script: exit 3, if: 'inputs.text == "fail"'}
outputs: {text: "{{ inputs.text }}", said: "{{ nodes.write.output }}"}
"""
REPLIES = """
write:
- {reply: "::error::mine\\n ::stop-commands::x", usage: {prompt_tokens: 5, reply_tokens: 2, cost_usd: 0.01}}
"""
ACTIONS = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md"}


def test_a_run_leaves_a_summary_with_its_picture_costs_and_outputs(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", FLOW)
    write(tmp_path, "replies.yaml", REPLIES)
    done = wf(tmp_path, "run", "flow.yaml", "--mock", "replies.yaml", "--run-id", "r", environment=ACTIONS)
    lines = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()
    assert lines[:6] == [
        "### flow: completed",
        "",
        "Run r: 2 steps, 7 tokens, $0.0100.",
        "",
        "| output | value |",
        "|---|---|",
    ]
    assert lines[6] == "| text | a&#124;b &#60;script&#62;&#96;x&#96; |"
    assert lines[9:11] == ["```mermaid", "flowchart TD"]
    assert lines[-2:] == ["```", ""]
    assert not [line for line in (done.stdout + done.stderr).splitlines() if line.strip().startswith("::")]


def test_a_failure_is_an_annotation_at_its_node(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", FLOW)
    write(tmp_path, "replies.yaml", REPLIES)
    words = ("run", "flow.yaml", "--mock", "replies.yaml", "-i", "text=fail", "--json")
    done = wf(tmp_path, *words, code=1, environment=ACTIONS)
    assert "::error file=flow.yaml,line=9,col=3,title=wf::tool_failed: 'sh' ended with exit code 3" in done.stderr
    assert done.document["status"] == "failed"
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()[4].startswith("tool_failed: ")


def test_a_summary_that_can_not_be_written_takes_nothing_from_the_run(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", FLOW)
    write(tmp_path, "replies.yaml", REPLIES)
    environment = {**ACTIONS, "GITHUB_STEP_SUMMARY": "no/folder/summary.md"}
    wf(tmp_path, "run", "flow.yaml", "--mock", "replies.yaml", environment=environment)


def test_problems_of_a_file_are_annotations(tmp_path: Path) -> None:
    write(tmp_path, "broken.yaml", "wf: 1\nname: broken\nnodes: {a: {next: b}}\n")
    said = "::error file=broken.yaml,line=3,col=19,title=wf::node 'b' does not exist"
    done = wf(tmp_path, "run", "broken.yaml", code=2, environment=ACTIONS)
    assert said in done.stderr
    assert done.stdout == ""
    assert wf(tmp_path, "validate", "broken.yaml", "--format", "github", code=2).stdout.startswith(said)
