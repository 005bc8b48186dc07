"""Checks data against JSON Schemas, the shipped and the users' own, and says in words what is wrong and where."""

from runner.schema.example import example
from runner.schema.keys import VERBS
from runner.schema.mending import Unknown
from runner.schema.shipped import bundle
from runner.schema.values import CompiledSchema, SchemaError, UnusableSchema, check_schema, compile_schema
from runner.schema.workflow import check_workflow

__all__ = [
    "VERBS",
    "CompiledSchema",
    "SchemaError",
    "Unknown",
    "UnusableSchema",
    "bundle",
    "check_schema",
    "check_workflow",
    "compile_schema",
    "example",
]
