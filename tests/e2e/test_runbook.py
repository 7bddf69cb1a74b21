"""What docs/operations.md says of backup, restore and rotating secrets, done to real processes that are at work.

Slow (about a minute): what is bought is that an operator who follows the page loses nothing and doubles nothing.
"""

import base64
import hmac
import itertools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bot.domain.marks import MarkBook
from bot.entry.credentials import (
    CONFLUENCE_HOOKS,
    CONFLUENCE_WRITE,
    HOOKS,
    JIRA_HOOKS,
    JIRA_WRITE,
    MARKS,
    READ,
    SECRETS,
    WRITE,
)
from bot.entry.redis_check import check_redis
from bot.errors import UsageError
from bot.settings import Settings
from tests.canaries import HOOK_SECRET, JIRA_HOOK_SECRET, WIKI_HOOK_SECRET, hear, plant
from tests.confluence_server import RunningConfluence
from tests.jira_server import RunningJira
from tests.model_replies import reported, reporting
from tests.model_server import Body, ModelServer, Reply, failed, nothing_found
from tests.redis_server import RedisServer
from tests.rig import Rig
from tests.sandbox_server import PROJECT

RULES = f"spaces: [{{space: DOC, gitlab: {PROJECT}}}]\n"
TRIVET_YML = "pages: {release_notes: {space: DOC, parent: Releases}}\n"
READER = "trivet-reader"
WRITER = "trivet"
SOON = 5.0  # seconds: a change of a file is seen within one
GONE = "TRIVET_OF_AN_OLDER_VERSION"


def fresh(name: str) -> str:
    """A secret that nothing may print."""
    digest = base64.b32encode(sha256(f"runbook, {name}".encode()).digest()).decode().lower()
    return plant(f"renewed-{digest[:32]}")


