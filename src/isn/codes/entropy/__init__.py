"""Bands as whole numbers, and these as bytes: what the learned codes share.

`steps` are the sizes that bands are divided by, `prior` is a network that tells from numbers
already known how wide the next ones scatter, `dependent` makes them by two quantisers in turn,
`rans` makes bytes of them with those probabilities, and `search` finds the finest step that fits.
"""
