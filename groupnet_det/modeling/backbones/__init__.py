"""Backbones. `GroupNetResNet` needs torch only; the registered builders need Detectron2."""