class Site(Rig):
    """All three platforms, one account that reads and one that writes; every secret is a file."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, jira="cloud", confluence="cloud", **settings)
        self._numbers = itertools.count(1)

    @property
    def jira(self) -> RunningJira:
        return RunningJira(self.sandbox.url, "cloud")

    @property
    def wiki(self) -> RunningConfluence:
        return RunningConfluence(self.sandbox.url, "cloud")

    @property
    def secrets(self) -> Path:
        return self.folder / "files"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def environment(self) -> dict[str, str]:
        given = self._given()
        return {name: value for name, value in given.items() if name not in SECRETS} | {
            "TRIVET_SECRETS_DIR": str(self.secrets)
        }

    def _given(self) -> dict[str, str]:
        tracker, wiki = self.jira.person("trivet"), self.wiki.person("trivet")
        return super().environment | {
            READ: self.sandbox.token(READER),
            "TRIVET_RULES": str(self.folder / "rules.yml"),
            "TRIVET_JIRA__URL": self.jira.url,
            "TRIVET_JIRA__EMAIL": tracker["email"],
            "TRIVET_JIRA__DEPLOYMENT": "cloud",
            JIRA_WRITE: plant(tracker["token"]),
            JIRA_HOOKS: JIRA_HOOK_SECRET,
            "TRIVET_CONFLUENCE__URL": self.wiki.url,
            "TRIVET_CONFLUENCE__EMAIL": wiki["email"],
            "TRIVET_CONFLUENCE__DEPLOYMENT": "cloud",
            CONFLUENCE_WRITE: plant(wiki["token"]),
            CONFLUENCE_HOOKS: WIKI_HOOK_SECRET,
        }

    def start(self) -> None:
        if not self.secrets.exists():
            self.sandbox.add_user(READER, 20, scopes=["read_api", "read_repository"], bot=True)
            self.sandbox.push("main", {".trivet.yml": TRIVET_YML}, "Where release notes go")
            (self.folder / "rules.yml").write_text(RULES, "utf-8")
            self.secrets.mkdir()
            for name, value in self._given().items():
                if name in SECRETS:
                    self.put(name, value)
        super().start()

    # what an operator does

    def put(self, name: str, value: str) -> None:
        (self.secrets / name).write_text(f"{value}\n", "utf-8")

    def trivet(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """A command in a shell beside it; what it says is heard."""
        done = subprocess.run(
            [sys.executable, "-m", "bot", *words],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        hear(done.stdout, done.stderr)
        return done

    def renew(self, account: str, *, keep: bool = False) -> str:
        """A new token of an account at GitLab; the ones before it are revoked, unless `keep`."""
        token = fresh(f"token {next(self._numbers)} of {account}")
        self.sandbox.call("POST", f"/sandbox/users/{account}/token", {"token": token, "keep": keep})
        return token

    # what people do and see

    def change(self, name: str, title: str = "Change the shop") -> int:
        """A merge request with one defect."""
        return self.sandbox.merge_request(title, files=defect(name), source=name)

    def is_reviewed_once(self, iid: int) -> None:
        self.reviewed(iid)
        self.over()
        assert (len(self.findings(iid)), len(self.summaries(iid))) == (1, 1)
        assert self.notifications(iid) == ["review"]

    def over(self) -> None:
        """Wait until all runs ended, without the pauses of those that were put back."""

        def ended() -> bool:
            self.skip_pauses()
            return self.unfinished() == 0

        self.wait(ended, 60, "all runs to end")

    def waits_for(self, setting: str) -> None:
        """Wait until a run is put back and says which setting is to be renewed."""
        self.wait(
            lambda: any(
                run.get("outages") and setting in run.get("message", "") for run in self.runs_under_way()
            ),
            30,
            f"a run that waits for {setting}",
        )


def defect(name: str, version: int = 1) -> dict[str, str]:
    return {f"{name}/code.py": f"value = undefined_name\nversion = {version}\n"}


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def site(model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    environment = model.environ("openai") | {GONE: "something"}
    folder = tmp_path_factory.mktemp("site")
    with Site(folder, **environment) as started:
        yield started


# --- backup and restore


def noted(site: Site, *iids: int) -> list[tuple[int, list[int], list[str]]]:
    """Of each merge request: its number, its notes by id, and of what people were told."""
    return [(iid, [note["id"] for note in site.bot_notes(iid)], site.notifications(iid)) for iid in iids]


def test_a_restored_backup_doubles_nothing_that_was_done_since_and_finds_what_came_since(site: Site) -> None:
    backup = site.folder / "backup"
    known = site.change("before-the-backup")
    site.is_reviewed_once(known)
    site.sandbox.fault(path="draft_notes", method="POST", status=503, times=100)
    under_way = site.change("under-way")
    site.wait(lambda: any(run.get("outages") for run in site.runs_under_way()), 30, "the run to be put back")
    assert site.stop() == 0
    shutil.copytree(site.data, backup, symlinks=True)
    secret = kept_mark_secret(site)

    site.sandbox.clear_faults()
    site.start()
    site.over()
    site.sandbox.push("before-the-backup", defect("before-the-backup", 2))
    site.reviewed(known)
    since = site.change("after-the-backup")
    site.is_reviewed_once(since)
    site.is_reviewed_once(under_way)
    before = noted(site, known, under_way, since)
    site.stop()

    shutil.rmtree(site.data)
    shutil.copytree(backup, site.data, symlinks=True)
    missed = site.change("while-it-was-away")
    site.start()
    site.is_reviewed_once(missed)
    assert kept_mark_secret(site) == secret
    assert noted(site, known, under_way, since) == before
    done = {run["state"] for run in site.runs() if f'"iid":{under_way},' in run["request"]}
    assert done == {"done"}
    site.sandbox.push("after-the-backup", defect("after-the-backup", 2))
    site.is_reviewed_once(since)
    assert noted(site, known, under_way, since) == before


def test_what_no_delivery_told_of_is_found_by_trivet_sweep(site: Site) -> None:
    site.sandbox.drop_hooks()
    iid = site.change("not-told")
    swept = site.trivet("sweep")
    site.sandbox.drop_hooks(False)
    assert swept.returncode == 0, swept.stderr
    site.is_reviewed_once(iid)


# --- rotating webhook secrets


NOTHING_NEW = {
    "gitlab": {"object_kind": "wiki_page", "project": {"id": 1, "path_with_namespace": PROJECT}},
    "jira": {"webhookEvent": "user_created"},
    "confluence": {"event": "user_created"},
}


def knock(site: Site, source: str, secret: str) -> int:
    """The answer to an authentic delivery that starts nothing."""
    body = json.dumps(NOTHING_NEW[source]).encode()
    signature = "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()
    proof = {"X-Gitlab-Token": secret} if source == "gitlab" else {"X-Hub-Signature": signature}
    told = {"Content-Type": "application/json", "X-Gitlab-Event": "Wiki Page Hook"}
    return site.send("POST", f"/hooks/{source}", body, **told, **proof)[0]


SOURCES = {
    "gitlab": (HOOKS, HOOK_SECRET),
    "jira": (JIRA_HOOKS, JIRA_HOOK_SECRET),
    "confluence": (CONFLUENCE_HOOKS, WIKI_HOOK_SECRET),
}


def test_of_two_webhook_secrets_both_are_taken_and_one_that_is_taken_away_is_refused(site: Site) -> None:
    new = {source: fresh(f"{source} hooks") for source in SOURCES}
    old = {source: secret for source, (_, secret) in SOURCES.items()}
    meanwhile: list[int] = []

    def put(values: Callable[[str], str]) -> None:
        for source, (setting, _) in SOURCES.items():
            site.put(setting, values(source))

    def answers(secrets: dict[str, str]) -> list[int]:
        return [knock(site, source, secret) for source, secret in secrets.items()]

    def are(asked: dict[str, str], code: int, others: dict[str, str]) -> bool:
        meanwhile.extend(answers(others))
        return set(answers(asked)) == {code}

    assert set(answers(new)) == {401}
    put(lambda source: f"{new[source]},{old[source]}")
    site.wait(lambda: are(new, 202, others=old), SOON, "the new secrets to be taken")
    put(lambda source: new[source])
    site.wait(lambda: are(old, 401, others=new), SOON, "the old secrets to be refused")
    put(lambda source: old[source])
    site.wait(lambda: set(answers(old)) == {202}, SOON, "the first secrets to be taken again")
    assert set(meanwhile) == {202}


def test_connect_writes_the_first_secret_to_the_webhook_no_delivery_is_refused_and_doctor_is_content(
    site: Site,
) -> None:
    address = f"http://127.0.0.1:{site.port}"
    before = len(site.sandbox.state()["deliveries"])
    new = plant("whsec_" + base64.b64encode(sha256(b"runbook, signing").digest()).decode())
    site.put(HOOKS, f"{new},{HOOK_SECRET}")
    site.is_reviewed_once(site.change("signed-with-the-old"))
    maintainer = {"TRIVET_CONNECT_TOKEN": site.sandbox.token("grace")}
    connected = site.trivet("connect", "gitlab", PROJECT, "--url", address, **maintainer)
    assert connected.returncode == 0, connected.stdout + connected.stderr
    [hook] = site.sandbox.state_object.project(PROJECT).hooks
    assert hook.signing_token == new
    site.put(HOOKS, new)
    site.wait(lambda: knock(site, "gitlab", HOOK_SECRET) == 401, SOON, "the old secret to be refused")
    site.is_reviewed_once(site.change("signed-with-the-new"))
    answers = {one["status"] for one in site.sandbox.state()["deliveries"][before:]}
    assert answers == {202}
    examined = site.trivet("doctor", TRIVET_PUBLIC_URL=address)
    assert examined.returncode == 0, examined.stdout + examined.stderr


# --- rotating tokens

ACCOUNTS = {WRITE: WRITER, READ: READER}


def test_tokens_that_are_renewed_before_the_old_ones_are_revoked_are_never_refused(site: Site) -> None:
    site.sandbox.clear_requests()
    new = {setting: site.renew(account, keep=True) for setting, account in ACCOUNTS.items()}
    for setting, token in new.items():
        site.put(setting, token)
    site.is_reviewed_once(site.change("both-tokens"))
    for setting, account in ACCOUNTS.items():
        site.sandbox.call("POST", f"/sandbox/users/{account}/token", {"token": new[setting]})
    site.is_reviewed_once(site.change("new-tokens"))
    seen = site.sandbox.requests()
    assert {WRITER, READER} <= {one["user"] for one in seen}
    assert [one for one in seen if one["status"] == 401] == []


@pytest.mark.parametrize(("setting", "account"), ACCOUNTS.items())
def test_a_run_waits_for_a_token_that_was_revoked_first_and_goes_on_with_the_new_one(
    site: Site, setting: str, account: str
) -> None:
    new = site.renew(account)
    iid = site.change(f"revoked-token-of-{account}")
    site.waits_for(setting)
    assert site.bot_notes(iid) == []
    site.put(setting, new)
    site.over()
    site.is_reviewed_once(iid)


def test_a_run_waits_for_jiras_token_and_goes_on_with_the_new_one(site: Site) -> None:
    new = fresh("jira")
    site.jira.control("people/trivet", token=new)
    iid = site.change("linked", "SHOP-12: take codes")
    site.waits_for(JIRA_WRITE)
    site.put(JIRA_WRITE, new)
    site.over()
    site.is_reviewed_once(iid)
    [link] = site.jira.issue("SHOP-12")["links"]
    assert link["url"].endswith(f"/merge_requests/{iid}")


def test_a_run_waits_for_confluences_token_and_goes_on_with_the_new_one(site: Site) -> None:
    iid = site.change("noted", "feat: carts take codes")
    site.is_reviewed_once(iid)
    new = fresh("confluence")
    site.wiki.control("people/trivet", token=new)
    site.sandbox.act(iid, "merge", user="grace")
    site.waits_for(CONFLUENCE_WRITE)
    site.put(CONFLUENCE_WRITE, new)
    site.over()
    page = site.wiki.page("Release next")
    assert page["body"].count(f"!{iid}") >= 1
    assert len(page["versions"]) == 1


# --- rotating a model's key


def test_a_model_whose_key_was_refused_is_asked_again_at_once_when_the_key_changes(
    site: Site, model: ModelServer
) -> None:
    shown: list[str] = []
    new = plant("sk-" + "Wc8Jd3Ks" + "Tb6VnQ1mZx4Rp9Ly")
    model.on_request = lambda headers: shown.append(headers["authorization"].removeprefix("Bearer "))

    def reply(body: Body) -> Reply:
        if shown[-1] != new:
            return failed(401, "Incorrect API key provided", type="invalid_request_error")
        return reporting(reported("key-new/code.py", 2, "version = 1"))(body)

    model.reply = reply
    site.is_reviewed_once(site.change("key-refused"))
    site.is_reviewed_once(site.change("key-known-to-be-refused"))
    assert len(shown) == 1
    site.put("OPENAI_API_KEY", new)
    iid = site.change("key-new")
    site.reviewed(iid)
    site.over()
    model.reply, model.on_request = nothing_found, lambda headers: None
    assert len(site.findings(iid)) == 2
    assert set(shown[1:]) == {new}


# --- rotating the mark secret


def signer(site: Site, iid: int, secret: str) -> bool:
    """Whether the summary's mark was made with this secret."""
    [summary] = site.summaries(iid)
    mark = MarkBook([secret], f"gitlab:{site.sandbox.state_object.project(PROJECT).id}:{iid}")
    return mark.read(summary["body"]) is not None


