"""Layers with weights and inputs of 8 bits, quantized after the training."""
