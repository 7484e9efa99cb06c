"""Sphinx configuration: `make docs`."""

from steepest import __version__

project = "steepest"
author = "The steepest developers"
copyright = "The steepest developers"
version = release = __version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
napoleon_use_rtype = False
html_theme = "alabaster"
html_theme_options = {"description": "The dynamics of training, made executable."}
exclude_patterns = ["_build"]
