"""How Sphinx builds the site: `make docs`."""

from isn import __version__

project = "isn"
author = "The isn authors"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["report"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_mock_imports = ["torch", "tensorboard", "webdataset", "scipy", "sklearn", "skimage"]
napoleon_google_docstring = True
napoleon_numpy_docstring = False
# Attributes that are described once, in the docstring of their class.
napoleon_use_ivar = True

html_theme = "furo"
html_title = "isn"
html_show_copyright = False
