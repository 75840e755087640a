"""Commands: a module each, with one ``main(argv)``; ``groupnet_det.cli`` names them."""
