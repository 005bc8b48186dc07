"""ruamel.yaml's scanner and parser, without its slowest detours: a text's YAML events, with offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml.docinfo import DocInfo
from ruamel.yaml.events import Event
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import Reader
from ruamel.yaml.scanner import Scanner
from ruamel.yaml.tokens import TagToken

# The scanner looks a few characters ahead; padding lets it do so at the end of the text.
_PADDING = "\0" * 16
_WORD = re.compile(r"[^\s\0]+")
_FLOW_WORD = re.compile(r"[^\s\0,\[\]{}]+")
_BETWEEN_BLOCK_TOKENS = re.compile(r"(?:[ ]*+(?:#[^\n\0]*+)?\n)*+[ ]*+(?:#[^\n\0]*+)?")
_BETWEEN_FLOW_TOKENS = re.compile(r"(?:[ \t]*+(?:#[^\n\0]*+)?\n)*+[ \t]*+(?:#[^\n\0]*+)?")


class Mark:
    """A point in the text; all count from 0."""

    __slots__ = ("column", "index", "line")

    def __init__(self, index: int, line: int, column: int) -> None:
        self.index = index
        self.line = line
        self.column = column


class Events(Reader, Scanner, Parser):
    """The events of a text whose lines end with a line feed and whose characters are all printable.

    ruamel.yaml asks its reader for one character at a time, and looks for the next token's simple key on each
    question about that token. Both are done at once here, which saves a third of the time and changes nothing else.
    """

    reader: Any = None
    scanner: Any = None
    resolver: Any = None
    processing_version = scanner_processing_version = (1, 2)
    comment_handling = None

    def __init__(self, text: str) -> None:
        self.loader = self.reader = self.scanner = self.resolver = self
        self.doc_infos = [DocInfo()]
        self._ready = -1
        self.reset_reader()
        self.buffer = text + _PADDING
        self.reset_scanner()
        self.reset_parser()

    def __iter__(self) -> Iterator[Event]:
        while self.check_event():
            yield self.get_event()

    def peek(self, index: int = 0) -> str:
        return self.buffer[self.pointer + index]

    def prefix(self, length: int = 1) -> str:
        return self.buffer[self.pointer : self.pointer + length]

    def forward(self, length: int = 1) -> None:
        start = self.pointer
        self.pointer = self.index = end = start + length
        last = self.buffer.rfind("\n", start, end)
        if last < 0:
            self.column += length
        else:
            self.line += self.buffer.count("\n", start, end)
            self.column = end - last - 1

    def get_mark(self) -> Mark:
        return Mark(self.pointer, self.line, self.column)

    def scan_to_next_token(self) -> None:
        between = _BETWEEN_FLOW_TOKENS if self.flow_context else _BETWEEN_BLOCK_TOKENS
        match = between.match(self.buffer, self.pointer)
        line = self.line
        if match and match.end() > self.pointer:
            self.forward(match.end() - self.pointer)
        if self.line > line and not self.flow_context:
            self.allow_simple_key = True

    def scan_tag(self) -> TagToken:
        """A tag, whatever it holds: none is used, and ruamel.yaml would decode it in quadratic time."""
        start = self.get_mark()
        word = _FLOW_WORD if self.flow_context else _WORD
        match = word.match(self.buffer, self.pointer)
        self.forward(match.end() - self.pointer if match else 1)
        return TagToken(("!", "tag"), start, self.get_mark())

    def peek_token(self) -> Any:
        if self._ready != self.tokens_taken:
            while self.need_more_tokens():
                self.fetch_more_tokens()
            self._ready = self.tokens_taken
        return self.tokens[0] if self.tokens else None

    def check_token(self, *choices: type) -> bool:
        token = self.tokens[0] if self._ready == self.tokens_taken and self.tokens else self.peek_token()
        return token is not None and (not choices or isinstance(token, choices))

    def get_token(self) -> Any:
        token = self.peek_token()
        if token is not None:
            self.tokens_taken += 1
            del self.tokens[0]
        return token
