"""CSV files as they are in the world: each gives the table that a reader sees in it, or one clear sentence."""

import csv
import gzip
import random
import re
import string

import numpy as np
import pytest

import xpnet as xn

pd = pytest.importorskip("pandas", reason="pandas is not installed: pip install 'xpnet[data]'")

PLAIN = "age,city\n31,Rome\n45,Köln\n"
AS_READ = {"age": ["31", "45"], "city": ["Rome", "Köln"]}


def read(path):
    """(the columns as lists, the lines, the notes)."""
    frame = xn.data.read_csv(path)
    notes = frame.attrs["notes"]
    return {name: frame[name].tolist() for name in frame.columns}, frame.index.tolist(), notes


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PLAIN, None),
        (PLAIN.replace("\n", "\r\n"), None),
        (PLAIN.replace("\n", "\r"), None),
        (PLAIN.rstrip("\n"), None),
        (PLAIN.replace(",", ";"), "semicolons"),
        (PLAIN.replace(",", "\t"), "tabs"),
        (PLAIN.replace(",", "|"), "bars"),
        (" age , city \n 31 , Rome \n45,  Köln\n", None),
        ('age,city\n"31","Rome"\n45, "Köln"\n', None),
        (PLAIN.encode("utf-8-sig"), None),
        (PLAIN.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + PLAIN.encode("utf-16-be"), "utf-16-be"),
        (PLAIN.encode("utf-16-le"), "utf-16-le"),  # without a mark
        (PLAIN.encode("cp1252"), "cp1252"),
        (gzip.compress(PLAIN.encode(), mtime=0), None),
    ],
)
def test_one_table_in_many_files(write, content, said):
    found, lines, notes = read(write(content))
    assert found == AS_READ
    assert lines == [2, 3]
    assert len(notes) == (said is not None)
    assert said is None or said in notes[0]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("c,n\nNA,1\nnull,2\n", {"c": ["NA", "null"], "n": ["1", "2"]}),  # Namibia
        ("zip,n\n01234,1\n00501,2\n", {"zip": ["01234", "00501"], "n": ["1", "2"]}),
        ('a,b\n1,\n,"x"\n', {"a": ["1", ""], "b": ["", "x"]}),
        ('a,b\n1,"x, ""y"""\n', {"a": ["1"], "b": ['x, "y"']}),
        ("a,b\n1,5 o'clock; or 6\n2,7; 8\n", {"a": ["1", "2"], "b": ["5 o'clock; or 6", "7; 8"]}),
        ("a,b\n\r,1\n", {"a": [""], "b": ["1"]}),  # pandas moves the 1 to the left
        ("a\n1\n2\n", {"a": ["1", "2"]}),
        ("name,2019,2020\nx,1,2\n", {"name": ["x"], "2019": ["1"], "2020": ["2"]}),  # years are names
        ("a,b\n1,\x96\n".encode("latin-1").replace(b"\x96", b"\x81"), {"a": ["1"], "b": ["\x81"]}),
    ],
)
def test_cells_are_the_text_that_stands_there(write, content, wanted):
    assert read(write(content))[0] == wanted


