"""Sphinx settings. Build with `sphinx-build -W --keep-going -b html docs docs/_build/html`; nothing is downloaded."""

import re
import shutil
from pathlib import Path

import popmath
from popmath import _types

HERE = Path(__file__).resolve().parent

# In signatures, "NumPy or JAX array" is shown as Array. This has to come before the modules that use it are imported.
_types.Array = type("Array", (), {"__module__": "popmath"})

project = "popmath"
author = copyright = "The popmath developers"
version = release = popmath.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["_build", "jupyter_execute", "images"]
html_theme = "furo"
html_title = f"popmath {version}"

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

nb_execution_mode = "auto"  # the notebooks are stored without outputs, so a build from nothing runs them
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False
napoleon_attr_annotations = False  # shapes such as "*batch classes" are not markup
napoleon_use_ivar = True
napoleon_use_rtype = False

_MARKUP = re.compile(
    r"(?P<literal>``.+?``)"
    r"|`(?P<code>[^`]+)`"
    r"|(?P<indent>\n[ ]*)?\$\$(?P<display>.+?)\$\$"
    r"|(?<![\\\w])\$(?P<inline>[^$]+)\$",
    re.DOTALL,
)


def markdown_to_rst(text: str) -> str:
    r"""Single backticks and dollar mathematics of a docstring as reStructuredText; doctests are left alone.

    Example:
        >>> markdown_to_rst("the `rate` $r_i$")
        'the ``rate`` :math:`r_i`'
    """

    def replace(match: re.Match) -> str:
        if match["literal"]:
            return match["literal"]
        if match["code"]:
            return f"``{match['code']}``"
        if match["inline"]:
            return f":math:`{' '.join(match['inline'].split())}`"
        indent = (match["indent"] or "\n").strip("\n")
        return f"\n\n{indent}.. math::\n\n{indent}   {' '.join(match['display'].split())}\n\n{indent}"

    paragraphs = ("\n" + text).split("\n\n")
    return "\n\n".join(p if p.lstrip().startswith(">>>") else _MARKUP.sub(replace, p) for p in paragraphs).lstrip("\n")


def process_docstring(app, what, name, obj, options, lines):
    """Autodoc's hook; runs before napoleon looks for sections."""
    lines[:] = markdown_to_rst("\n".join(lines)).split("\n")


def copy_notebooks() -> None:
    """Sphinx reads below its own folder only: copy the notebooks that have changed into it."""
    target = HERE / "notebooks"
    target.mkdir(exist_ok=True)
    for source in sorted((HERE.parent / "notebooks").glob("*.ipynb")):
        copy = target / source.name
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            shutil.copyfile(source, copy)


def setup(app):
    """Connect the hook ahead of napoleon's, which has the default priority 500."""
    copy_notebooks()
    app.connect("autodoc-process-docstring", process_docstring, priority=400)
