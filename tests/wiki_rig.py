"""The whole product beside a sandbox GitLab and a sandbox Confluence, Cloud or Data Center."""

from pathlib import Path
from typing import Any

from tests.canaries import WIKI_HOOK_SECRET, plant
from tests.confluence_server import Flavour, RunningConfluence
from tests.rig import Rig
from tests.sandbox_server import PROJECT

RULES = f"spaces: [{{space: DOC, gitlab: {PROJECT}}}]\n"
TRIVET_YML = """
pages:
  release_notes: {space: DOC, parent: Releases}
  sections:
    - {paths: ["shop/**"], page: API guide, section: Endpoints}
"""


class WikiRig(Rig):
    """`rules`: the operator's file; `config`: the repository's `.trivet.yml`."""

    def __init__(
        self,
        folder: Path,
        flavour: Flavour = "cloud",
        *,
        rules: str = RULES,
        config: str = TRIVET_YML,
        **settings: Any,
    ) -> None:
        super().__init__(folder, confluence=flavour, **settings)
        self._flavour = flavour
        self._config = config
        self._set_up = False
        self.rules = folder / "rules.yml"
        self.rules.write_text(rules, "utf-8")

    @property
    def wiki(self) -> RunningConfluence:
        return RunningConfluence(self.sandbox.url, self._flavour)

    @property
    def environment(self) -> dict[str, str]:
        bot = self.wiki.person("trivet")
        email = {"TRIVET_CONFLUENCE__EMAIL": bot["email"]} if self._flavour == "cloud" else {}
        mine = {
            "TRIVET_CONFLUENCE__URL": self.wiki.url,
            "TRIVET_CONFLUENCE__TOKEN": plant(bot["token"]),
            "TRIVET_CONFLUENCE__DEPLOYMENT": self._flavour,
            "TRIVET_CONFLUENCE__WEBHOOK_SECRETS": WIKI_HOOK_SECRET,
            "TRIVET_RULES": str(self.rules),
            **email,
        }
        return mine | super().environment

    def start(self) -> None:
        if not self._set_up:
            self._set_up = True
            self.sandbox.push("main", {".trivet.yml": self._config}, "Which pages describe what")
            self.wiki.control("hooks", url=self.hook.replace("gitlab", "confluence"), secret=WIKI_HOOK_SECRET)
        super().start()

    def is_introduced(self) -> bool:
        return super().is_introduced() and self.redis().hget("trivet:identities", "confluence") is not None

    # what people see

    def page(self, title: str) -> dict[str, Any] | None:
        """The page as the sandbox has it; None where there is none of this title."""
        return next((one for one in self.wiki.state()["pages"] if one["title"] == title), None)

    def body(self, title: str) -> str:
        """Its storage, "" where there is no such page."""
        found = self.page(title)
        return str(found["body"]) if found else ""

    def versions(self, title: str, author: str = "trivet") -> list[dict[str, Any]]:
        """Those that this person wrote."""
        found = self.page(title)
        return [one for one in found["versions"] if one["author"]["name"] == author] if found else []

    def remarks(self, title: str) -> list[dict[str, Any]]:
        """The bot's comments in the page's footer."""
        found = self.page(title)
        return [one for one in found["comments"] if one["author"]["name"] == "trivet"] if found else []

    def notes(self, iid: int) -> list[dict[str, Any]]:
        """The bot's notes on a merge request."""
        shown = self.sandbox.merge_request_state(iid)["notes"]
        return [one for one in shown if one["author"] == "trivet" and not one["system"]]
