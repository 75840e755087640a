"""Make what the project itself publishes; for a checkout, not in the wheel."""
