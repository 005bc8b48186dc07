"""The languages that a workflow file is written in: YAML with places, JSON Schema, expressions, templates."""
