"""The local checkout: its working state as a commit, its base, and that nothing in it is ever executed."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.domain.change import ChangeSet, FileStatus
from bot.errors import UsageError
from bot.gateways.git import LocalCheckout
from bot.gateways.git import checkout as local_checkout
from tests import gitrepos
from tests.gitrepos import FILE, text_files


class Checkout:
    """A checkout on branch `main` with one commit: a, b."""

    def __init__(self, folder: Path) -> None:
        self.folder = gitrepos.new_repository(folder, bare=False)
        self.first = gitrepos.commit(self.folder, text_files(a="one\n", b="two\n"))
        self.git("reset", "--hard", "--quiet")

    def git(self, *args: str) -> str:
        return gitrepos.git(self.folder, *args).decode().strip()

    def write(self, **contents: str) -> None:
        for name, text in contents.items():
            (self.folder / name).write_text(text)

    def open(self) -> LocalCheckout:
        return LocalCheckout(self.folder, timeout=30)

    def changed(self) -> Mapping[str, FileStatus]:
        opened = self.open()
        files = opened.change_set(self.first, opened.working_commit()).files
        return {file.path: file.status for file in files}

    def state(self) -> object:
        """Everything that may not change: index, refs, files."""
        return (
            (self.folder / ".git" / "index").read_bytes(),
            self.git("for-each-ref"),
            self.git("status", "--porcelain"),
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


# --- a change of many files ---


def changed_files(checkout: Checkout, count: int) -> ChangeSet:
    """With one that is renamed: two names, one file."""
    many = {f"many/{number:02}.txt": f"{number}\n" for number in range(count - 1)}
    tree = text_files(a="one\n", renamed="two\n") | text_files(**many)
    head = gitrepos.commit(checkout.folder, tree, onto=checkout.first)
    return checkout.open().change_set(checkout.first, head)


def test_as_many_files_as_the_limit_are_all_read(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_checkout, "MOST_FILES", 7)
    change = changed_files(checkout, 7)
    assert (len(change.files), change.omitted) == (7, None)


def test_files_beyond_the_limit_are_not_read_and_are_counted(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_checkout, "MOST_FILES", 7)
    change = changed_files(checkout, 1_200)
    assert [file.path for file in change.files] == [f"many/{number:02}.txt" for number in range(7)]
    assert change.in_all == "1,200"
    assert change.omitted == (
        "7 of 1,200 changed files were looked at, the first by path; the others were not read"
    )


# --- the working commit ---


def test_without_changes_the_working_commit_is_head(checkout: Checkout) -> None:
    checkout.write(untracked="x\n", a="one\n")
    assert checkout.open().working_commit() == checkout.first


def test_changed_staged_and_removed_files_are_in_the_working_commit(checkout: Checkout) -> None:
    checkout.write(a="changed\n", c="staged\n", d="intended\n", e="untracked\n")
    checkout.git("add", "c")
    checkout.git("add", "--intent-to-add", "d")
    (checkout.folder / "b").unlink()
    added, deleted = FileStatus.ADDED, FileStatus.DELETED
    assert checkout.changed() == {"a": FileStatus.MODIFIED, "b": deleted, "c": added, "d": added}


def test_looking_changes_nothing_and_looking_again_gives_the_same_commit(checkout: Checkout) -> None:
    checkout.write(a="changed\n", c="staged\n")
    checkout.git("add", "c")
    before = checkout.state()
    commits = {checkout.open().working_commit() for _ in range(2)}
    assert checkout.state() == before
    assert len(commits) == 1
    assert commits != {checkout.first}


def test_a_change_that_the_time_stamps_hide_is_seen(checkout: Checkout) -> None:
    """Same size, same time, as a fast script leaves it: git then goes by the age of the index."""
    checkout.git("config", "core.trustctime", "false")
    file, index, moment = (
        checkout.folder / "a",
        checkout.folder / ".git" / "index",
        (1_700_000_000, 1_700_000_000),
    )
    os.utime(file, moment)
    checkout.git("update-index", "--refresh")
    file.write_text("ten\n")
    os.utime(file, moment)
    os.utime(index, moment)
    assert checkout.changed() == {"a": FileStatus.MODIFIED}


def test_a_conflict_is_shown_as_it_is_on_disk(checkout: Checkout) -> None:
    checkout.git("checkout", "--quiet", "-b", "other")
    checkout.write(a="theirs\n")
    checkout.git("commit", "--quiet", "-am", "theirs")
    checkout.git("checkout", "--quiet", "main")
    checkout.write(a="ours\n")
    checkout.git("commit", "--quiet", "-am", "ours")
    with pytest.raises(AssertionError):
        checkout.git("merge", "--quiet", "other")
    opened = checkout.open()
    shown = opened.snapshot(opened.working_commit()).read("a")
    assert shown == (checkout.folder / "a").read_bytes()
    assert shown is not None
    assert b"<<<<<<<" in shown


def test_a_linked_work_tree_and_a_folder_inside_are_checkouts_too(checkout: Checkout, tmp_path: Path) -> None:
    checkout.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "linked")
    (tmp_path / "linked" / "a").write_text("linked\n")
    (tmp_path / "linked" / "deep").mkdir()
    opened = LocalCheckout(tmp_path / "linked" / "deep", timeout=30)
    assert opened.snapshot(opened.working_commit()).read("a") == b"linked\n"
    assert checkout.open().working_commit() == checkout.first


def test_a_checkout_with_a_submodule_works(checkout: Checkout) -> None:
    files = text_files(a="one\n") | {b"sub": (gitrepos.SUBMODULE, b"1" * 40)}
    checkout.first = gitrepos.commit(checkout.folder, files, onto=checkout.first)
    checkout.git("reset", "--hard", "--quiet")
    checkout.write(a="changed\n")
    assert checkout.changed() == {"a": FileStatus.MODIFIED}


def test_line_ends_are_converted_as_the_checkout_says(checkout: Checkout) -> None:
    checkout.write(**{".gitattributes": "* text eol=crlf\n"})
    (checkout.folder / "a").write_bytes(b"one\r\nmore\r\n")
    opened = checkout.open()
    assert opened.snapshot(opened.working_commit()).read("a") == b"one\nmore\n"


# --- the base ---


def test_the_merge_base_is_where_the_branch_left(checkout: Checkout) -> None:
    checkout.git("checkout", "--quiet", "-b", "change")
    checkout.write(a="changed\n")
    head = checkout.open().working_commit()
    gitrepos.commit(checkout.folder, text_files(a="newer\n"), onto=checkout.first)
    assert checkout.open().merge_base("main", head) == checkout.first
    assert checkout.open().merge_base(checkout.first[:12], head) == checkout.first


def test_a_branch_that_only_origin_has_is_found(checkout: Checkout) -> None:
    checkout.git("update-ref", "refs/remotes/origin/release", checkout.first)
    assert checkout.open().merge_base("release", checkout.first) == checkout.first


@pytest.mark.parametrize("name", ["nowhere", "--all", "-h", "main^5", "", "a b"])
def test_an_unknown_base_is_refused_with_the_names_there_are(checkout: Checkout, name: str) -> None:
    checkout.git("tag", "v1")
    with pytest.raises(UsageError, match="there are main, v1") as caught:
        checkout.open().merge_base(name, checkout.first)
    assert "\n" not in str(caught.value)


def test_at_most_five_names_are_shown(checkout: Checkout) -> None:
    for number in range(9):
        checkout.git("branch", f"branch{number}")
    with pytest.raises(UsageError) as caught:
        checkout.open().merge_base("nowhere", checkout.first)
    assert str(caught.value).endswith("there are branch0, branch1, branch2, branch3, branch4")


def test_a_shallow_clone_without_the_base_says_how_to_get_it(checkout: Checkout, tmp_path: Path) -> None:
    checkout.git("checkout", "--quiet", "-b", "change")
    for number in range(3):
        checkout.write(a=f"{number}\n")
        checkout.git("commit", "--quiet", "-am", f"{number}")
    address = f"file://{checkout.folder}"
    gitrepos.git(
        tmp_path, "clone", "--quiet", "--depth=1", "--no-single-branch", "-b", "change", address, "shallow"
    )
    opened = LocalCheckout(tmp_path / "shallow", timeout=30)
    with pytest.raises(UsageError, match="git fetch --deepen"):
        opened.merge_base("main", opened.working_commit())


def test_histories_that_never_met_have_no_base(checkout: Checkout) -> None:
    gitrepos.commit(checkout.folder, text_files(a="other\n"), branch="other")
    with pytest.raises(UsageError, match="no commit in common"):
        checkout.open().merge_base("other", checkout.first)


def test_the_default_base_is_what_origin_says_else_main_or_master(checkout: Checkout) -> None:
    assert checkout.open().default_base() == "main"
    checkout.git("branch", "--move", "master")
    assert checkout.open().default_base() == "master"
    checkout.git("update-ref", "refs/remotes/origin/main", checkout.first)
    assert checkout.open().default_base() == "origin/main"
    checkout.git("update-ref", "refs/remotes/origin/trunk", checkout.first)
    checkout.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    assert checkout.open().default_base() == "origin/trunk"


def test_without_any_usual_name_the_base_has_to_be_named(checkout: Checkout) -> None:
    checkout.git("branch", "--move", "mine")
    with pytest.raises(UsageError, match="--base"):
        checkout.open().default_base()


# --- what is no checkout ---


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    bare = gitrepos.new_repository(tmp_path / "bare")
    for folder in (tmp_path, tmp_path / "missing", bare):
        with pytest.raises(UsageError, match="is not in a git checkout"):
            LocalCheckout(folder, timeout=30)


def test_a_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    folder = gitrepos.new_repository(tmp_path / "new", bare=False)
    with pytest.raises(UsageError, match="no commit yet"):
        LocalCheckout(folder, timeout=30).working_commit()


# --- hostile repositories ---

ATTRIBUTES = "*.py diff=evil filter=evil merge=evil -text\n*.txt -diff\n*.md binary\n"
MODULES = '[submodule "s"]\n\tpath = s\n\turl = ext::sh -c "touch {canary}"\n'
HOOKS = (
    "post-index-change",
    "pre-commit",
    "post-commit",
    "reference-transaction",
    "post-checkout",
    "pre-auto-gc",
)
SETTINGS = {
    "core.fsmonitor": "{run}",
    "core.hooksPath": "{hooks}",
    "core.sshCommand": "{run}",
    "core.pager": "{run}",
    "core.editor": "{run}",
    "core.askPass": "{run}",
    "core.alternateRefsCommand": "{run}",
    "credential.helper": "!{run}",
    "diff.external": "{run}",
    "diff.evil.command": "{run}",
    "diff.evil.textconv": "{run}",
    "diff.noprefix": "true",
    "diff.submodule": "log",
    "diff.suppressBlankEmpty": "true",
    "filter.evil.clean": "{run}",
    "filter.evil.smudge": "{run}",
    "filter.evil.process": "{run}",
    "filter.evil.required": "true",
    "filter.od.d na=me.clean": "{run}",
    "merge.evil.driver": "{run}",
    "gpg.program": "{run}",
    "commit.gpgSign": "true",
    "color.ui": "always",
    "alias.diff-tree": "!{run}",
    "gc.auto": "1",
}


def make_hostile(checkout: Checkout, tmp_path: Path) -> Path:
    """Everything a repository and its configuration can name to be run, each leaving the canary file."""
    canary, run, hooks = tmp_path / "canary", tmp_path / "run.sh", tmp_path / "hooks"
    run.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    run.chmod(0o755)
    for folder in (hooks, checkout.folder / ".git" / "hooks"):
        folder.mkdir(exist_ok=True)
        for name in HOOKS:
            (folder / name).write_bytes(run.read_bytes())
            (folder / name).chmod(0o755)
    files = text_files(a__py="one\n", b__txt="two\n", c__md="three\n") | {
        b".gitattributes": (FILE, ATTRIBUTES.encode()),
        b".gitmodules": (FILE, MODULES.format(canary=canary).encode()),
        b"s": (gitrepos.SUBMODULE, b"1" * 40),
        b"link": (gitrepos.SYMLINK, b"/etc/passwd"),
    }
    checkout.first = gitrepos.commit(checkout.folder, files)
    checkout.git("reset", "--hard", "--quiet")
    for key, value in SETTINGS.items():
        checkout.git("config", key, value.format(run=run, hooks=hooks))
    return canary


def test_nothing_that_a_repository_names_is_executed(checkout: Checkout, tmp_path: Path) -> None:
    canary = make_hostile(checkout, tmp_path)
    canary.unlink(missing_ok=True)
    for name in ("a.py", "b.txt", "c.md"):
        (checkout.folder / name).write_text("changed\n\nmore\n")
    opened = checkout.open()
    head = opened.working_commit()
    opened.default_base()
    opened.merge_base("main", head)
    shown = {
        file.path: [line.text for line in file.added()]
        for file in opened.change_set(checkout.first, head).files
    }
    assert shown == {path: ["changed", "", "more"] for path in ("a.py", "b.txt", "c.md")}
    assert opened.snapshot(head).read("a.py") == b"changed\n\nmore\n"
    assert opened.snapshot(head).read("link") is None
    assert not canary.exists()


def test_the_canary_sings_when_git_is_run_as_usual(checkout: Checkout, tmp_path: Path) -> None:
    """The traps of the test above are real."""
    canary = make_hostile(checkout, tmp_path)
    (checkout.folder / "a.py").write_text("changed\n")
    usual = ["git", "--no-pager", "diff", "HEAD"]
    subprocess.run(usual, cwd=checkout.folder, env=gitrepos.ENVIRONMENT, capture_output=True, check=False)
    assert canary.exists()


def test_a_bare_repository_hidden_in_a_checkout_is_not_entered(checkout: Checkout, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    hidden = gitrepos.new_repository(checkout.folder / "docs")
    gitrepos.git(hidden, "config", "core.fsmonitor", f"touch {canary}")
    gitrepos.git(hidden, "config", "core.bare", "false")
    gitrepos.git(hidden, "config", "core.worktree", "..")
    with pytest.raises(UsageError, match="is not in a git checkout"):
        LocalCheckout(hidden, timeout=30).working_commit()
    assert not canary.exists()