def test_notes_of_the_old_mark_secret_are_known_while_the_new_one_signs(site: Site) -> None:
    old, new = kept_mark_secret(site), fresh("marks")
    iid = site.change("marked")
    site.is_reviewed_once(iid)
    ids = [note["id"] for note in site.bot_notes(iid)]
    assert signer(site, iid, old)
    site.put(MARKS, f"{new},{old}")
    site.sandbox.push("marked", defect("marked", 2))
    site.is_reviewed_once(iid)
    assert [note["id"] for note in site.bot_notes(iid)] == ids
    assert signer(site, iid, new)
    (site.secrets / MARKS).unlink()


def kept_mark_secret(site: Site) -> str:
    return plant((site.data / "mark-secret").read_text().strip())


def test_without_the_mark_secret_the_bot_writes_new_notes_beside_its_own_and_knows_those(site: Site) -> None:
    iid = site.change("forgotten")
    site.is_reviewed_once(iid)
    site.put(MARKS, fresh("marks, made after the loss"))
    for version in (2, 3):
        site.sandbox.push("forgotten", defect("forgotten", version) | {f"{version}.txt": f"{version}\n"})
        site.reviewed(iid)
        site.over()
        assert (len(site.findings(iid)), len(site.summaries(iid))) == (2, 2)
    (site.secrets / MARKS).unlink()


