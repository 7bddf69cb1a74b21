"""The tools a reviewing model reads the repository with."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.reading import MOST_CHARACTERS, TOOLS, answer
from bot.domain.secrets import Redactor
from bot.errors import AccessDenied, NotFound, Unavailable
from bot.ports import Match, NotSearchable
from tests.doubles import DictSnapshot

SECRET = "hK7" + "vQ2mZ9" + "pL4xT8wB1n"
TOKEN = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
REDACTOR = Redactor([SECRET], key=b"key")
LONG = "".join(f"value_{number} = {number}\n" for number in range(1, 501))
SNAPSHOT = DictSnapshot({
    "app/read.py": "import os\r\n\r\ndef parse(text):\r\n    return None\r\n",
    "app/write.py": "from app.read import parse\n",
    "app/deep/long.py": LONG,
    "app/empty.py": "",
    "app/keys.py": f"first = 1\nkey = {SECRET!r}\ntoken = {TOKEN!r}\n",
    "assets/logo.png": b"\x89PNG\0\0 parse",
    "assets/large.js": "parse();" * 125_001,
    "assets/wide.js": f"{'x' * 900} parse()\n",
    "caf\udce9.py": "parse(1)\n",
    "new\nline.py": "parse(2)\n",
    ":(top)": "parse(3)\n",
})  # fmt: skip


def ask(name: str, snapshot: Any = SNAPSHOT, **arguments: Any) -> str:
    return answer(name, arguments, snapshot, REDACTOR)


# --- the tools as a model is told of them


def test_every_argument_is_asked_for_and_described() -> None:
    assert [tool.name for tool in TOOLS] == ["read_lines", "search", "list_folder"]
    for tool in TOOLS:
        assert tool.description
        assert tool.parameters["type"] == "object"
        assert tool.parameters["additionalProperties"] is False
        assert set(tool.parameters["required"]) == set(tool.parameters["properties"])
        assert all(one["description"] for one in tool.parameters["properties"].values())


def test_for_a_tool_that_does_not_exist_those_that_do_are_named() -> None:
    assert ask("run_shell", command="ls") == (
        "There is no such tool; there are read_lines, search, list_folder."
    )


# --- read_lines


def test_lines_come_with_their_numbers() -> None:
    assert ask("read_lines", path="app/read.py", first=3, last=4) == (
        "app/read.py, lines 3 to 4 of 4:\n3  def parse(text):\n4      return None"
    )


def test_numbers_are_as_wide_as_the_widest() -> None:
    lines = ask("read_lines", path="app/deep/long.py", first=99, last=100).split("\n")
    assert lines[1:] == [" 99  value_99 = 99", "100  value_100 = 100"]


@pytest.mark.parametrize("path", ["./app/read.py", "/app/read.py", "app//read.py", "app/./read.py"])
def test_a_path_may_be_written_as_people_do(path: str) -> None:
    assert ask("read_lines", path=path, first=1, last=1).startswith("app/read.py, lines 1 to 1 of 4:")


def test_a_range_is_clipped_to_the_file_and_to_two_hundred_lines() -> None:
    assert ask("read_lines", path="app/read.py", first=-3, last=9).startswith(
        "app/read.py, lines 1 to 4 of 4:"
    )
    lines = ask("read_lines", path="app/deep/long.py", first=100, last=450).split("\n")
    assert (lines[0], len(lines)) == ("app/deep/long.py, lines 100 to 299 of 500:", 202)
    assert lines[-1] == "(lines 300 to 450 are not shown: at most 200 lines a call)"


@pytest.mark.parametrize(("first", "last"), [(5, 9), (3, 2), (-5, 0), (10**30, 10**31)])
def test_a_range_outside_the_file_is_answered_with_its_length(first: int, last: int) -> None:
    said = ask("read_lines", path="app/read.py", first=first, last=last)
    assert said == f"app/read.py has no lines {first} to {last}: it has 4 lines."


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("app/reed.py", "There is no file app/reed.py. Did you mean app/read.py, app/write.py?"),
        ("app/deep/log.py", "There is no file app/deep/log.py. Did you mean app/deep/long.py?"),
        ("app/deep/other", "There is no file app/deep/other."),
        ("no/such/place.py", "There is no file no/such/place.py."),
        ("../app/read.py", "There is no file ../app/read.py."),
        ("app", "app is a folder: list_folder shows what it holds."),
        ("", "The top folder is a folder: list_folder shows what it holds."),
        ("app/empty.py", "app/empty.py is empty."),
        ("assets/logo.png", "assets/logo.png is binary: it has no text to show."),
        ("assets/large.js", "assets/large.js is larger than 1 MB: it is not shown."),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(path: str, said: str) -> None:
    assert ask("read_lines", path=path, first=1, last=9) == said


def test_a_file_that_is_there_is_not_called_missing() -> None:
    class Spent(DictSnapshot):
        def read(self, path: str, limit: int = 1_000_000) -> bytes | None:
            return None

        def size(self, path: str) -> int | None:
            return None

    said = ask("read_lines", Spent({"app/read.py": "x"}), path="app/read.py", first=1, last=1)
    assert said == "app/read.py is there, but it cannot be read from here."


def test_a_long_line_is_cut() -> None:
    line = ask("read_lines", path="assets/wide.js", first=1, last=1).split("\n")[1]
    assert line == "1  " + "x" * 398 + "…"
    match = ask("search", text="parse", folder="assets/wide.js").split("\n")[1]
    assert match == "assets/wide.js:1  …" + "x" * 99 + " parse()"


@pytest.mark.parametrize("path", ["caf\\xe9.py", "new\\nline.py", ":(top)"])
def test_a_file_is_found_by_its_name_as_it_is_shown(path: str) -> None:
    assert path in ask("list_folder", folder="").split("\n")
    assert ask("read_lines", path=path, first=1, last=1).split("\n")[1].startswith("1  parse(")


def test_secrets_are_not_shown_and_line_numbers_stay() -> None:
    lines = ask("read_lines", path="app/keys.py", first=1, last=3).split("\n")
    assert lines[1] == "1  first = 1"
    assert lines[2].startswith("2  key = '<REDACTED:")
    assert lines[3].startswith("3  token = '<REDACTED:")


# --- search


def test_a_search_tells_where_each_line_stands() -> None:
    said = ask("search", text="parse", folder="app")
    assert said == (
        "2 lines in app with this text:\napp/read.py:3  def parse(text):\napp/write.py:1  from app.read import parse"
    )


def test_a_search_leaves_out_binary_and_large_files_and_shows_odd_names_on_one_line() -> None:
    found = ask("search", text="parse", folder="").split("\n")
    assert found[0] == "6 lines in the repository with this text:"
    assert [re.split(r":\d+  ", line)[0] for line in found[1:]] == [
        ":(top)",
        "app/read.py",
        "app/write.py",
        "assets/wide.js",
        "caf\\xe9.py",
        "new\\nline.py",
    ]


def test_a_search_shows_thirty_lines_and_says_that_there_are_more() -> None:
    lines = ask("search", text="value_", folder="app/deep").split("\n")
    assert (lines[0], len(lines)) == ("30 lines in app/deep with this text:", 32)
    assert lines[-1] == "(and more: only the first 30 lines are shown)"


def test_a_search_that_finds_nothing_says_so_or_that_there_is_no_such_place() -> None:
    assert ask("search", text="nowhere", folder="") == "No line in the repository holds this text."
    assert ask("search", text="nowhere", folder="app/read.py") == "No line in app/read.py holds this text."
    assert ask("search", text="parse", folder="ap") == "There is no folder ap."


@pytest.mark.parametrize("text", [SECRET[:6], TOKEN[:12], SECRET[:6] + SECRET[6:]])
def test_a_search_does_not_tell_what_a_secret_is_made_of(text: str) -> None:
    assert ask("search", text=text, folder="") == "No line in the repository holds this text."
    assert "<REDACTED:" in ask("search", text="key = ", folder="")


def test_a_repository_that_cannot_be_searched_is_no_failure() -> None:
    class FileByFile(DictSnapshot):
        def search(self, text: str, paths: str = "", limit: int = 50) -> tuple[Match, ...]:
            raise NotSearchable("file by file")

    said = ask("search", FileByFile(), text="x", folder="")
    assert said == "This repository cannot be searched: use list_folder and read_lines."


# --- list_folder


def test_a_folder_shows_what_it_holds() -> None:
    assert ask("list_folder", folder="app/") == "app holds:\ndeep/\nempty.py\nkeys.py\nread.py\nwrite.py"
    assert ask("list_folder", folder=".").startswith("The top folder holds:\n")
    assert ask("list_folder", folder="app/read.py") == "There is no folder app/read.py."


def test_of_a_large_folder_two_hundred_names_are_shown() -> None:
    lines = ask("list_folder", DictSnapshot({f"{number:03}": "" for number in range(201)}), folder="").split(
        "\n"
    )
    assert (len(lines), lines[-1]) == (202, "(and more: only the first 200 names are shown)")


# --- whatever is asked


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("read_lines", {"path": "a"}, "first: Field required"),
        ("read_lines", {"path": 7, "first": 1, "last": 2}, "path: Input should be a valid string"),
        ("read_lines", {"path": "a", "first": "one", "last": 2}, "first: Input should be a valid integer"),
        (
            "read_lines",
            {"path": "x" * 5_000, "first": 1, "last": 2},
            "path: it is longer than 4000 characters",
        ),
        ("read_lines", {"path": "\ud800", "first": 1, "last": 2}, "path: it holds half a character"),
        ("search", {"text": "", "folder": ""}, "text: it is empty, or more than one line"),
        ("search", {"text": "a\nb", "folder": ""}, "text: it is empty, or more than one line"),
        ("search", {"text": "a" * 401, "folder": ""}, "text: it is longer than 400 characters"),
        ("list_folder", {}, "folder: Field required"),
        ("list_folder", [], "arguments: Input should be a valid dictionary"),
    ],
)
def test_wrong_arguments_are_answered_with_what_is_wrong(name: str, arguments: Any, said: str) -> None:
    assert answer(name, arguments, SNAPSHOT, REDACTOR).startswith(f"{name} was called wrongly. {said}")


def test_numbers_may_come_as_text_and_arguments_nobody_asked_for_are_left_out() -> None:
    said = ask("read_lines", path="app/read.py", first="3", last="3", encoding="utf-8")
    assert said.endswith("\n3  def parse(text):")


class Broken(DictSnapshot):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def size(self, path: str) -> int | None:
        raise self.error


def test_a_snapshot_that_is_out_for_the_moment_stops_the_run() -> None:
    with pytest.raises(Unavailable, match="git is slow"):
        ask("read_lines", Broken(Unavailable("git is slow")), path="a", first=1, last=2)


@pytest.mark.parametrize("error", [AccessDenied(f"no access with {SECRET}"), NotFound("the commit is gone")])
def test_a_snapshot_that_cannot_be_read_at_all_is_a_sentence(error: Exception) -> None:
    said = ask("read_lines", Broken(error), path="a", first=1, last=2)
    assert said.startswith("This cannot be read: ")
    assert SECRET not in said


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        [*SNAPSHOT.files, "app", "", "parse", SECRET, TOKEN, "=", "\ud800", "x" * 10_000, "/" * 9_000]
    ),
)
arguments = st.one_of(
    st.fixed_dictionaries({"path": values, "first": values, "last": values}),
    st.fixed_dictionaries({"text": values, "folder": values}),
    st.dictionaries(st.sampled_from(["path", "first", "last", "text", "folder", "x"]), values),
)
names = st.sampled_from(["read_lines", "search", "list_folder", "", "x" * 10_000, SECRET, "\ud800"])


@given(names, arguments, st.sampled_from([0, 10, 100, 1_000, MOST_CHARACTERS]))
@settings(max_examples=200, deadline=None)
def test_any_call_gives_a_short_answer_without_our_secrets_and_always_the_same(
    name: str, given_arguments: dict[str, Any], most: int
) -> None:
    said = answer(name, given_arguments, SNAPSHOT, REDACTOR, most)
    assert len(said) <= most
    assert SECRET not in said
    assert TOKEN not in said
    assert said == answer(name, given_arguments, SNAPSHOT, REDACTOR, most)
    assert not any(char in said for char in "\r\u2028\u202e\0")


def test_what_is_too_long_is_cut_after_a_line_and_says_so() -> None:
    said = answer(
        "read_lines", {"path": "app/deep/long.py", "first": 1, "last": 200}, SNAPSHOT, REDACTOR, 500
    )
    *lines, last = said.split("\n")
    assert last == "(cut here: ask for less at once)"
    assert lines[-1] == f"{len(lines) - 1:>3}  value_{len(lines) - 1} = {len(lines) - 1}"
    assert len(said) <= 500
