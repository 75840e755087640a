"""Draw data, predictions and curves."""
