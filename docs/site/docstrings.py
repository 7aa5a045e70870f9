"""Plain docstrings to reStructuredText: formulas become literal blocks, `names` become code, the rest is escaped.

The docstrings of xpnet are plain text: paragraphs, lines of formulas (`y = x @ w + b; dx = dy @ w.T`), lists with "-",
and indented blocks. Nothing in them is markup but the backtick.
"""

import re

FORMULA = re.compile(
    r"""
    \s*(?:<?[\w.\[\](),'^{}/|*+-]+(?:\s[\w.\[\](),'^{}/|*+>-]+){0,3})   # what is defined: y, loss_i, <dy, J v>, f(x)
    \s(?:=|<-|:=|~)\s                                                   # as what
    """,
    re.VERBOSE,
)
"""The beginning of a line that is a formula and no prose."""
CODE = re.compile(r"``?([^`]+?)``?")
SPECIAL = re.compile(r"([\\*|_])")


def to_rst(lines):
    """The lines of a docstring as lines of reStructuredText."""
    found = []
    for block in blocks(lines):
        found += [*converted(block), ""]
    return found


def blocks(lines):
    """Paragraphs, each of one kind: formulas, indented lines, a list, or prose."""
    block, kinds = [], None
    for line in [*lines, ""]:
        kind = kind_of(line, kinds)
        if block and kind != kinds:
            yield block
            block = []
        if line.strip():
            block.append(line)
        kinds = kind


def kind_of(line, before):
    """The kind of a line after a line of another."""
    if not line.strip():
        return None
    if re.match(r"\s*- ", line) or (before == "list" and line[0] == " "):
        return "list"
    if line.startswith((" ", ">>>")):
        return "literal"
    return "literal" if FORMULA.match(line) and not line.rstrip().endswith((".", ":")) else "prose"


def converted(block):
    """A block as reStructuredText."""
    kind = None
    for line in block:
        kind = kind_of(line, kind)
    if kind == "literal":
        lines = [part for line in block for part in re.split(r"(?<=;) {2,}", line)]  # value and derivative
        return [".. code-block:: text", "", *("    " + line for line in lines)]
    if kind == "list":
        return [re.sub(r"^(\s*-? ?)(.*)$", lambda found: found[1] + inline(found[2]), line) for line in block]
    return inline("\n".join(block)).split("\n")


def inline(text):
    """Prose with `names` as code and all else as it is written."""
    parts, end = [], 0
    for found in CODE.finditer(text):
        parts.append(escaped(text[end : found.start()]))
        before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        code = re.sub(r"\s+", " ", found[1].strip())
        parts.append(("\\ " if before.strip() else "") + f"``{code}``" + ("\\ " if after.strip() else ""))
        end = found.end()
    return "".join([*parts, escaped(text[end:])])


def escaped(text):
    """Prose without what reStructuredText would read as markup."""
    text = SPECIAL.sub(r"\\\1", text.replace("`", "'"))
    return re.sub(r"^(\s*)([-+#]|\d+\.)(?=\s)", r"\1\\\2", text, flags=re.MULTILINE)


def process(app, what, name, obj, options, lines):
    """The handler of autodoc-process-docstring."""
    lines[:] = to_rst(lines)


def setup(app):
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True}
