"""`http`: sends one HTTP request."""

from __future__ import annotations

from runner.nodes.contract import Kind, Opened, Perform, View
from runner.nodes.requests import KEY, Request, request, request_call
from runner.workflow.model import Node, Traits


def open_(node: Node, view: View) -> Opened:
    call = request_call(node.spec, view.text, view.value)
    return Perform(call, {"method": call.method, "url": call.url})


def traits(spec: Request) -> Traits:
    return Traits(hosts=(spec.reached,) if spec.reached is not None else ())


KIND = Kind(verb=KEY, is_one_call=True, build=request, open=open_, traits=traits, takes_defaults=True)
