"""Starts an MCP server, and stands before it as one that knows no protocol but those before 2026-07-28."""

from __future__ import annotations

import json
import subprocess
import sys


def main() -> None:
    server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, text=True)
    assert server.stdin is not None
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("method") != "server/discover":
            server.stdin.write(line)
            server.stdin.flush()
            continue
        error = {"code": -32601, "message": "there is no server/discover"}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}) + "\n")
        sys.stdout.flush()
    server.stdin.close()
    server.wait()


if __name__ == "__main__":
    main()
