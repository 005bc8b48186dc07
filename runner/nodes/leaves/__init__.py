"""Node kinds that are one call, or none."""
