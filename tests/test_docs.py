"""The documents are true: workflows in them validate, commands print what is shown, links lead somewhere.

A fenced block whose first line is `# some/path` is that file: the examples after it in the same document find it there.
In a `console` block the lines `$ …` are run, one after another, in one folder per document; `…` stands for any text,
on a line of its own for any lines. A command succeeds, unless the next one is `$ echo $?`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import runner
from runner.ground.errors import InvalidWorkflow
from tests.project import ROOT, make_repository

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (?P<path>[\w./-]+\.\w+)\n")
COMMAND = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n?", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<words>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, its language, its text."""

    line: int
    language: str
    text: str

    @property
    def file(self) -> str:
        named = FILE.match(self.text)
        return named["path"] if named else f"line-{self.line}.{self.language}"


@dataclass(frozen=True)
class Command:
    """A line `$ …` of a console block, and the output shown below it."""

    text: str
    shown: str


@dataclass(frozen=True)
class Document:
    """A Markdown file, read."""

    path: Path
    text: str

    @property
    def blocks(self) -> Iterator[Block]:
        for found in FENCE.finditer(self.text):
            line = self.text.count("\n", 0, found.start()) + 1
            yield Block(line, found["language"], textwrap.dedent(found["text"]))

    @property
    def workflows(self) -> Iterator[Block]:
        for block in self.blocks:
            content = parse(block) if block.language == "yaml" else None
            if isinstance(content, dict) and "wf" in content:
                yield block

    @property
    def prose(self) -> str:
        return FENCE.sub("", self.text)

    def links(self) -> Iterator[str]:
        return (found["target"] for found in LINK.finditer(self.prose))

    def anchors(self) -> set[str]:
        return {
            re.sub(r"[^\w -]", "", found["words"].lower()).replace(" ", "-") for found in HEADING.finditer(self.prose)
        }


def parse(block: Block) -> Any:
    return YAML(typ="safe", pure=True).load(block.text)


def commands(block: Block) -> Iterator[Command]:
    found = list(COMMAND.finditer(block.text))
    ends = [next_one.start() for _, next_one in pairwise(found)] + [len(block.text)]
    for one, end in zip(found, ends, strict=True):
        yield Command(one["command"], block.text[one.end() : end])


def pattern(shown: str) -> str:
    """A regular expression for the output that is shown: `…` alone is any lines, within a line any text."""
    lines = [r"(?:.*\n)*?" if line.strip() == "…" else in_line(line) for line in shown.rstrip("\n").split("\n")]
    return "".join(lines)


def shows(shown: str, output: str) -> bool:
    return bool(re.fullmatch(pattern(shown), output.rstrip("\n") + "\n"))


def in_line(line: str) -> str:
    return ".*?".join(map(re.escape, line.rstrip().split("…"))) + r"[ ]*\n"


def documents() -> Iterator[Document]:
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return (Document(path, path.read_text(encoding="utf-8")) for path in sorted(paths))


DOCUMENTS = {str(document.path.relative_to(ROOT)): document for document in documents()}
every_document = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())


@pytest.fixture
def folder(document: Document, tmp_path: Path) -> Path:
    """A git repository with the example workflows and the document's own files."""
    for block in document.blocks:
        if block.language != "console":
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
    make_repository(tmp_path, ROOT / "workflows")
    return tmp_path


