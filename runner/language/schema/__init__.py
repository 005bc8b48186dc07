"""Checks data against JSON Schemas, the shipped and the users' own, and says in words what is wrong and where."""

from runner.language.schema.mending import Unknown, stand_in
from runner.language.schema.shipped import VERBS, bundle
from runner.language.schema.values import (
    CompiledSchema,
    SchemaError,
    UnusableSchema,
    check_schema,
    compile_schema,
    example,
)
from runner.language.schema.workflow import check_workflow

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
    "stand_in",
]
