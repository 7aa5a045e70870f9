"""The site: the Markdown pages as they lie in the repository, and the API reference from the docstrings.

The source folder is the repository's root, so that a page may link to any other, in docs/ or not.
"""

import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS / "site"), str(DOCS.parent)]

import xpnet

project = "xpnet"
copyright = author = "the authors of xpnet"
version = release = xpnet.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.viewcode", "myst_parser", "docstrings", "reference"]
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "docs/**",
    "examples/README.md",
    "xpnet/**/README.md",
    "ci/**/README.md",
]
exclude_patterns = [".*", "build", "runs", "tests", "**/__pycache__"]

html_theme = "furo"
html_title = f"xpnet {release}"
html_copy_source = False
smartquotes = False  # quotes and dots belong to code

myst_heading_anchors = 4
myst_enable_extensions = ["linkify", "tasklist"]
myst_linkify_fuzzy_links = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
nitpick_ignore_regex = [("py:.*", r"(?!xpnet\.).*")]  # aliases and types of other libraries, in signatures


def add_toctree(app, docname, source):
    """The first page lists all pages in the sidebar; the pages themselves know of no site."""
    if docname == root_doc:
        first, last = ["README"], ["docs/reference/index", "CHANGELOG"]
        between = sorted(
            app.env.found_docs - {root_doc, *first, *last}, key=lambda name: (name[:5] != "docs/", name)
        )
        pages = [*first, *(name for name in between if not name.startswith("docs/reference/")), *last]
        listed = "\n".join(f"/{name}" for name in pages)
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n"


def move_links(app, docname, source):
    """A heading's link to a file goes below it: Sphinx's table of contents fails on one (KeyError: 'anchorname')."""
    source[0] = re.sub(
        r"^(#+ .*?)\[([^]]+)\]\(([^)#]+)\)$", r"\1\2\n\n[\2](\3)", source[0], flags=re.MULTILINE
    )


def redirect(app, error):
    """index.html at the top leads to the first page."""
    if error is None and app.builder.name == "html":
        page = f'<meta http-equiv="refresh" content="0; url={root_doc}.html"><a href="{root_doc}.html">xpnet</a>\n'
        (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")


def setup(app):
    app.connect("source-read", add_toctree)
    app.connect("source-read", move_links)
    app.connect("build-finished", redirect)