def perform(command: str, folder: Path) -> tuple[str, int]:
    """What a person sees who types the command, and its exit code."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "HOME": str(folder), "XDG_CONFIG_HOME": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return ended.stdout, ended.returncode


def console(document: Document) -> Iterator[tuple[Command, Command | None]]:
    """The commands to run, each with the one that follows it in its block."""
    for block in document.blocks:
        if block.language == "console":
            listed = list(commands(block))
            yield from ((one, then) for one, then in zip(listed, [*listed[1:], None], strict=True))


def test_there_is_a_readme_a_guide_for_contributors_and_a_changelog() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= set(DOCUMENTS)


@every_document
def test_every_yaml_block_is_yaml(document: Document) -> None:
    for block in document.blocks:
        if block.language == "yaml":
            parse(block)


@every_document
def test_every_workflow_in_it_validates(document: Document, folder: Path) -> None:
    problems = []
    for block in document.workflows:
        try:
            runner.load(folder / block.file)
        except InvalidWorkflow as invalid:
            problems.append(f"{document.path.name}:{block.line}:\n{invalid}")
    assert not problems, "\n" + "\n".join(problems)


@every_document
def test_every_command_prints_what_is_shown(document: Document, folder: Path) -> None:
    for command, then in console(document):
        if command.text == "echo $?":
            continue
        output, code = perform(command.text, folder)
        expected = int(then.shown) if then and then.text == "echo $?" else 0
        assert code == expected, f"$ {command.text}\n{output}"
        assert shows(command.shown, output), f"$ {command.text}\n{output}"


def test_every_line_of_security_names_a_test_that_there_is() -> None:
    lines = [line for line in DOCUMENTS["docs/security.md"].text.splitlines() if line.startswith("| ")]
    promises = [line for line in lines if line != "| what holds | held by |"]
    assert len(promises) > 20
    for promise in promises:
        named = re.fullmatch(r"\| .+ \| `(?P<file>tests/[\w/]+\.py)::(?P<test>test_\w+)` \|", promise)
        assert named, f"no test is named: {promise}"
        assert re.search(
            rf"^(async )?def {named['test']}\(", (ROOT / named["file"]).read_text("utf-8"), re.MULTILINE
        ), promise


@every_document
def test_every_python_block_runs(document: Document, folder: Path) -> None:
    for block in document.blocks:
        if block.language == "python":
            output, code = perform(f"python -P {block.file}", folder)
            assert code == 0, f"{document.path.name}:{block.line}:\n{output}"


@every_document
def test_every_link_leads_to_a_file_and_a_heading(document: Document) -> None:
    broken = [link for link in document.links() if "://" not in link and not arrives(document, link)]
    assert broken == []


def arrives(document: Document, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (document.path.parent / name).resolve() if name else document.path
    if not target.exists() or not anchor:
        return target.exists()
    return anchor in Document(target, target.read_text(encoding="utf-8")).anchors()


@every_document
def test_every_generated_part_is_current(document: Document) -> None:
    cog = [sys.executable, "-m", "cogapp", "--check", "-I", str(ROOT), str(document.path)]
    ended = subprocess.run(cog, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{ended.stdout}{ended.stderr}\nRun: make docs"


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n…\n", "a\nb\nc\n", True),
        ("run … of 3\n", "run 17 of 3\n", True),
        ("run … of 3\n", "run\n of 3\n", False),
        ("…\n", "", True),
        ("", "", True),
        ("", "a\n", False),
        ("1.5 (s)\n", "1x5 (s)\n", False),
    ],
)
def test_shown_output_is_compared_with_its_gaps(shown: str, output: str, same: bool) -> None:
    assert shows(shown, output) is same


def test_a_document_is_read_with_its_blocks_commands_links_and_headings() -> None:
    text = """# A *title*, here
    See [this](other.md#part) and [that](https://example.org).
    1. item
       ```yaml
       # flow.yaml
       wf: 1
       ```
    ```console
    $ wf run flow.yaml \\
        --quiet
    done
    $ echo $?
    0
    ```
    """
    document = Document(ROOT / "sample.md", textwrap.dedent(text.replace("\n    ", "\n")))
    assert [(block.file, block.line) for block in document.blocks] == [("flow.yaml", 4), ("line-8.console", 8)]
    assert [block.file for block in document.workflows] == ["flow.yaml"]
    assert [(one.text, one.shown, then and then.shown) for one, then in console(document)] == [
        ("wf run flow.yaml \\\n    --quiet", "done\n", "0\n"),
        ("echo $?", "0\n", None),
    ]
    assert list(document.links()) == ["other.md#part", "https://example.org"]
    assert document.anchors() == {"a-title-here"}
