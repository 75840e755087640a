"""The page of ``demo/app.py``: packed models on one's own pictures, in a browser."""
