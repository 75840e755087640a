"""What a config for a data set should hold, and why."""
