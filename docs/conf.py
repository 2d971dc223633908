"""Sphinx's settings for the site that `make docs` builds from the Markdown files of this folder.

The site needs no network: neither the build nor the pages load anything from other hosts.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from customer_match.release import release as installed_release

project = "Customer Match exports for Airflow"
version = release = installed_release()
html_title = project
extensions = ["myst_parser", "site_pages"]

# Anchors of all headings, as GitHub makes them: the files are read there too.
myst_heading_anchors = 6
# Every link must lead somewhere; `--fail-on-warning` makes a warning an error.
nitpicky = True

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
# Pages without others beside them need no list of these.
html_sidebars: dict[str, list[str]] = {name: [] for name in ("fr/*", "index", "runbook", "tutorial")}
html_theme_options = {
    "footer_end": [],
    "footer_start": [],
    "header_links_before_dropdown": 6,
    "logo": {"text": "Customer Match exports"},
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
}
