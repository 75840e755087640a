"""Export of trained networks: packed files, ONNX graphs, and their verification."""
