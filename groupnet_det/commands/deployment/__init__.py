"""Export trained networks, and verify what was exported."""
