"""What is told to who waits."""

from pathlib import Path

from bot.domain.change import Target
from bot.entry.progress import NarratedReader
from bot.gateways.local import LocalReader
from tests import gitrepos


def test_a_narrated_reader_tells_each_step_and_gives_what_the_reader_gives(tmp_path: Path) -> None:
    folder = gitrepos.new_repository(tmp_path / "shop", bare=False)
    gitrepos.git(folder, "commit", "--quiet", "--allow-empty", "-m", "first")
    gitrepos.git(folder, "checkout", "--quiet", "-b", "feature")
    (folder / "a.py").write_text("x = 1\n")
    gitrepos.git(folder, "add", ".")
    gitrepos.git(folder, "commit", "--quiet", "-m", "second")
    plain = LocalReader(folder, "main")
    said: list[str] = []
    reader = NarratedReader(plain, said.append)
    request = reader.merge_request(Target("", 0))
    assert reader.change_set(request) == plain.change_set(request)
    assert [one.message for one in reader.commits(request)] == ["second\n"]
    assert reader.snapshot(request).list() == ["a.py"]
    assert list(reader.notes(request.target)) == []
    assert reader.target_branch(request).list() == []
    assert said == [
        "reading the diff",
        "reading the commit messages",
        "reading the changed files",
        "reading the discussion",
        "reading the rules of main",
    ]
