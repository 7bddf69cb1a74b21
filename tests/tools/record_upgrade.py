"""What a version leaves in Redis when it is stopped in the middle of its work, recorded for the versions after it.

    git worktree add ../old v0.1.0 && cp tests/tools/record_upgrade.py ../old/tests/tools/
    cd ../old && python -m tests.tools.record_upgrade > ../new/tests/upgrade/0.1.0.json

It runs the receiver and an agents worker of the checkout that it is in, beside the sandbox, and no effects worker once
that has told who the bot is. Recorded are Redis, with every time to live, and the branches as a git bundle: what is
stored names commits, so that a test needs the same ones. The sandbox's address is written as `{sandbox}`.
"""

import base64
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from redis import Redis

from bot import __version__
from bot.entry.embedded import redis_url
from bot.entry.keys import text
from tests.confluence_server import RunningConfluence
from tests.jira_server import RunningJira
from tests.model_server import ModelServer, nothing_found
from tests.redis_server import RedisServer
from tests.rig import Rig
from tests.sandbox_server import PROJECT

MARKS: Final = "a-mark-" + "secret-of-the-recording-kept-by-both"
ATLASSIAN_SECRET: Final = "a-shared-" + "secret-for-both-of-them"
LEAK: Final = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
RULES: Final = f"""
jira:
  - project: SHOP
    gitlab: {PROJECT}
    on: {{event: transitioned, to: In Progress}}
    do: [branch, draft_merge_request]
spaces: [{{space: DOC, gitlab: {PROJECT}}}]
"""
TRIVET_YML: Final = "pages: {release_notes: {space: DOC, parent: Releases}}\n"
BRANCHES: Final = {
    "SHOP-12-codes": {"shop/settings.py": f'TOKEN = "{LEAK}"\n', "shop/code.py": "value = undefined_name\n"},
    "codes": {"codes.md": "Codes\n"},
    "put-back": {"back/code.py": "value = another_name\n"},
    "queued": {"queued/code.py": "value = a_third_name\n"},
}
DUE: Final = ("trivet:unfinished", "trivet:waiting")
TIMES: Final = ("created", "first_outage", "ended")
FIRST, MERGED, PUT_BACK, QUEUED = 1, 2, 3, 4
ISSUE: Final = "SHOP-13"


class Platforms(Rig):
    """The sandbox with Jira and Confluence, and a Redis of its own that runs before anything of ours does."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        url = redis_url(folder / "data")
        super().__init__(
            folder,
            jira="cloud",
            confluence="cloud",
            TRIVET_REDIS_URL=url,
            TRIVET_MARK_SECRETS=MARKS,
            **settings,
        )
        self.server = RedisServer(folder / "data")
        self.rules = folder / "rules.yml"
        self.rules.write_text(RULES, "utf-8")

    @property
    def jira(self) -> RunningJira:
        return RunningJira(self.sandbox.url, "cloud")

    @property
    def wiki(self) -> RunningConfluence:
        return RunningConfluence(self.sandbox.url, "cloud")

    @property
    def environment(self) -> dict[str, str]:
        tracker, wiki = self.jira.person("trivet"), self.wiki.person("trivet")
        return super().environment | {
            "TRIVET_RULES": str(self.rules),
            "TRIVET_JIRA__URL": self.jira.url,
            "TRIVET_JIRA__EMAIL": tracker["email"],
            "TRIVET_JIRA__TOKEN": tracker["token"],
            "TRIVET_JIRA__DEPLOYMENT": "cloud",
            "TRIVET_JIRA__WEBHOOK_SECRETS": ATLASSIAN_SECRET,
            "TRIVET_CONFLUENCE__URL": self.wiki.url,
            "TRIVET_CONFLUENCE__EMAIL": wiki["email"],
            "TRIVET_CONFLUENCE__TOKEN": wiki["token"],
            "TRIVET_CONFLUENCE__DEPLOYMENT": "cloud",
            "TRIVET_CONFLUENCE__WEBHOOK_SECRETS": ATLASSIAN_SECRET,
        }

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """In the project's repository."""
        said: bytes = self.sandbox.state_object.project(PROJECT).repository.git(*arguments, stdin=stdin)
        return said

    # what people do, in this order

    def begin_work(self) -> None:
        self.sandbox.merge_request("SHOP-12: take codes", source="SHOP-12-codes")
        self.sandbox.merge_request("feat: carts take codes", source="codes")
        self.sandbox.act(MERGED, "merge", user="grace")
        self.jira.act(ISSUE, "move", to="In Progress", user="ada")

    def ask_again(self) -> None:
        self.sandbox.comment(FIRST, "/trivet review")

    def open_more(self, branch: str) -> None:
        self.sandbox.merge_request(f"Work on {branch}", source=branch)


