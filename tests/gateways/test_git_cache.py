"""Fetching over real HTTP into the cache: exactly the wanted commits, safe tokens, broken caches, faults."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import AccessDenied, NotFound, PlatformError, TrivetError, Unavailable, UsageError
from bot.gateways.git import GitCache, GitRepository, GitSnapshot, process
from bot.gateways.git.cache import locked
from tests import gitrepos
from tests.gitrepos import text_files
from tests.gitserver import GitServer, serving

TOKEN = "glpat-" + "x" * 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with serving(tmp_path / "served", TOKEN) as state:
        yield state


class Shop:
    """A project on the server with merge request 1, and a cache to fetch it into."""

    def __init__(self, server: GitServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.origin = gitrepos.new_repository(server.root / "group" / "shop.git")
        gitrepos.git(self.origin, "config", "uploadpack.allowAnySHA1InWant", "true")
        self.url = f"{server.url}/group/shop.git"
        self.base = gitrepos.commit(self.origin, text_files(a="base\n"))
        self.target = gitrepos.commit(self.origin, text_files(a="base\n", rules="target\n"), onto=self.base)
        self.head = self.push(text_files(a="head\n"))

    def push(self, files: gitrepos.Files) -> str:
        head = gitrepos.commit(self.origin, files, branch="change", onto=self.base)
        gitrepos.git(self.origin, "update-ref", "refs/merge-requests/1/head", head)
        return head

    def cache(self, timeout: float = 30) -> GitCache:
        return GitCache(self.folder, timeout=timeout)

    def fetch(
        self, *, head: str = "", token: str = TOKEN, branch: str = "main", timeout: float = 30
    ) -> GitRepository:
        cache = self.cache(timeout)
        return cache.fetch(self.url, token, iid=1, head=head or self.head, target_branch=branch)

    def repository(self) -> Path:
        (path,) = self.folder.glob("*.git")
        return path


@pytest.fixture
def shop(server: GitServer, tmp_path: Path) -> Shop:
    return Shop(server, tmp_path / "cache")


def is_readable(repository: GitRepository, shop: Shop) -> bool:
    return GitSnapshot(repository, shop.head).read("a") == b"head\n"


# --- what is fetched ---


def test_head_and_target_are_fetched_without_their_history(shop: Shop) -> None:
    repository = shop.fetch()
    assert GitSnapshot(repository, shop.head).read("a") == b"head\n"
    assert GitSnapshot(repository, repository.target_tip).read("rules") == b"target\n"
    assert repository.target_tip == shop.target
    assert not repository.has(shop.base)


def test_the_base_is_fetched_on_demand_and_then_the_diff_is_there(shop: Shop) -> None:
    repository = shop.fetch()
    repository.fetch_commit(shop.base, TOKEN)
    (file,) = repository.diff(shop.base, shop.head)
    assert [line.text for line in file.lines()] == ["base", "head"]


def test_what_is_here_is_not_asked_for_again(shop: Shop) -> None:
    shop.fetch().fetch_commit(shop.base, TOKEN)
    shop.server.requests.clear()
    shop.fetch().fetch_commit(shop.base, TOKEN)
    rounds = [path for path, _ in shop.server.requests if "info/refs" in path]
    assert len(rounds) == 1, "one look at the target branch, none for the head and the base"


def test_a_newer_target_tip_is_seen(shop: Shop) -> None:
    shop.fetch()
    newer = gitrepos.commit(shop.origin, text_files(rules="newer\n"), onto=shop.target)
    assert shop.fetch().target_tip == newer


def test_an_older_head_is_still_fetched_after_a_newer_push(shop: Shop) -> None:
    older = shop.head
    shop.push(text_files(a="newer\n"))
    assert GitSnapshot(shop.fetch(head=older), older).read("a") == b"head\n"


def test_a_server_that_gives_only_what_it_shows_gives_the_present_head_and_no_older_one(shop: Shop) -> None:
    gitrepos.git(shop.origin, "config", "uploadpack.allowAnySHA1InWant", "false")
    shop.server.old_protocol = True
    older = shop.head
    assert is_readable(shop.fetch(), shop)
    newer = shop.push(text_files(a="newer\n"))
    assert GitSnapshot(shop.fetch(head=newer), newer).read("a") == b"newer\n"
    with pytest.raises(NotFound, match=f"commit {shop.base} is gone"):
        shop.fetch(head=shop.base)
    assert older != newer


def test_repositories_are_apart_by_address(shop: Shop, server: GitServer) -> None:
    shop.fetch()
    other = gitrepos.new_repository(server.root / "group" / "other.git")
    head = gitrepos.commit(other, text_files(a="other\n"))
    fetched = shop.cache().fetch(
        f"{server.url}/group/other.git", TOKEN, iid=1, head=head, target_branch="main"
    )
    assert not fetched.has(shop.head)
    assert len(list(shop.folder.glob("*.git"))) == 2


# --- the token ---


def test_the_token_goes_by_header_and_is_in_no_argument_or_file(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, real = tmp_path / "argv.log", process.executable()
    shim = tmp_path / "shims" / "git"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")
    process.executable.cache_clear()
    try:
        assert is_readable(shop.fetch(), shop)
    finally:
        process.executable.cache_clear()
    assert {sent for _path, sent in shop.server.requests} == {shop.server.authorization}
    secrets = (TOKEN.encode(), shop.server.authorization.split()[1].encode())
    kept = [log, *(path for path in shop.folder.rglob("*") if path.is_file())]
    assert "fetch" in log.read_text()
    assert not [path for path in kept for secret in secrets if secret in path.read_bytes()]


def test_a_redirect_is_not_followed(shop: Shop, tmp_path: Path) -> None:
    with serving(tmp_path / "elsewhere", TOKEN) as elsewhere:
        shop.server.status, shop.server.location = 302, f"{elsewhere.url}/group/shop.git/info/refs"
        with pytest.raises(PlatformError):
            shop.fetch()
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc",
        "ext::sh -c id",
        "ssh://host/x",
        "/etc",
        "--upload-pack=id",
        "https://user:pw@host/x",
        "http://a/\n",
    ],
)
def test_only_plain_http_addresses_are_fetched_from(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="not an address to fetch from") as caught:
        GitCache(tmp_path).fetch(url, TOKEN, iid=1, head="a" * 40, target_branch="main")
    assert "pw" not in str(caught.value)


# --- faults ---


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessDenied),
        (403, AccessDenied),
        (404, NotFound),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_a_status_becomes_the_error_a_caller_tells_apart(
    shop: Shop, status: int, kind: type[TrivetError]
) -> None:
    shop.server.status = status
    with pytest.raises(kind) as caught:
        shop.fetch()
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_token_is_denied(shop: Shop) -> None:
    with pytest.raises(AccessDenied):
        shop.fetch(token="glpat-" + "y" * 20)


def test_a_server_that_is_not_there_may_be_there_later(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        GitCache(tmp_path).fetch(
            "http://127.0.0.1:9/x.git", TOKEN, iid=1, head="a" * 40, target_branch="main"
        )


def test_a_server_that_hangs_is_given_up(shop: Shop) -> None:
    shop.server.hang = True
    with pytest.raises(Unavailable, match="took more than 1 s"):
        shop.fetch(timeout=1)


def test_a_repository_that_is_gone_is_named(shop: Shop) -> None:
    shop.origin.rename(shop.origin.with_name("moved.git"))
    with pytest.raises(NotFound, match=r"group/shop\.git"):
        shop.fetch()


@pytest.mark.parametrize("branch", ["gone", "*", "a:refs/heads/main", "-x", "a..b", "", "a b", "x.lock"])
def test_a_branch_that_is_gone_is_named(shop: Shop, branch: str) -> None:
    with pytest.raises(NotFound, match="has no branch"):
        shop.fetch(branch=branch)


@pytest.mark.parametrize("head", ["b" * 40, "main", "--all", "refs/heads/main"])
def test_a_commit_that_is_gone_is_named(shop: Shop, head: str) -> None:
    with pytest.raises(NotFound, match="commit"):
        shop.fetch(head=head)
    with pytest.raises(NotFound, match="has no commit"):
        shop.fetch().fetch_commit(head, TOKEN)


# --- the cache on disk ---


@pytest.mark.parametrize(
    "stale", ["shallow.lock", "packed-refs.lock", "refs/trivet/1/head.lock", "config.lock"]
)
def test_a_repository_that_a_killed_process_left_locked_is_made_anew(shop: Shop, stale: str) -> None:
    shop.fetch()
    (shop.repository() / stale).touch()
    assert is_readable(shop.fetch(), shop)
    assert not list(shop.repository().rglob("*.lock"))


@pytest.mark.parametrize("file", ["config", "HEAD", "shallow", "refs/trivet/1/head", "refs/trivet/1/target"])
def test_a_repository_with_a_scrambled_file_is_made_anew(shop: Shop, file: str) -> None:
    shop.fetch()
    (shop.repository() / file).write_bytes(b"\0\xff scrambled")
    assert is_readable(shop.fetch(), shop)


def test_a_damaged_pack_is_noticed_when_read_and_made_anew_by_the_next_fetch(shop: Shop) -> None:
    repository = shop.fetch()
    for pack in (shop.repository() / "objects").rglob("*.pack"):
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes()[:40])
    with pytest.raises(Unavailable, match="fetched anew"):
        GitSnapshot(repository, shop.head).read("a")
    assert is_readable(shop.fetch(), shop)


def test_a_repository_that_was_removed_meanwhile_is_a_passing_fault(shop: Shop) -> None:
    repository = shop.fetch()
    assert shop.cache().prune(0, idle=0) == 1
    with pytest.raises(Unavailable):
        GitSnapshot(repository, shop.head)
    assert is_readable(shop.fetch(), shop)


def test_many_fetch_at_once(shop: Shop) -> None:
    answers: list[bool] = []
    threads = [
        threading.Thread(target=lambda: answers.append(is_readable(shop.fetch(), shop))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 4


def test_a_lock_that_is_kept_too_long_is_a_passing_fault(shop: Shop) -> None:
    shop.fetch()
    with (
        locked(shop.repository().with_suffix(".lock"), 1, "taken"),
        pytest.raises(Unavailable, match=r"another process has been fetching http://\S+ for 0\.2 s"),
    ):
        shop.fetch(timeout=0.2)


def test_the_lock_outlives_a_process_whose_git_still_runs(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with locked(path, 0, "taken") as lock:
        orphan = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,))
    with pytest.raises(Unavailable, match="taken"), locked(path, 0.1, "taken"):
        pass
    orphan.communicate(b"\n")
    with locked(path, 1, "taken") as lock:
        assert lock


FETCH_IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from bot.gateways.git import GitCache
folder, url, token, head = sys.argv[1:]
GitCache(Path(folder)).fetch(url, token, iid=1, head=head, target_branch="main")
"""


