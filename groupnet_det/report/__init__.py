"""One HTML page of all that a training left: figures, curves, pictures."""
