"""Networks. `register` makes our parts known to Detectron2; importing this package alone does
nothing, so that what needs torch only can be had without Detectron2."""
