"""The field with a Jira and a Confluence beside GitLab: merge requests are tied to issues there, and pages kept true.

Everything that people and the product write there is looked at in one go, as one `Sight`.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import jira_rig, wiki_rig
from tests.canaries import JIRA_HOOK_SECRET, WIKI_HOOK_SECRET, plant
from tests.chaos.counting import Json
from tests.chaos.field import Field
from tests.confluence_server import RunningConfluence
from tests.jira_server import Deployment, RunningJira
from tests.limits import BEGINNING, END, HINT, SECTION, code, config, inner, judging
from tests.model_server import ModelServer

NEXT = "Release next"
GUIDE = "Guide {number}"
FIRST_LIMIT = 20
RULES = jira_rig.RULES + wiki_rig.RULES
TRIVET_YML = """
link:
  transitions:
    - {on: opened, to: In Progress}
    - {on: merged, target_branch: main, to: Done, fields: {resolution: Done}}
""" + config("auto", notes="{space: DOC, parent: Releases}")
BRANCHES = "/projects/1/repository/branches?per_page=100&page={page}"


@dataclass(frozen=True)
class Sight:
    """What there is at one moment. `branches`: the names of GitLab's, where they were asked for."""

    gitlab: Json
    jira: Json
    wiki: Json
    branches: tuple[str, ...] = ()

    def request(self, iid: int) -> Json:
        return next(one for one in self.gitlab["merge_requests"] if one["iid"] == iid)

    def issue(self, key: str) -> Json:
        return next(one for one in self.jira["issues"] if one["key"] == key)

    def pages(self, title: str) -> list[Json]:
        """Every page of this title that is to be seen."""
        return [one for one in self.wiki["pages"] if (one["title"], one["status"]) == (title, "current")]

    def status(self, key: str) -> str:
        return str(self.issue(key)["status"]["name"])


class Grounds(Field):
    """`guides`: so many pages, each of which says how much a cart holds that code of its own makes."""

    def __init__(
        self, folder: Path, *, jira: Deployment, confluence: Deployment, guides: int, **given: Any
    ) -> None:
        super().__init__(folder, jira=jira, confluence=confluence, **given)
        self._deployments = (jira, confluence)
        self._guides = guides
        self._rules = folder / "rules.yml"
        self._rules.write_text(RULES, "utf-8")

    @property
    def jira(self) -> RunningJira:
        return RunningJira(self.sandbox.url, self._deployments[0])

    @property
    def wiki(self) -> RunningConfluence:
        return RunningConfluence(self.sandbox.url, self._deployments[1])

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "TRIVET_RULES": str(self._rules),
            "TRIVET_JIRA__WEBHOOK_SECRETS": JIRA_HOOK_SECRET,
            "TRIVET_CONFLUENCE__WEBHOOK_SECRETS": WIKI_HOOK_SECRET,
            **_account("JIRA", self.jira),
            **_account("CONFLUENCE", self.wiki),
        }

    def start(self) -> None:
        """With everything that people have made before."""
        files = {f"guide-{number}/cart.py": code(FIRST_LIMIT) for number in range(1, self._guides + 1)}
        self.sandbox.push("main", {".trivet.yml": TRIVET_YML, **files}, "How we work")
        for number in range(1, self._guides + 1):
            body = BEGINNING.format(section=SECTION.format(number=number)) + inner(FIRST_LIMIT, HINT) + END
            self.wiki.create(GUIDE.format(number=number), body=body)
        self.jira.control("hooks", url=self.hook.replace("gitlab", "jira"), secret=JIRA_HOOK_SECRET)
        self.wiki.control("hooks", url=self.hook.replace("gitlab", "confluence"), secret=WIKI_HOOK_SECRET)
        super().start()

    def is_introduced(self) -> bool:
        return super().is_introduced() and {b"jira", b"confluence"} <= {
            *self.redis().hkeys("trivet:identities")
        }

    # what people do

    def request(self, key: str, title: str, files: dict[str, str]) -> int:
        """Ada's merge request that names this issue; its number."""
        branch = f"{key}-ada"
        self.sandbox.push(branch, files, f"{key}: {title}", start="main")
        return self.sandbox.merge_request(f"{key}: feat: {title}", source=branch)

    # what people see

    def look(self, *, with_branches: bool = False) -> Sight:
        branches = tuple(self._branches()) if with_branches else ()
        return Sight(self.sandbox.state(), self.jira.state(), self.wiki.state(), branches)

    def keep(self) -> None:
        super().keep()
        for one in (self.jira, self.wiki):
            (self.folder / f"{one.name}.json").write_text(json.dumps(one.state(), indent=1))

    def _branches(self) -> Iterator[str]:
        page = 1
        while found := self.sandbox.api("GET", BRANCHES.format(page=page), user="ada").body:
            yield from (one["name"] for one in found)
            page += 1


def _account(name: str, platform: RunningJira | RunningConfluence) -> dict[str, str]:
    """The settings of the bot's account there."""
    bot = platform.person("trivet")
    email = {f"TRIVET_{name}__EMAIL": bot["email"]} if platform.cloud else {}
    return email | {
        f"TRIVET_{name}__URL": platform.url,
        f"TRIVET_{name}__TOKEN": plant(bot["token"]),
        f"TRIVET_{name}__DEPLOYMENT": platform.deployment,
    }


@contextmanager
def grounds(folder: Path, **given: Any) -> Iterator[Grounds]:
    """The product at work in this folder, with a model that tells which pages a change makes wrong.

    `given`: as `Grounds` takes it. What the platforms hold is kept in the folder at the end.
    """
    with ModelServer() as model:
        model.reply = judging
        with Grounds(folder, **given, **model.environ("openai")) as started:
            try:
                yield started
            finally:
                started.keep()
