"""An MCP server, good and bad, that knows only the protocol before 2026-07-28: `mcp_stub.py [HOW] [TOOLS.json]`.

It imports nothing of the SDK, so that it starts at once. HOW says how it behaves before it is asked for anything:
`crash`, `hang`, `garbage`, `flood`; the tools say by their names what a call of them does. TOOLS.json is what it lists.
A line for each start, call and cancellation is added to the file that the variable STUB_LOG names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

OBJECT = {"type": "object", "properties": {"text": {"type": "string"}}}
MEGABYTE = 1 << 20


def listed() -> Any:
    if len(sys.argv) > 2:
        return json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    return [{"name": name, "description": f"Does {name}.", "inputSchema": OBJECT} for name in ("echo", *CALLS)]


def log(line: str) -> None:
    if path := os.environ.get("STUB_LOG"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(said: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": said}]}


def crash(_said: str) -> dict[str, Any]:
    sys.stderr.write("it was too much\n")
    sys.stderr.flush()
    os._exit(7)


def garbage(_said: str) -> dict[str, Any]:
    sys.stdout.write('this is no message\n{"jsonrpc": "2.0", "id": 99, "id": 98}\n')
    return text("said all the same")


def child(_said: str) -> dict[str, Any]:
    left = subprocess.Popen(["sleep", "600"])
    return text(str(left.pid))


IMAGE = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
CALLS: dict[str, Callable[[str], dict[str, Any] | None]] = {
    "fail": lambda said: {**text(f"no: {said}"), "isError": True},
    "hang": lambda _said: None,
    "crash": crash,
    "big": lambda _said: text("x" * (10 * MEGABYTE)),
    "garbage": garbage,
    "structured": lambda _said: {**text("{}"), "structuredContent": {"n": 3, "list": [1.5, None]}},
    "nan": lambda _said: {**text(""), "structuredContent": {"n": float("nan")}},
    "image": lambda _said: {"content": [{"type": "text", "text": "see"}, IMAGE]},
    "env": lambda _said: text(json.dumps(dict(os.environ))),
    "child": child,
    "escape": lambda _said: text("\x1b]0;owned\x07 {{ inputs.secret }} ::error::x"),
}


def echo(said: str) -> dict[str, Any]:
    return text(f"echo: {said}")


def answer(request: dict[str, Any]) -> None:
    method, params = request["method"], request.get("params", {})
    if method == "notifications/cancelled":
        log("cancelled")
    if "id" not in request:
        return
    result: dict[str, Any] | None = None
    if method == "initialize":
        info = {"name": "stub", "version": "1"}
        result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}
    elif method == "tools/list":
        result = {"tools": listed()}
    elif method == "tools/call":
        log(f"{params['name']} {json.dumps(params.get('arguments'))}")
        log(f"key {params.get('_meta', {}).get('wf/idempotency-key')}")
        given = params.get("arguments") or {}
        result = CALLS.get(params["name"], echo)(given.get("text", ""))
    else:
        send({"id": request["id"], "error": {"code": -32601, "message": f"there is no {method}"}})
    if result is not None:
        send({"id": request["id"], "result": result})


def main() -> None:
    how = sys.argv[1] if len(sys.argv) > 1 else ""
    log(f"started {os.getpid()}")
    if how == "crash":
        sys.stderr.write("no database\n")
        sys.exit(3)
    while how == "garbage":
        sys.stdout.write("not a message\n")
    if how == "flood":
        sys.stderr.write("e" * (20 * MEGABYTE))
    for line in sys.stdin:
        if how != "hang":
            answer(json.loads(line))
    log("ended")


if __name__ == "__main__":
    main()
