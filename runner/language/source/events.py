"""The YAML events of a text, from ruamel.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruamel.yaml.docinfo import DocInfo
from ruamel.yaml.events import Event
from ruamel.yaml.loader import SafeLoader
from ruamel.yaml.tokens import TagToken

_WORD = re.compile(r"[^\s\0]+")
_FLOW_WORD = re.compile(r"[^\s\0,\[\]{}]+")


class Events(SafeLoader):
    """The events of a text whose lines end with a line feed and whose characters are all printable.

    `index` is the offset up to which the text has been read.
    """

    def __init__(self, text: str) -> None:
        self.doc_infos = [DocInfo()]  # the scanner puts a %YAML line's version there
        super().__init__(text)

    def __iter__(self) -> Iterator[Event]:
        while self.check_event():
            yield self.get_event()

    def check_printable(self, data: str) -> None:
        """Nothing: the caller has looked already, and ruamel.yaml's regular expression takes long to compile."""

    def scan_tag(self) -> TagToken:
        """A tag, whatever it holds: none is used, and ruamel.yaml would decode it in quadratic time."""
        start = self.get_mark()
        word = _FLOW_WORD if self.flow_context else _WORD
        match = word.match(self.buffer, self.pointer)
        self.forward(match.end() - self.pointer if match else 1)
        return TagToken(("!", "tag"), start, self.get_mark())