def test_after_kill_9_in_the_middle_of_a_fetch_the_next_one_waits_for_its_git_and_then_works(
    shop: Shop,
) -> None:
    shop.fetch()
    newer = shop.push(text_files(a="newer\n"))
    shop.server.hang, before = True, len(shop.server.requests)
    arguments = [str(shop.folder), shop.url, TOKEN, newer]
    killed = subprocess.Popen([sys.executable, "-c", FETCH_IN_ANOTHER_PROCESS, *arguments])
    while len(shop.server.requests) == before:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    with pytest.raises(Unavailable, match="another process"):
        shop.fetch(timeout=0.3)
    shop.server.hang = False
    shop.server.released.set()
    assert GitSnapshot(shop.fetch(head=newer), newer).read("a") == b"newer\n"


def test_pruning_takes_the_least_recently_used_first_and_spares_what_is_in_use(
    shop: Shop, server: GitServer
) -> None:
    cache = shop.cache()
    for age, name in enumerate(("one", "two", "three")):
        origin = gitrepos.new_repository(server.root / f"{name}.git")
        head = gitrepos.commit(origin, {b"a": (gitrepos.FILE, os.urandom(100_000))})
        fetched = cache.fetch(f"{server.url}/{name}.git", TOKEN, iid=1, head=head, target_branch="main")
        os.utime(fetched.git.folder, (1000 + age, 1000 + age))
    assert cache.prune(10_000_000) == 0
    assert cache.prune(250_000) == 1
    left = {path.stat().st_mtime for path in shop.folder.glob("*.git")}
    assert left == {1001, 1002}
    cache.fetch(f"{server.url}/three.git", TOKEN, iid=1, head=head, target_branch="main")
    assert cache.prune(0) == 1
    assert is_kept(cache, server, head)


def is_kept(cache: GitCache, server: GitServer, head: str) -> bool:
    kept = cache.fetch(f"{server.url}/three.git", TOKEN, iid=1, head=head, target_branch="main")
    return kept.has(head)


def test_a_cache_that_does_not_exist_yet_has_nothing_to_prune(tmp_path: Path) -> None:
    assert GitCache(tmp_path / "none").prune(0) == 0
