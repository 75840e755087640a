"""Train, score and compare networks."""
