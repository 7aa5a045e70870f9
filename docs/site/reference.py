"""The API reference: a page for each public room, with an entry for every name of its `__all__`.

The pages are written anew at each build, into docs/reference/, which git ignores.
"""

import inspect
from pathlib import Path
from types import ModuleType

import xpnet

TOP = "xpnet"


def rooms():
    """The public modules by name: xpnet, its rooms, and the rooms' public modules."""
    found = {TOP: xpnet}
    for name in xpnet.__all__:
        value = getattr(xpnet, name)
        if isinstance(value, ModuleType):
            found[value.__name__] = value
    for module in [*found.values()]:
        for name in names(module):
            value = getattr(module, name)
            if isinstance(value, ModuleType) and value.__name__ not in found:
                found[value.__name__] = value
    return dict(sorted(found.items()))


def names(module):
    """The public names of a room: its `__all__`, or what is defined in it without an underscore."""
    listed = getattr(module, "__all__", None)
    if listed is None:
        listed = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        ]
    return sorted(listed, key=str.lower)


def home(value, name):
    """The room whose page has a value's entry: the lowest that lists it, so that each has one entry."""
    lists = [
        room
        for room, module in rooms().items()
        if name in names(module) and getattr(module, name) is value and room != TOP
    ]
    return lists[0] if lists else TOP


def page(module):
    """The page of a room, as reStructuredText."""
    title = module.__name__
    lines = [title, "=" * len(title), "", f".. automodule:: {title}", "   :no-members:", ""]
    elsewhere = []
    for name in names(module):
        value = getattr(module, name)
        if isinstance(value, ModuleType) or name == "__version__":
            continue
        place = home(value, name)
        if place == title:
            lines += entry(title, name, value)
        else:
            role = "class" if isinstance(value, type) else "func" if callable(value) else "data"
            elsewhere.append(f"- :py:{role}:`{name} <{place}.{name}>` of {place}")
    if elsewhere:
        lines += ["", "Also here", "---------", "", *elsewhere]
    return "\n".join(lines) + "\n"


def entry(room, name, value):
    """An autodoc directive."""
    if isinstance(value, type):
        base = ["   :members:", "   :exclude-members: __init__, __new__"]
        if value is xpnet.Model:  # its properties are of a class of their own
            base.append("   :inherited-members: object")
        return [f".. autoclass:: {room}.{name}", *base, ""]
    if inspect.isroutine(value) or (callable(value) and inspect.getdoc(value) != inspect.getdoc(type(value))):
        return [f".. autofunction:: {room}.{name}", ""]
    return [f".. autodata:: {room}.{name}", "   :no-value:", ""]


def index():
    """The first page of the reference, as Markdown: each room with the first line of its docstring."""
    found = rooms()
    rows = [
        f"| [{name}]({name}.rst) | {inspect.getdoc(room).splitlines()[0]} |" for name, room in found.items()
    ]
    table = "\n".join(["| room | contents |", "|---|---|", *rows])
    listed = "\n".join(found)
    return f"# API reference\n\n{table}\n\n```{{toctree}}\n:maxdepth: 1\n:hidden:\n\n{listed}\n```\n"


def write(folder):
    """Write all pages, and remove those of rooms that are gone."""
    folder.mkdir(exist_ok=True)
    written = {"index.md"}
    for name, module in rooms().items():
        _write(folder / f"{name}.rst", page(module))
        written.add(f"{name}.rst")
    _write(folder / "index.md", index())
    for path in folder.iterdir():
        if path.name not in written:
            path.unlink()


def _write(path, text):
    """Touches no file that stays as it is, so that Sphinx reads it no second time."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def resolve(app, env, node, contnode):
    """A type in a signature is named by the file that defines it: the link goes to its entry, if it has one."""
    if node.get("refdomain") != "py" or not node.get("reftarget", "").startswith(f"{TOP}."):
        return None
    domain, name = env.get_domain("py"), node["reftarget"].rpartition(".")[2]
    for room in rooms():
        if f"{room}.{name}" in domain.objects:
            where = env, node["refdoc"], app.builder, "obj", f"{room}.{name}"
            return domain.resolve_xref(*where, node, contnode)
    return contnode if node["reftype"] == "class" else None  # a Protocol or a type of no public room


def check(app, env):
    """A warning, which fails the build, for each public name without an entry."""
    from sphinx.util import logging  # here, so that the tests need no Sphinx

    entries = env.get_domain("py").objects
    for room, module in rooms().items():
        for name in names(module):
            value = getattr(module, name)
            if f"{home(value, name)}.{name}" not in entries and not isinstance(value, ModuleType | str):
                logging.getLogger(__name__).warning("the API reference has no entry for %s.%s", room, name)


def setup(app):
    write(Path(app.srcdir) / "docs" / "reference")
    app.connect("missing-reference", resolve)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True}
