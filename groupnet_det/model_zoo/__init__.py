"""Sources of MODEL_ZOO.md: measured rows in ``results``, and the tables that show them."""
