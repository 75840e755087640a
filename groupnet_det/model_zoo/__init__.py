"""What MODEL_ZOO.md is made of: measured rows in ``results``, and the tables that show them."""
