"""Meta-architectures: Detectron2's, where it leaves no other way to exchange a part."""
