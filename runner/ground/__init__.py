"""What everything stands on: errors, the clock, shipped files, plain text, JSON."""
