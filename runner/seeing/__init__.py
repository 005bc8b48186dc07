"""What listens and draws: diagrams, lines, the terminal. Nothing here changes a run."""
