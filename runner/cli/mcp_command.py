"""`wf mcp`: the tools of MCP servers as they are known, what a server offers otherwise by now, and that it is taken."""

from __future__ import annotations

import click
from msgspec.structs import replace

from runner.cli.options import database_option
from runner.cli.speaking import tell, tell_json, tell_rows
from runner.cli.stored import reading, writing
from runner.ground.advice import command_line
from runner.ground.clock import SystemClock, moment
from runner.ground.errors import UsageError, did_you_mean
from runner.ground.json_value import Json
from runner.ground.plain import counted, one_line
from runner.record.store.contract import Store
from runner.record.tool_lists import ToolList, changes, difference

EPILOG = """\b
Examples:
  wf mcp                                      # the servers that runs have used
  wf mcp git                                  # its tools, and what it offers otherwise by now
  wf mcp git --accept                         # take its tools as they are now
"""


@click.command("mcp", epilog=EPILOG)
@click.argument("server", required=False)
@click.option("--accept", is_flag=True, help="Take the server's tools as a run has found them last.")
@click.option("--json", "as_document", is_flag=True, help="As a JSON document.")
@database_option
def wf_mcp(server: str | None, accept: bool, as_document: bool, db: str | None) -> None:
    """List the MCP servers that runs have used, or the tools of SERVER, by its name or by how it is reached.

    A server's tools are kept when it is first used. One that has others later is refused until they are accepted here:
    what a tool is said to do is what models go by.
    """
    if accept:
        if server is None:
            raise UsageError("--accept needs a server", command_line("mcp", "SERVER", "--accept"))
        with writing(db) as store:
            _accept(store, server)
        return
    with reading(db) as store:
        if server is None:
            rows = store.tool_lists.all()
            tell_rows(rows, _line, as_document=as_document, none="no run has used an MCP server")
            return
        found = _find(store, server)
    if as_document:
        tell_json(_document(found))
    else:
        tell("\n".join(_told(found)))


def _find(store: Store, server: str) -> ToolList:
    """The one server of a name, or that is reached so. Raises UsageError."""
    known = store.tool_lists.all()
    found = [each for each in known if server in (each.name, each.server)]
    if not found:
        near = did_you_mean(server, [each.name for each in known])
        raise UsageError(f"no run has used an MCP server '{one_line(server)}'{near}", command_line("mcp"))
    if len(found) > 1:
        hint = f"name it by how it is reached: {command_line('mcp', found[0].server)}"
        raise UsageError(f"{len(found)} servers are called '{one_line(server)}'", hint)
    return found[0]


def _accept(store: Store, server: str) -> None:
    found = _find(store, server)
    if found.offered is None:
        tell(f"the tools of MCP server '{found.name}' are as they were: there is nothing to accept")
        return
    taken = replace(found, tools=found.offered, at=SystemClock().now(), offered=None)
    store.tool_lists.keep(taken)
    tell(f"accepted {counted(len(taken.tools), 'tool')} of MCP server '{found.name}'")


def _line(kept: ToolList) -> str:
    changed = "  changed: not accepted" if kept.offered is not None else ""
    return f"{kept.name}  {counted(len(kept.tools), 'tool')} since {moment(kept.at)}  {one_line(kept.server)}{changed}"


def _told(kept: ToolList) -> list[str]:
    tools = [f"  {one_line(str(tool['name']))}: {one_line(str(tool['description']), 90)}" for tool in kept.tools]
    lines = [f"MCP server '{kept.name}', reached by: {one_line(kept.server)}", *tools]
    if kept.offered is None:
        return lines
    said = "; ".join(changes(kept.tools, kept.offered))
    accepted = command_line("mcp", kept.name, "--accept")
    return [
        *lines,
        f"offered since, and not accepted: {said}",
        difference(kept.tools, kept.offered),
        f"to accept: {accepted}",
    ]


def _document(kept: ToolList) -> dict[str, Json]:
    return {"server": kept.server, "name": kept.name, "at": kept.at, "tools": kept.tools, "offered": kept.offered}
