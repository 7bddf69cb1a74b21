"""A checkout in place of a code host, and effects that happen nowhere."""

import subprocess
from pathlib import Path

import pytest

from bot.domain.actions import PostFinding, Proposal, React, Report
from bot.domain.background import Commit
from bot.domain.change import MergeRequest, Target
from bot.domain.findings import Finding, Severity
from bot.errors import UsageError
from bot.gateways.local import DRY_RUN, DryRun, LocalReader
from tests.gitrepos import ENVIRONMENT, git, new_repository

TARGET = Target("", 0, 0)


def checkout(folder: Path) -> Path:
    new_repository(folder, bare=False)
    write(folder, {"kept.py": "value = 1\n", ".trivet.yml": "review: {max_comments: 3}\n"})
    commit(folder, "first")
    git(folder, "checkout", "--quiet", "-b", "feature")
    write(folder, {"kept.py": "value = 2\n", ".trivet.yml": "review: {ignore: ['**']}\n"})
    commit(folder, "second")
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", message)


def request_of(reader: LocalReader) -> MergeRequest:
    return reader.merge_request(TARGET)


def changed(reader: LocalReader) -> set[str]:
    return {file.path for file in reader.change_set(request_of(reader)).files}


def test_it_reads_what_the_branch_changed(tmp_path: Path) -> None:
    reader = LocalReader(checkout(tmp_path / "shop"), "main")
    assert changed(reader) == {"kept.py", ".trivet.yml"}
    assert reader.snapshot(request_of(reader)).read("kept.py") == b"value = 2\n"
    assert (reader.name, reader.base, request_of(reader).target_branch) == ("shop", "main", "main")


def messages(reader: LocalReader) -> list[str]:
    return [one.message.strip() for one in reader.commits(request_of(reader))]