class Recording(Platforms):
    """The parts of the version that is recorded, each started and stopped by itself."""

    def start(self) -> None:
        self.jira.control("hooks", url=self.hook.replace("gitlab", "jira"), secret=ATLASSIAN_SECRET)
        self.wiki.control("hooks", url=self.hook.replace("gitlab", "confluence"), secret=ATLASSIAN_SECRET)
        self.sandbox.push("main", {".trivet.yml": TRIVET_YML}, "How we work")
        for branch, files in BRANCHES.items():
            self.sandbox.push(branch, files, f"Work on {branch}")

    @contextmanager
    def part(self, *command: str) -> Iterator[None]:
        with self._log.open("ab") as log:
            words = [sys.executable, "-m", "bot", *command]
            process = subprocess.Popen(words, env=self.environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    def record(self) -> dict[str, Any]:
        bundle = self.git("bundle", "create", "-", "--all")
        with self.part("work", "effects"):
            self.wait(lambda: self.redis().hlen("trivet:identities") == 3, what="all introductions")
        with self.part("serve"):
            self.wait(self.is_ready, what="the receiver")
            with self.part("work", "agents"):
                self.begin_work()
                self.wait(lambda: proposing(self.redis()) >= {"review", "link", "pages", "triage"}, 90)
                self.ask_again()
                self.wait(lambda: self.redis().keys("trivet:parked:*"), what="a parked run")
                self.sandbox.fault(path=f"/merge_requests/{PUT_BACK}", status=503, times=50)
                self.open_more("put-back")
                self.wait(lambda: self.is_put_back("review"), what="a run that is put back")
                self.wait(lambda: self.redis().llen("rq:queue:agents") == 0, what="the agents to be idle")
            self.open_more("queued")
            self.wait(lambda: self.redis().llen("rq:queue:agents") > 0, what="a queued run")
        return {
            "version": __version__,
            "recorded": int(time.time()),
            "branches": base64.b64encode(bundle).decode(),
            "redis": dump(self.redis(), self.sandbox.url),
        }

    def is_put_back(self, agent: str) -> bool:
        requests = [json.loads(self.run(name)["request"]) for name in self.pauses()]
        return any((one["agent"], one["iid"]) == (agent, PUT_BACK) for one in requests)


def proposing(client: Redis) -> set[str]:
    """The agents whose proposals are stored."""
    stored = (client.get(name) for name in client.keys("trivet:proposal:*"))
    return {json.loads(proposal)["agent"] for proposal in stored if proposal}


def dump(client: Redis, address: str) -> dict[str, Any]:
    """Every key: its type, what it holds, and for how many milliseconds (-1: for ever).

    Workers' names are left out: they tell of a machine, and of nothing to do.
    """
    readers: dict[str, Any] = {
        "string": client.get,
        "hash": client.hgetall,
        "list": lambda name: client.lrange(name, 0, -1),
        "set": client.smembers,
        "zset": lambda name: client.zrange(name, 0, -1, withscores=True),
    }
    found = {}
    for name in sorted(text(name) for name in client.keys("*")):
        if not name.startswith("rq:worker"):
            kind = text(client.type(name))
            value = _plain(readers[kind](name), address)
            found[name] = {"type": kind, "ttl": client.pttl(name), "value": value}
    return found


def load(client: Redis, recording: dict[str, Any], address: str) -> None:
    """As if it had been recorded just now: what is due when is counted from then."""
    later = time.time() - recording["recorded"]
    writers: dict[str, Any] = {
        "string": client.set,
        "hash": lambda name, value: client.hset(name, mapping=dict(value)),
        "list": lambda name, value: client.rpush(name, *value),
        "set": lambda name, value: client.sadd(name, *value),
        "zset": lambda name, value: client.zadd(name, dict(value)),
    }
    for name, key in recording["redis"].items():
        value = _stored(key["value"], address)
        if name in DUE or name.startswith("trivet:run:"):
            value = [[field, _moved(field, at, later)] for field, at in value]
        writers[key["type"]](name, value)
        if key["ttl"] > 0:
            client.pexpire(name, key["ttl"])


def _moved(field: str, value: Any, later: float) -> Any:
    """A score of `DUE`, or a run's field that is a time."""
    return float(value) + later if isinstance(value, float) or field in TIMES else value


def _plain(value: Any, address: str) -> Any:
    """As JSON has it: a hash as a list of pairs, bytes that are no text in base64."""
    if isinstance(value, bytes):
        try:
            return value.decode().replace(address, "{sandbox}")
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return [_plain(pair, address) for pair in sorted(value.items())]
    if isinstance(value, set):
        return [_plain(one, address) for one in sorted(value)]
    return [_plain(one, address) for one in value] if isinstance(value, list | tuple) else value


def _stored(value: Any, address: str) -> Any:
    if isinstance(value, str):
        return value.replace("{sandbox}", address)
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return [_stored(one, address) for one in value] if isinstance(value, list) else value


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="record-")))
        model = stack.enter_context(ModelServer())
        model.reply = nothing_found
        recording = Recording(folder, **model.environ("openai"))
        stack.enter_context(recording.server)
        stack.enter_context(recording)
        json.dump(recording.record(), sys.stdout, indent=1)
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()
