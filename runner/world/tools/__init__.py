"""Calls that touch programs and files, behind one gate; `performers` tells which function performs which call."""
