"""Who can see it: detectors, which are given pixels and never the network that hid something."""
