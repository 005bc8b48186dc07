"""The processes that a run starts: how they are marked and found again, and how nothing of them is left."""
