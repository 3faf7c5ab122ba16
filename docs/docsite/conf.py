# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx's settings for the documentation's site; `make docs-site` builds it."""

project = title = html_title = html_short_title = "kcloud.infrastructure"
project_copyright = "2026 kcloud.infrastructure contributors"
extensions = ["sphinx.ext.intersphinx", "sphinx_antsibull_ext"]

default_role = "any"
nitpicky = True
highlight_language = "yaml+jinja"
pygments_style = "ansible"
# The lexer of consoles knows no quotes over several lines; such a command is shown without colours
suppress_warnings = ["misc.highlighting_failure"]

# What pages link to in Ansible's own documentation. tools/docsite.py writes the file, as the site is built offline
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/ansible/latest/", "../ansible.inv")}

html_theme = "sphinx_ansible_theme"
html_static_path = ["static"]
html_css_files = ["outputs.css"]
html_copy_source = False
html_show_sphinx = False
html_use_index = False
html_use_smartypants = True
