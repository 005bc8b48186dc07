"""Node kinds that live by their children, by an answer, or by a time."""