@pytest.mark.parametrize(
    ("content", "wanted", "lines", "said"),
    [
        ("a,a,b\n1,2,3\n", {"a": ["1"], "a.1": ["2"], "b": ["3"]}, [2], "'a' appears twice: column 2 is called 'a.1'"),
        ("a,a,a.1\n1,2,3\n", {"a": ["1"], "a.2": ["2"], "a.1": ["3"]}, [2], "column 2 is called 'a.2'"),
        (",b\n1,2\n", {"Unnamed: 0": ["1"], "b": ["2"]}, [2], "column 1 has no name and is called 'Unnamed: 0'"),
        ("1,2\n3,4\n", {"column 1": ["1", "3"], "column 2": ["2", "4"]}, [1, 2], "first line holds values"),
        ("5.1,setosa\n4,x\n", {"column 1": ["5.1", "4"], "column 2": ["setosa", "x"]}, [1, 2], "'column 2'"),
        ("\na,b\n\n1,2\n   \n3,4\n\n", {"a": ["1", "3"], "b": ["2", "4"]}, [4, 6], None),
        ("a,b\n1,2\n,\n , \n3,4\n", {"a": ["1", "3"], "b": ["2", "4"]}, [2, 5], "2 empty rows left out"),
        ('a,b\n1,"x\ny\r\nz"\n2,w\n', {"a": ["1", "2"], "b": ["x\ny\r\nz", "w"]}, [2, 5], None),
        ('"a\nb",c\n1,2\n', {"a\nb": ["1"], "c": ["2"]}, [3], None),
        ("a;b\n1,5;x\n1.234,25;y\n", {"a": ["1.5", "1234.25"], "b": ["x", "y"]}, [2, 3], "decimal commas in 'a'"),
        ("a;b\n-,5;1.000\nNA;20.000\n", {"a": ["-,5", "NA"], "b": ["1.000", "20.000"]}, [2, 3], None),
        ("a;b\n0,5;1.000\nNA;2\n", {"a": ["0.5", "NA"], "b": ["1000", "2"]}, [2, 3], "decimal commas in 'a'"),
        ("a;b\n1.5;x,y\n2.5;z\n", {"a": ["1.5", "2.5"], "b": ["x,y", "z"]}, [2, 3], None),
    ],
)  # fmt: skip
def test_mended_cells_are_noted(write, content, wanted, lines, said):
    found, at, notes = read(write(content))
    assert found == wanted
    assert at == lines
    assert said is None or any(said in note for note in notes)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
        ("a,b\n", "names and no rows"),
        ("a,b\n,\n", "names and no rows"),
        ("a,b\n1,2\n3\n", "line 3 has 1 value, line 1 has 2"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 values, line 1 has 2: quote what holds commas"),
        ("a,b\n1,2\n3,4,\n", "line 3 has 3 values"),
        ("# from afar\na,b\n1,2\n", "line 2 has 2 values, line 1 has 1"),
        ("\n\na;b\n\n1;2;3\n", "line 5 has 3 values, line 3 has 2: quote what holds semicolons"),
        ('a,b\n"x\ny\nz",2\n3\n', "line 5 has 1 value"),
        ('a,b\n1,"x\ny\n', "line 2: a quote in the row that begins there is never closed"),
        ('a,b\n"1,x\n2,y\n', "line 2: a quote in the row that begins there is never closed"),
        ('a,b\n"1,x\n2",y,z\n', "line 2 has 3 values and ends in line 3: is a quote missing?"),
        (bytes(range(1, 256)) * 9, "the file is not text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "the file is not text"),
        (b"PK\x03\x04\x14\0\x06\0", "not text, it looks like a workbook"),
        ('""\n', "quotes and no values"),
        (b"PAR1\x15\x04\x15\0", "Parquet"),
        (b"a,b\n1,x\0y\n", "the file is not text"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-9], "gzip data are damaged or cut short"),
        (b"\xff\xfea\0,\0b", "damaged"),
        ('a,b\n1,"' + "x" * 200_000 + '"\n', "line 2: field larger"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_other_files_are_refused_in_one_sentence(write, content, words):
    path = write(content)
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        xn.data.read_csv(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_no_file(write, tmp_path):
    write(PLAIN, "penguins.csv")
    for given, error, words in (
        (tmp_path, IsADirectoryError, "is a folder: give the name of a file in it"),
        (tmp_path / "pengins.csv", FileNotFoundError, "did you mean penguins.csv?"),
        (tmp_path / "zzz", FileNotFoundError, f"no file {tmp_path / 'zzz'} in the folder"),
        (tmp_path / "no" / "a.csv", FileNotFoundError, f"nor the folder {tmp_path / 'no'}"),
    ):
        with pytest.raises(error, match=re.escape(words)):
            xn.data.read_csv(given)


def test_without_pandas_it_says_what_to_install(write, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(xn.MissingExtraError, match=re.escape("pip install 'xpnet[data]'")):
        xn.data.read_csv(write(PLAIN))


@pytest.mark.parametrize("seed", range(40))
def test_round_trip_of_the_csv_module(write, seed):
    """Any text that has no spaces around it, quoted where it must be, each row at its own line."""
    draw, text = random.Random(seed), string.ascii_letters + '0123456789.,;|"\n\té 中'
    quoting, text = draw.choice([(csv.QUOTE_MINIMAL, text), (csv.QUOTE_ALL, text + "\r")])
    names = [f"n{number}" for number in range(draw.randint(2, 5))]
    rows = [
        ["".join(draw.choices(text, k=draw.randint(1, 9))).strip() or "x" for _ in names] for _ in range(9)
    ]
    content = pd.DataFrame(rows, columns=names).to_csv(index=False, sep=draw.choice(",;\t|"), quoting=quoting)
    found, lines, _ = read(write(content))
    assert [list(row) for row in zip(*found.values(), strict=True)] == rows
    ends = np.cumsum([1] + [1 + sum(len(cell.splitlines()) - 1 for cell in row) for row in rows])
    assert lines == (ends[:-1] + 1).tolist()