# --- what a file does not change


def test_another_redis_is_not_taken_before_a_restart(site: Site) -> None:
    site.put("TRIVET_REDIS_URL", "redis://127.0.0.1:1/0")
    site.is_reviewed_once(site.change("redis-named"))
    (site.secrets / "TRIVET_REDIS_URL").unlink()


# --- a Redis of one's own


def test_the_append_only_files_of_a_redis_at_work_are_a_backup_while_none_is_rewritten(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    client, stop = redis_server.client(), threading.Event()
    writer = threading.Thread(target=write_on, args=(client, stop))
    client.config_set("auto-aof-rewrite-percentage", 0)
    assert client.info("persistence")["aof_rewrite_in_progress"] == 0
    client.set("accepted", "before the copy")
    writer.start()
    try:
        shutil.copytree(tmp_path / "redis", tmp_path / "elsewhere" / "redis")
    finally:
        stop.set()
        writer.join()
    with RedisServer(tmp_path / "elsewhere") as restored:
        assert restored.client().get("accepted") == b"before the copy"


def write_on(client: "Redis", stop: threading.Event) -> None:
    while not stop.is_set():
        client.incr("written")


def test_redis_takes_both_passwords_until_one_is_taken_away_and_forgets_them_when_it_is_started_anew(
    redis_server: RedisServer,
) -> None:
    old, new = fresh("redis, old"), fresh("redis, new")
    client = redis_server.client()

    def enters(password: str) -> bool:
        address = redis_server.url.replace("unix://", f"unix://:{password}@")
        try:
            check_redis(address, Settings())
        except UsageError:
            return False
        return True

    def told(*words: str) -> None:
        client.execute_command("ACL", "SETUSER", "default", *words)  # type: ignore[no-untyped-call]

    told("resetpass", f">{old}")
    assert (enters(old), enters(new)) == (True, False)
    told(f">{new}")
    assert (enters(old), enters(new)) == (True, True)
    told(f"<{old}")
    assert (enters(old), enters(new)) == (False, True)
    redis_server.kill()
    redis_server.start()
    assert redis_server.client().ping()


# --- upgrading


def test_a_setting_that_is_none_any_more_is_named_in_the_log(site: Site) -> None:
    assert f"{GONE} is no setting and is not read" in site.log()
