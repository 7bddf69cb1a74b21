"""The accounts that write, as far as they are known: whose notes, comments and versions are ours."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bot.domain.events import Person
from bot.domain.issue_commands import NamedBy
from bot.domain.pages import PagePerson


@dataclass(frozen=True)
class Accounts:
    gitlab: Person | None = None
    jira: NamedBy | None = None
    confluence: PagePerson | None = None

    def told(self) -> dict[str, Any]:
        """As JSON, for another process."""
        return {
            "gitlab": self.gitlab.model_dump() if self.gitlab else None,
            "jira": asdict(self.jira) if self.jira else None,
            "confluence": asdict(self.confluence) if self.confluence else None,
        }

    @classmethod
    def heard(cls, told: Mapping[str, Any]) -> "Accounts":
        return cls(
            gitlab=Person.model_validate(told["gitlab"]) if told["gitlab"] else None,
            jira=NamedBy(**told["jira"]) if told["jira"] else None,
            confluence=PagePerson(**told["confluence"]) if told["confluence"] else None,
        )