def test_its_commits_are_those_since_the_base_newest_first_with_their_whole_message(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    (folder / "more.py").write_text("x = 1\n")
    commit(folder, "third\n\nFor a reason.\n\x1e\x1f\n\nünï")
    newest, older = LocalReader(folder, "main").commits(request_of(LocalReader(folder, "main")))
    assert newest == Commit(
        git(folder, "rev-parse", "HEAD").decode().strip(), "third\n\nFor a reason.\n\x1e\x1f\n\nünï\n", "Ada"
    )
    assert older.message == "second\n"


def test_what_is_not_committed_has_no_message_and_the_base_no_commits(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    write(folder, {"kept.py": "value = 3\n"})
    assert messages(LocalReader(folder, "main")) == ["second"]
    assert messages(LocalReader(folder, "feature")) == []


def test_of_many_commits_the_newest_hundred_are_read(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    tree, tip = (git(folder, "rev-parse", name).decode().strip() for name in ("HEAD^{tree}", "HEAD"))
    stream = "".join(
        f"commit refs/heads/feature\ncommitter Ada <ada@example.org> {number} +0000\ndata 3\n{number:03}\n"
        + (f"from {tip}\n" if number == 0 else "")
        for number in range(120)
    )
    git(folder, "fast-import", "--quiet", stdin=stream.encode())
    assert git(folder, "rev-parse", "HEAD^{tree}").decode().strip() == tree
    assert messages(LocalReader(folder, "main")) == [f"{number:03}" for number in range(119, 19, -1)]


def test_no_program_that_the_repository_names_is_run_for_its_commits(tmp_path: Path) -> None:
    """A signed commit and `log.showSignature` make git run `gpg.program` at every log."""
    folder, canary = checkout(tmp_path / "shop"), tmp_path / "canary"
    program = tmp_path / "gpg"
    program.write_text(f"#!/bin/sh\ntouch {canary}\n")
    program.chmod(0o755)
    for key, value in {"log.showSignature": "true", "gpg.program": str(program)}.items():
        git(folder, "config", key, value)
    signed = git(folder, "cat-file", "commit", "HEAD").replace(
        b"\n\n", b"\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n\n", 1
    )
    sha = git(folder, "hash-object", "-t", "commit", "-w", "--stdin", stdin=signed).decode().strip()
    git(folder, "update-ref", "refs/heads/feature", sha)
    git(folder, "log", "-1")
    assert canary.exists()
    canary.unlink()
    assert messages(LocalReader(folder, "main")) == ["second"]
    assert not canary.exists()


def test_changes_of_tracked_files_count_before_they_are_committed(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    write(folder, {"kept.py": "value = 3\n"})
    before = git(folder, "status", "--porcelain")
    reader = LocalReader(folder, "main")
    assert reader.snapshot(request_of(reader)).read("kept.py") == b"value = 3\n"
    assert git(folder, "status", "--porcelain") == before


def test_a_new_file_counts_from_git_add_on_and_is_told_of_before(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    write(folder, {"new.py": "x = 1\n", ".gitignore": "*.log\n", "a.log": ""})
    reader = LocalReader(folder, "main")
    assert reader.untracked == 2
    assert "new.py" not in changed(reader)
    git(folder, "add", ".")
    reader = LocalReader(folder, "main")
    assert reader.untracked == 0
    assert "new.py" in changed(reader)


def test_rules_come_from_the_tip_of_the_base(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    git(folder, "checkout", "--quiet", "main")
    write(folder, {".trivet.yml": "review: {max_comments: 4}\n"})
    commit(folder, "newer rules")
    git(folder, "checkout", "--quiet", "feature")
    reader = LocalReader(folder, "main")
    assert reader.target_branch(request_of(reader)).read(".trivet.yml") == b"review: {max_comments: 4}\n"
    assert changed(reader) == {"kept.py", ".trivet.yml"}


def test_it_works_from_any_folder_of_the_checkout_and_on_a_detached_head(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    (folder / "deep" / "er").mkdir(parents=True)
    git(folder, "checkout", "--quiet", "--detach")
    assert changed(LocalReader(folder / "deep" / "er", "main")) == {"kept.py", ".trivet.yml"}


def test_a_branch_that_only_the_remote_has_serves_as_base(tmp_path: Path) -> None:
    origin = checkout(tmp_path / "origin")
    git(tmp_path, "clone", "--quiet", "--branch", "feature", str(origin), "clone")
    reader = LocalReader(tmp_path / "clone", "main")
    assert changed(reader) == {"kept.py", ".trivet.yml"}
    assert LocalReader(tmp_path / "clone", None).base.endswith(("main", "feature"))


def test_nothing_of_the_repository_is_executed(tmp_path: Path) -> None:
    folder, proof = checkout(tmp_path / "repo"), tmp_path / "executed"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\necho $0 $@ >> {proof}\ncat\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "filter.x.clean", "filter.x.smudge", "filter.x.process"):
        git(folder, "config", key, str(script))
    for key in ("core.hooksPath", "diff.x.textconv", "diff.x.command", "core.sshCommand", "core.pager"):
        git(folder, "config", key, str(script))
    for hook in (folder / ".git" / "hooks" / "post-index-change", folder / ".git" / "hooks" / "pre-auto-gc"):
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(script.read_text())
        hook.chmod(0o755)
    write(folder, {".gitattributes": "* filter=x diff=x\n", "kept.py": "value = 5\n"})
    reader = LocalReader(folder, "main")
    assert changed(reader)
    assert reader.snapshot(request_of(reader)).read("kept.py") == b"value = 5\n"
    assert not proof.exists()
    subprocess.run(["git", "status"], cwd=folder, env=ENVIRONMENT, capture_output=True, check=False)
    assert proof.exists(), "the trap works"


@pytest.mark.parametrize("kind", ["nothing", "no commit", "no such base", "a file"])
def test_what_cannot_be_compared_is_a_sentence(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "repo"
    folder.mkdir()
    if kind == "no commit":
        new_repository(folder, bare=False)
    if kind == "no such base":
        checkout(folder)
    with pytest.raises(UsageError) as caught:
        LocalReader(folder, "gone" if kind == "no such base" else "main")
    expected = {"no commit": "has no commit yet", "no such base": "there is no branch, tag or commit gone"}
    assert expected.get(kind, "is not in a git checkout") in str(caught.value)


def test_a_shallow_clone_that_ends_too_early_says_how_to_deepen_it(tmp_path: Path) -> None:
    origin = checkout(tmp_path / "origin")
    url = origin.as_uri()
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch", "feature", url, "clone")
    git(tmp_path / "clone", "fetch", "--quiet", "--depth=1", "origin", "main:main")
    with pytest.raises(UsageError, match="git fetch --deepen"):
        LocalReader(tmp_path / "clone", "main")


def test_there_are_no_notes_and_no_roles(tmp_path: Path) -> None:
    reader = LocalReader(checkout(tmp_path), "main")
    assert list(reader.notes(TARGET)) == []
    assert reader.access_level(TARGET, 1) == 0


def test_a_dry_run_says_of_every_action_that_it_was_not_written() -> None:
    finding = Finding(rule="a", severity=Severity.MAJOR, path="a.py", line=1, title="bad", fingerprint="f1")
    actions = (PostFinding(key="f1", finding=finding, body="bad"), React(key="clean", emoji="thumbsup"))
    report = Report(run="shell", agent="review", target="!0")
    proposal = Proposal(
        run="shell", agent="review", project="", project_id=0, iid=0, head="", actions=actions, report=report
    )
    outcomes = DryRun().apply(proposal)
    assert [(one.key, one.result, one.reason) for one in outcomes] == [
        ("f1", "unchanged", DRY_RUN),
        ("clean", "unchanged", DRY_RUN),
    ]
    DryRun().discard(proposal)
