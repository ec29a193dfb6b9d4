# SPDX-License-Identifier: GPL-2.0
"""Sphinx's configuration. scripts/docs.sh runs it and sets AXAS_KERNEL.

kernel-doc comments come in through the kernel's own extensions, out of the
source in AXAS_KERNEL.
"""
import glob
import os
import subprocess
import sys

from docutils import nodes

tree = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
kernel = os.environ["AXAS_KERNEL"]
sys.path.insert(0, os.path.join(kernel, "Documentation/sphinx"))

project = "axas"
copyright = "The axas authors"
extensions = ["kerneldoc", "automarkup", "myst_parser"]
kerneldoc_bin = os.path.join(kernel, "scripts/kernel-doc")
kerneldoc_srctree = tree

nitpicky = True
# Types that are the kernel's or the C library's own.
nitpick_ignore_regex = [("c:identifier", r"(?!axas_).*")]
primary_domain = "c"
highlight_language = "none"
# Sphinx knows C, not the kernel's annotations.
c_id_attributes = ["__percpu", "__user"]

html_theme = "furo"
pygments_style = "tango"
pygments_dark_style = "native"
# Debian's furo turns dark when it is told to, but doesn't see that the reader's
# system is dark; what is set here does both.
html_theme_options = {
    "dark_css_variables": {
        "color-foreground-primary": "#d8dade",
        "color-foreground-secondary": "#a3a7ae",
        "color-foreground-muted": "#8a8f98",
        "color-foreground-border": "#6a6f78",
        "color-background-primary": "#15171a",
        "color-background-secondary": "#1c1f23",
        "color-background-hover": "#24282d",
        "color-background-hover--transparent": "#24282d00",
        "color-background-border": "#33383e",
        "color-background-item": "#4a5058",
        "color-brand-primary": "#6aa5f8",
        "color-brand-content": "#6aa5f8",
        "color-problematic": "#f08c7a",
        "color-highlighted-background": "#23405f",
        "color-highlight-on-target": "#3a3a12",
        "color-code-background": "#1f2327",
        "color-code-foreground": "#d8dade",
    },
}
html_title = "axas"
html_static_path = ["static"]
html_css_files = ["axas.css"]
html_copy_source = False
html_show_sphinx = False


def insert_man_pages(_app, docname, source):
    """Put what mandoc makes of each manual page into man.rst."""
    if docname != "man":
        return
    pages = glob.glob(os.path.join(tree, "tools/**/*.[1-8]"), recursive=True)
    for page in sorted(pages, key=os.path.basename):
        html = subprocess.run(["mandoc", "-T", "html", "-O", "fragment", page],
                              capture_output=True, text=True, check=True).stdout
        name, section = os.path.basename(page).rsplit(".", 1)
        title = f"{name}({section})"
        source[0] += f"\n{title}\n{'=' * len(title)}\n\n.. raw:: html\n\n"
        source[0] += "".join(f"   {line}\n" for line in html.splitlines())


def trim_blocks(_app, doctree):
    """Take the empty lines away that an included function ends with."""
    for block in doctree.findall(nodes.literal_block):
        if block.rawsource.endswith("\n"):
            block.rawsource = block.rawsource.rstrip("\n")
            block[:] = [nodes.Text(block.rawsource)]


def setup(app):
    """Sphinx calls this."""
    app.connect("doctree-read", trim_blocks)
    app.connect("source-read", insert_man_pages)
