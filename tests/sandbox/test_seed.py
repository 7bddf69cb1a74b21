"""The demo's merge request: what it shows, and that every planted defect is really in it, and nowhere in our source."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ruff import find_ruff_bin

from bot.domain.issue_keys import found_in_branch
from bot.domain.repo_config import load
from bot.sandbox import seed as demo
from bot.sandbox.jira.seed import seeded
from bot.sandbox.model import Access, MergeRequest, State


@pytest.fixture(scope="module")
def request_of_demo(tmp_path_factory: pytest.TempPathFactory) -> MergeRequest:
    return demo.seed(State(tmp_path_factory.mktemp("seed")))


def read(request: MergeRequest, path: str) -> bytes:
    content = request.project.repository.read(request.head, path)
    assert content is not None
    return content


def added(request: MergeRequest, path: str) -> str:
    """The text of the lines the merge request adds to a file."""
    patch = next(file.text for file in request.files() if file.new_path == path)
    return "\n".join(line[1:] for line in patch.split("\n") if line.startswith("+"))


def test_one_merge_request_of_ada_is_open_in_a_private_project(request_of_demo):
    assert (request_of_demo.state, request_of_demo.draft, request_of_demo.author.username) == (
        "opened",
        False,
        "ada",
    )
    assert request_of_demo.title == "Add discount codes to checkout"
    assert request_of_demo.project.visibility == "private"


def test_the_bot_is_a_member_who_may_write_but_not_merge_as_a_maintainer(request_of_demo):
    members = request_of_demo.project.members
    assert sorted(members.values()) == [Access.DEVELOPER, Access.DEVELOPER, Access.MAINTAINER]


def test_every_person_has_a_token_of_their_own(tmp_path):
    state = State(tmp_path)
    demo.seed(state)
    assert len({person.token for person in state.users}) == 3
    assert [person.username for person in state.users if person.bot] == ["trivet"]


def test_the_diff_shows_a_new_a_changed_a_renamed_a_deleted_and_a_binary_file(request_of_demo):
    found = {file.new_path: (file.status, file.binary) for file in request_of_demo.files()}
    assert found == {
        "README.md": ("modified", False),
        "data/codes.db": ("added", True),
        "shop/checkout.py": ("modified", False),
        "shop/discounts.py": ("added", False),
        "shop/receipt.txt": ("modified", False),
        "shop/settings.py": ("modified", False),
        "shop/tax.py": ("renamed", False),
        "shop/vouchers.py": ("deleted", False),
        "tests/test_discounts.py": ("added", False),
    }


def test_a_file_with_carriage_returns_changes_in_one_line_only(request_of_demo):
    text = read(request_of_demo, "shop/receipt.txt")
    assert text.count(b"\n") == text.count(b"\r\n") > 5
    assert added(request_of_demo, "shop/receipt.txt") == "Discount    $discount\r"


def test_every_step_is_a_commit_of_the_author(request_of_demo):
    commits = request_of_demo.project.repository.commits(request_of_demo.version.base, request_of_demo.head)
    assert [commit.title for commit in commits] == [step.message for step in reversed(demo.STEPS)]
    assert {commit.author for commit in commits} == {"Ada Lindqvist"}


def test_every_changed_file_belongs_to_exactly_one_step():
    paths = [path for step in demo.STEPS for path in step.paths]
    assert sorted(paths) == sorted(demo.after())


def test_no_placeholder_is_left(request_of_demo):
    for file in [*demo.before().values(), *demo.after().values()]:
        assert file is None or "«".encode() not in file.content


def test_a_token_is_leaked(request_of_demo):
    assert demo.PLANTED["token"] in added(request_of_demo, "shop/settings.py")
    assert len(demo.PLANTED["token"]) == len("glpat-") + 20


def test_a_merge_conflict_is_left(request_of_demo):
    lines = added(request_of_demo, "README.md").split("\n")
    assert [line[:8] for line in lines if line[:7] in ("<" * 7, "=" * 7, ">" * 7)] == [
        "<" * 7 + " ",
        "=" * 7,
        ">" * 7 + " ",
    ]


def test_characters_hide_in_code(request_of_demo):
    assert {"\u202e", "\u2066", "\u2069"} <= set(added(request_of_demo, "shop/checkout.py"))
    assert "\u200b" in added(request_of_demo, "shop/discounts.py")


def test_ruff_finds_the_defects_of_the_python_files(request_of_demo):
    source = read(request_of_demo, "shop/discounts.py")
    command = [
        find_ruff_bin(),
        "check",
        "--isolated",
        "--no-cache",
        "--select=F,B",
        "--output-format=json",
        "-",
    ]
    found = subprocess.run(command, input=source, capture_output=True, check=False).stdout
    assert {one["code"] for one in json.loads(found)} == {"F401", "B006", "F821"}


def test_nothing_planted_stands_in_our_own_files():
    folder = Path(demo.__file__).parent
    sources = [folder / "seed.py", *(path for path in (folder / "shop").rglob("*") if path.is_file())]
    assert len(sources) > 15
    for path in sources:
        text = path.read_text("utf-8")
        for planted in demo.PLANTED.values():
            assert planted not in text, path


def test_the_merge_requests_branch_names_the_issue(request_of_demo):
    assert found_in_branch(request_of_demo.source_branch, {"SHOP"}) == ("SHOP-12",)


def test_the_main_branch_says_how_issues_are_moved(request_of_demo):
    config, complaint = load(request_of_demo.project.repository.read("main", ".trivet.yml"))
    assert complaint is None
    assert [(one.on, one.to) for one in config.link.transitions] == [
        ("opened", "In Review"),
        ("merged", "Done"),
    ]
    assert ".trivet.yml" not in [file.new_path for file in request_of_demo.files()]


def test_work_on_the_issue_began_yesterday_where_its_merge_request_is_open(tmp_path):
    state = State(tmp_path)
    demo.seed(state)
    begun, waiting = seeded(state, "cloud").issues
    [change] = begun.history
    age = datetime.now(UTC) - change.created
    assert (begun.key, begun.status.name, waiting.status.name) == ("SHOP-12", "In Progress", "To Do")
    assert (age.days, begun.updated, begun.created < change.created) == (1, change.created, True)


def test_without_the_merge_request_nobody_has_begun(tmp_path):
    issues = seeded(State(tmp_path), "datacenter").issues
    assert [(one.status.name, one.history) for one in issues] == [("To Do", []), ("To Do", [])]


@pytest.mark.parametrize(("fixed", "passed"), [(False, "4 passed"), (True, "6 passed")])
def test_the_shop_passes_its_own_tests_before_the_change_and_with_the_fix(tmp_path, fixed, passed):
    files = {path: file.content for path, file in demo.before().items() if file}
    files |= {path: text.encode() for path, text in demo.fix().items()} if fixed else {}
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    environment = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert passed in done.stdout
