"""Which files a Python tool is made of: its own, and what it imports from beside it. Read, never run."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from runner.ground.errors import InvalidWorkflow, Problem, SourceError
from runner.workflow.compiler.files import Files, shown_as
from runner.workflow.python_files import is_installed
from runner.workflow.signature import parse_python

MOST_MODULES = 500
"""A tool that imports more files than these from beside it is a program to install."""

_IMPORTERS = frozenset({"import_module", "__import__"})
"""Functions that import by name; where the name stands in the text, it is known before the run."""


def modules_of(file: str, files: Files, listed: Iterable[str]) -> dict[str, str]:
    """The texts, by absolute path, of a tool's file, of all that it imports from its folder, and of files `listed`.

    Raises InvalidWorkflow or SourceError for one that can't be read.
    """
    modules = _Modules(files, str(Path(file).parent))
    modules.take(file)
    if not is_installed(file):
        for path in listed:
            modules.take_listed(path)
        modules.follow()
    return modules.texts


def code_hash(file: str, modules: Mapping[str, str]) -> str:
    """The SHA-256 of a tool's files, by their place relative to the folder of `file`, the tool's own."""
    digest = hashlib.sha256()
    for path in [file, *sorted(modules.keys() - {file})]:
        name = os.path.relpath(path, Path(file).parent)
        digest.update(f"{len(name)}:{name}{len(modules[path])}:{modules[path]}".encode())
    return digest.hexdigest()


class _Modules(msgspec.Struct):
    """What has been found so far. `folder` is the tool's: the first place where Python would look."""

    files: Files
    folder: str
    texts: dict[str, str] = {}
    pending: list[str] = []

    def take(self, path: str) -> None:
        """Keep a file, and look at what it imports later."""
        if path in self.texts:
            return
        if len(self.texts) >= MOST_MODULES:
            words = f"{shown_as(self.folder)} gives a tool more than {MOST_MODULES} files"
            raise InvalidWorkflow([Problem(words, hint="make a package of them, and install it")])
        self.texts[path] = self.files.text(path)
        self.pending.append(path)

    def take_listed(self, path: str) -> None:
        """Keep a listed file: by its name as a module if it lies in the tool's folder, with the packages around it."""
        if not self.files.has(path):
            return
        name = Path(os.path.relpath(path, self.folder).removesuffix(".py")).parts
        if ".." not in name:
            self.find(self.folder, name)
        self.take(path)

    def follow(self) -> None:
        """Find what all that was taken imports, and what that imports."""
        while self.pending:
            path = self.pending.pop()
            for base, name, members in _imports(path, self.texts[path], self.folder):
                if base or name[0] not in sys.stdlib_module_names:
                    self.import_(base or self.folder, name, members)

    def import_(self, base: str, name: list[str], members: Iterable[str]) -> None:
        """Take what an import loads: the packages on the way, the module, and members that are modules themselves."""
        found = self.find(base, name)
        for member in members if found is not None else ():
            if member == "*":
                self.import_(found or "", [], self.exported(found or ""))
            else:
                self.find(found or "", [member])

    def find(self, base: str, name: Iterable[str]) -> str | None:
        """Take the packages and the module that a dotted name leads to; the folder of a package that it ends at."""
        for part in name:
            package, module = f"{base}/{part}/__init__.py", f"{base}/{part}.py"
            if self.files.has(package):
                self.take(package)
            elif self.files.has(module):
                self.take(module)
                return None
            elif not self.files.has_folder(f"{base}/{part}"):
                return None
            base = f"{base}/{part}"
        return base

    def exported(self, package: str) -> Iterator[str]:
        """The names that `from package import *` imports, as far as a plain list under `__all__` tells them."""
        text = self.texts.get(f"{package}/__init__.py")
        for node in ast.walk(parse_python(package, text)) if text is not None else ():
            targets = node.targets if isinstance(node, ast.Assign) else ()
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                yield from filter(None, map(_text_of, ast.walk(node)))


_Import = tuple[str, list[str], list[str]]
"""The folder that an import begins at (none: where Python looks first), a dotted name, and what is taken from it."""


def _imports(path: str, text: str, folder: str) -> Iterator[_Import]:
    """All that a file of a tool in `folder` imports by name, wherever in it."""
    try:
        tree = parse_python(shown_as(path), text)
    except SourceError as error:
        raise InvalidWorkflow([Problem(error.message, hint=error.hint)]) from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (("", alias.name.split("."), []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _taken_from(node, path, folder)
        elif isinstance(node, ast.Call) and node.args and _called(node.func) in _IMPORTERS:
            name = (_text_of(node.args[0]) or "").split(".")
            yield from [("", name, [])] if all(part.isidentifier() for part in name) else []


def _taken_from(node: ast.ImportFrom, path: str, folder: str) -> Iterator[_Import]:
    """A `from … import …`; one that leaves the outermost package is Python's to refuse."""
    name = node.module.split(".") if node.module else []
    members = [alias.name for alias in node.names]
    if not node.level:
        yield "", name, members
        return
    base = Path(path).parents[node.level - 1] if node.level <= len(Path(path).parents) else Path("/")
    if str(base).startswith(f"{folder}/"):
        yield str(base), name, members


def _called(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _text_of(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
