# SPDX-License-Identifier: GPL-2.0
"""Sphinx's configuration. scripts/docs.sh runs it and sets AXAS_KERNEL.

kernel-doc comments come in through the kernel's own extensions, out of the
source in AXAS_KERNEL.
"""
import glob
import os
import subprocess
import sys

tree = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
kernel = os.environ["AXAS_KERNEL"]
sys.path.insert(0, os.path.join(kernel, "Documentation/sphinx"))

project = "axas"
copyright = "The axas authors"
extensions = ["kerneldoc", "automarkup"]
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
# Debian's furo is light only: blocks that turned dark would stand out.
pygments_style = pygments_dark_style = "tango"
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


def setup(app):
    """Sphinx calls this."""
    app.connect("source-read", insert_man_pages)
