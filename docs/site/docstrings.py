"""Plain docstrings to reStructuredText: formulas become literal blocks, `names` become code, the rest is escaped.

The docstrings of xpnet are plain text: paragraphs, lines of formulas (`y = x @ w + b; dx = dy @ w.T`), lists with "-",
arguments (`momentum: the weight of a batch`), examples (`>>> xn.ReLU()`), and indented blocks. Nothing in them is
markup but the backtick.
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
ARGUMENT = re.compile(r"\*{0,2}[a-z_]\w*(?:, \*{0,2}[a-z_]\w*)*: (?=\S)")
"""The beginning of a line that explains an argument, or several."""
CODE = re.compile(r"``?([^`]+?)``?")
SPECIAL = re.compile(r"([\\*|_])")


def to_rst(lines):
    """The lines of a docstring as lines of reStructuredText."""
    found = []
    for kind, block in blocks(lines):
        found += [*converted(kind, block), ""]
    return found


def blocks(lines):
    """(kind, lines) of each paragraph: literal (formulas and indented lines), example, list, arguments, or prose."""
    block, before = [], None
    for line in [*lines, ""]:
        kind = kind_of(line, before, block[-1] if block else "")
        if block and kind != before:
            yield before, block
            block = []
        if kind:
            block.append(line)
        before = kind


def kind_of(line, before, last):
    """The kind of a line after `last`, a line of the kind `before`."""
    if not line.strip():
        return None
    if line.startswith(">>>") or before == "example":
        return "example"
    if ARGUMENT.match(line):
        return "arguments"
    if before == "arguments" and not (line[0].isupper() and last.endswith((".", ")"))):
        return "arguments"
    if re.match(r"\s*- ", line) or (before == "list" and line[0] == " "):
        return "list"
    if line.startswith(" "):
        return "literal"
    return "literal" if FORMULA.match(line) and not line.rstrip().endswith((".", ":")) else "prose"


def converted(kind, block):
    """A block as reStructuredText."""
    if kind == "example":
        return [".. code-block:: pycon", "", *("    " + line for line in block)]
    if kind == "arguments":
        return arguments(block)
    if kind == "literal":
        lines = [part for line in block for part in re.split(r"(?<=;) {2,}", line)]  # value and derivative
        return [".. code-block:: text", "", *("    " + line for line in lines)]
    if kind == "list":
        return [re.sub(r"^(\s*-? ?)(.*)$", lambda found: found[1] + inline(found[2]), line) for line in block]
    return inline("\n".join(block)).split("\n")


def arguments(block):
    """A list with the names of the arguments in bold; two sentences of a line may explain two."""
    text = "\n".join(f"\n{line}" if ARGUMENT.match(line) else line.strip() for line in block)
    found = []
    for part in re.split(rf"\n\n|(?<=\.)\s(?={ARGUMENT.pattern})", text.strip()):
        names, _, rest = part.partition(": ")
        found += f"- **{escaped(names)}**: {inline(rest)}".replace("\n", "\n  ").split("\n")
    return found


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
