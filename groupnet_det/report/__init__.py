"""Report of a training as one HTML page: figures, curves and images."""
