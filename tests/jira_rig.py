"""The whole product beside a sandbox GitLab and a sandbox Jira, Cloud or Data Center."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.jira_server import Deployment, RunningJira
from tests.rig import Rig
from tests.sandbox_server import PROJECT

JIRA_SECRET = "a-shared-" + "secret-for-jira"
MAPPED = f"{{project: SHOP, gitlab: {PROJECT}}}"
RULES = f"""
jira:
  - project: SHOP
    gitlab: {PROJECT}
    on: {{event: transitioned, to: In Progress}}
    do: [branch, draft_merge_request]
  - project: SHOP
    commands: [Developers]
"""
TRIVET_YML = """
link:
  transitions:
    - {on: opened, to: In Review}
    - {on: merged, target_branch: main, to: Done, fields: {resolution: Done}}
"""


class JiraRig(Rig):
    """`rules`: the operator's file; `config`: the repository's `.trivet.yml`."""

    def __init__(
        self,
        folder: Path,
        deployment: Deployment = "cloud",
        *,
        rules: str = RULES,
        config: str = TRIVET_YML,
        **settings: Any,
    ) -> None:
        super().__init__(folder, jira=deployment, **settings)
        self._deployment = deployment
        self._config = config
        self._set_up = False
        self.rules = folder / "rules.yml"
        self.rules.write_text(rules, "utf-8")

    @property
    def jira(self) -> RunningJira:
        return RunningJira(self.sandbox.url, self._deployment)

    @property
    def environment(self) -> dict[str, str]:
        bot = self.jira.person("trivet")
        email = {"TRIVET_JIRA__EMAIL": bot["email"]} if self._deployment == "cloud" else {}
        mine = {
            "TRIVET_JIRA__URL": self.jira.url,
            "TRIVET_JIRA__TOKEN": bot["token"],
            "TRIVET_JIRA__DEPLOYMENT": self._deployment,
            "TRIVET_JIRA__WEBHOOK_SECRETS": JIRA_SECRET,
            "TRIVET_RULES": str(self.rules),
            **email,
        }
        return mine | super().environment

    def start(self) -> None:
        if not self._set_up:
            self._set_up = True
            self.sandbox.push("main", {".trivet.yml": self._config}, "How we link")
            self.jira.control("hooks", url=self.hook.replace("gitlab", "jira"), secret=JIRA_SECRET)
        super().start()

    def is_introduced(self) -> bool:
        return super().is_introduced() and self.redis().hget("trivet:identities", "jira") is not None

    # what people see

    def links(self, key: str) -> list[dict[str, Any]]:
        """title, url, summary, relationship, global_id, resolved, status, icon of each remote link."""
        return list(self.jira.issue(key)["links"])

    def comments(self, key: str) -> list[dict[str, Any]]:
        """The bot's comments on an issue."""
        return [one for one in self.jira.issue(key)["comments"] if one["author"]["name"] == "trivet"]

    def status(self, key: str) -> str:
        return str(self.jira.issue(key)["status"]["name"])

    def writes(self, key: str) -> Mapping[str, int]:
        """How often the bot wrote, by kind."""
        return self.jira.issue(key)["writes"].get("trivet", {})  # type: ignore[no-any-return]
