"""From a trained network to the packed file that `groupnet_det.runtime` runs."""
