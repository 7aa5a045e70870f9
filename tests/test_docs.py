"""README and the guides hold together: links, anchors, paths, complete tables, the version."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import xpnet
from xpnet.installed import BACKENDS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FOLDERS = ("docs", "examples", "ci/benchmarks", "xpnet/compiler")
PAGES = {
    path: path.read_text(encoding="utf-8")
    for path in (
        *ROOT.glob("*.md"),
        *(page for folder in FOLDERS for page in sorted((ROOT / folder).glob("*.md"))),
    )
}
LINKS = [
    (page, link)
    for page, text in PAGES.items()
    for link in re.findall(r"\]\(([^)\s]+)\)", text)
    if not re.match(r"\w+:", link)
]
NAMES = {page: page.relative_to(ROOT).as_posix() for page in PAGES}


def without_code(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text):
    """The anchors of a page's headings, as GitHub and the usual renderers make them."""
    titles = re.findall(r"^#+ (.*)$", without_code(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{NAMES[page]}: {link}" for page, link in LINKS])
def test_a_relative_link_has_its_target(page, link):
    target, _, anchor = link.partition("#")
    there = (page.parent / target).resolve() if target else page
    assert there.exists(), f"{NAMES[page]}: {link} is nowhere"
    assert there.is_relative_to(ROOT)
    if anchor:
        assert anchor in anchors(PAGES[there]), f"{NAMES[page]}: {target} has no heading #{anchor}"


def test_the_reader_of_anchors():
    assert anchors("# A: b's `c`\n```\n# no heading\n```\n## D e") == {"a-bs-c", "d-e"}
    assert len(LINKS) > 60


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.parent == ROOT / "docs"], ids=lambda page: page.name
)
def test_a_path_in_a_guide_is_there(page):
    named = set(re.findall(r"`((?:xpnet|tests|ci|examples|docs)/[\w./-]*)", without_code(PAGES[page])))
    gone = sorted(
        path for path in named if not (ROOT / path).exists() and "NAME" not in path and path not in PLANTED
    )
    assert not gone, f"{NAMES[page]} names {gone}, which are not there"


def test_a_test_in_a_guide_is_there():
    named = {name for text in PAGES.values() for name in re.findall(r"`(test_\w+)`", without_code(text))}
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) >= 4
    assert not sorted(name for name in named if f"def {name}(" not in code)


PLANTED = {"xpnet/ops/gaussian.py", "xpnet/layers/scale.py", "xpnet/ops/losses/cauchy.py"}
"""The files that the checklists have one add."""


def test_readme_is_an_introduction():
    assert len(PAGES[ROOT / "README.md"].splitlines()) <= 130


def test_readme_lists_every_extra():
    table = PAGES[ROOT / "README.md"].partition("| extra |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE))))
    assert named == set(PROJECT["optional-dependencies"])


def test_every_guide_is_in_the_index():
    linked = {link.partition("#")[0] for page, link in LINKS if NAMES[page] == "docs/index.md"}
    guides = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert guides <= linked, f"docs/index.md leaves out {sorted(guides - linked)}"


@pytest.mark.parametrize("page", ["README.md", "docs/backends.md"])
def test_the_table_of_backends_is_complete(page):
    section = PAGES[ROOT / page].partition("| name | arrays |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE) == list(BACKENDS)


def test_the_table_of_a_backends_members_is_complete():
    """Each public member of Backend that an author may override."""
    section = PAGES[ROOT / "docs" / "backends.md"].partition("| member | default |")[2].partition("\n\n")[0]
    named = set(
        re.findall(r"`(\w+)(?:\(\w*=?\))?`", "".join(re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)))
    )
    members = {name for name in dir(xpnet.backends.Backend) if not name.startswith("_")} - {"asarray", "why"}
    assert members <= named, f"the table leaves out {sorted(members - named)}"
    assert named <= set(dir(xpnet.backends.Backend)) | {"name"}


def test_the_table_of_rooms_is_complete():
    table = PAGES[ROOT / "docs" / "architecture.md"].partition("| room | contents |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)/?`", "".join(re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE))))
    rooms = {path.stem for path in (ROOT / "xpnet").iterdir() if not path.name.startswith(("_", "py.typed"))}
    assert rooms <= named, f"the table of rooms leaves out {sorted(rooms - named)}"


def test_the_newest_release_of_the_changelog_is_the_version():
    releases = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", PAGES[ROOT / "CHANGELOG.md"], re.MULTILINE
    )
    assert releases[0] == PROJECT["version"] == xpnet.__version__
    assert "\n## [Unreleased]\n" in PAGES[ROOT / "CHANGELOG.md"]


@pytest.mark.parametrize("beside", [None, "another", "xpnet"])
def test_the_version_of_a_checkout_and_of_an_installed_package(beside, tmp_path):
    """pyproject.toml states it where it is xpnet's own; elsewhere the package's metadata does."""
    (tmp_path / "xpnet").mkdir()
    shutil.copy(ROOT / "xpnet" / "__init__.py", tmp_path / "xpnet")
    if beside is not None:
        (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "{beside}"\nversion = "9.8.7"\n')
    try:
        wanted = "9.8.7" if beside == "xpnet" else metadata.version("xpnet")
    except metadata.PackageNotFoundError:
        pytest.skip("xpnet runs from a checkout that is not installed")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import xpnet; print(xpnet.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == wanted, done.stderr
