"""Count and time."""
