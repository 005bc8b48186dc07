"""A start loads what it needs and nothing heavier; what it loads can be counted, how long that takes only measured."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.project import ROOT

WORLD = {"_sqlite3", "asyncio", "litellm", "mcp", "opentelemetry", "pysqlite3", "rich", "sqlite3", "sqlite_utils"}
LANGUAGE = {"jinja2", "jsonschema", "lark", "ruamel.yaml"}
UNNEEDED = {"jsonschema", "lark", "referencing"}
"""What says why a value does not fit, and what makes the parser's tables: a file that is right does without."""

SMALLEST = "wf: 1\nname: smallest\nnodes:\n  only: {}\n"
DOOR = """
from runner.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code
"""
needs_cli = pytest.mark.skipif(find_spec("runner.cli") is None, reason="there is no command line yet")


def loaded(code: str, *arguments: str) -> set[str]:
    """The modules that a fresh interpreter has loaded once it has run `code`."""
    report = f"{code}\nimport json, sys\nprint(json.dumps(list(sys.modules)), file=sys.stderr)"
    command = [sys.executable, "-c", report, *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return set(json.loads(ended.stderr.splitlines()[-1]))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded("import runner") & (WORLD | LANGUAGE) == set()


@needs_cli
def test_help_loads_nothing_heavy() -> None:
    assert loaded(DOOR, "--help") & (WORLD | LANGUAGE) == set()


@needs_cli
def test_validating_loads_the_language_and_not_the_world(tmp_path: Path) -> None:
    flow = tmp_path / "smallest.yaml"
    flow.write_text(SMALLEST)
    assert loaded(DOOR, "validate", str(flow)) & (WORLD | UNNEEDED) == set()
