"""The paper's experiments for any model and any folder of images, next to the alternatives.

`protocol` says which images, `methods` what hides in them, `scores`, `damage`, `extremes` and
`cost` measure, `sections` and `findings` put that into words, tables and pictures, and `html` and
`markdown` write them down. `run` is the whole of it.
"""
