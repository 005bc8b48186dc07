"""The tool lists of MCP servers that a store keeps, for all its runs."""

from __future__ import annotations

import json

from runner.record.store import statements
from runner.record.store.session import Session
from runner.record.tool_lists import ToolList


class KeptLists:
    """One row for each server. See `ToolLists`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, server: str) -> ToolList | None:
        return next(iter(self._read(server)), None)

    def all(self) -> list[ToolList]:
        return self._read(None)

    def keep(self, tools: ToolList) -> None:
        offered = None if tools.offered is None else json.dumps(tools.offered)
        row = (tools.server, tools.name, tools.at, tools.hash, json.dumps(tools.tools), offered)
        self._session.write(statements.KEEP_TOOL_LIST, row)

    def _read(self, server: str | None) -> list[ToolList]:
        with self._session.sound("the tool lists of MCP servers"):
            return [
                ToolList(key, name, at, json.loads(tools), None if offered is None else json.loads(offered))
                for key, name, at, tools, offered in self._session.read(statements.TOOL_LISTS, (server,))
            ]
