"""The page of ``demo/app.py``: packed models on one's own images, in a browser."""
