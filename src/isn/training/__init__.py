"""From a folder of images to a model; the one part, with the torch backend, that needs torch."""
