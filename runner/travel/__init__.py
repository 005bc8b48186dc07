"""What begins from a record: forks, retries, other versions of a workflow, exports and imports."""
