"""Who hears of a run's commits: lines, a terminal, JSON lines. The engine knows none of them."""
