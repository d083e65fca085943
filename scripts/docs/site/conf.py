"""Sphinx's configuration of the site; `build_site.py` assembles its sources and calls Sphinx."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts" / "docs"), str(Path(__file__).parent)]

import keras_effconv  # noqa: E402

project = "keras_effconv"
version = release = keras_effconv.__version__
copyright = "the authors of keras_effconv, Apache-2.0"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_nb", "sphinx_copybutton", "docstrings"]
exclude_patterns = ["**/.ipynb_checkpoints"]
highlight_language = "text"
default_role = "py:obj"

# Anchors are those of a code host, and a link that leads nowhere is a warning.
myst_heading_anchors = 4
# Notebooks are shown as they are stored. Widgets would be scripts from another host.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True

autodoc_inherit_docstrings = False  # Keras' docstrings are Keras'
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = ["Input shape", "Output shape"]
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = project
html_context = {"default_mode": "auto"}
html_static_path = ["static"]
html_favicon = "static/favicon.svg"
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": project},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": []}
