"""Templates: text with `{{ … }}`, checked when compiled, rendered in a sandbox within fixed bounds."""

from runner.language.template.template import Template, compile_template
from runner.language.template.value import ValueTemplate, compile_value

__all__ = ["Template", "ValueTemplate", "compile_template", "compile_value"]
