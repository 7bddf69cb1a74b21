"""A tracker and code projects in memory, as the ports show them; what was asked of them is noted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.domain.flow import CodeProject
from bot.domain.issues import Choices, Issue, IssueComment, IssuePerson, IssueStatus, StatusChange
from bot.domain.releases import MergedRequest, Tag
from bot.errors import NotFound
from tests.doubles import DictSnapshot

BOT = IssuePerson(id="bot-1", name="Trivet Bot", username="trivet")
ADA = IssuePerson(id="ada-1", name="Ada", username="ada", email="ada@example.com")
SHOP_12 = Issue(
    id="10012",
    key="SHOP-12",
    project="SHOP",
    type="Story",
    title="Totals are rounded",
    description="# Acceptance criteria\n\n- Totals have two decimals\n- Nothing is rounded twice",
    status=IssueStatus("To Do", "new"),
    url="https://jira.example.com/browse/SHOP-12",
)
SHOP = CodeProject(id=1, path="acme/shop", visibility="private", default_branch="main")


@dataclass
class Issues:
    """The port `IssueReader`. `moved_keys`: old keys and the ones they became; `trouble` is raised for any issue.

    `numbers`: the keys of projects by their numbers.
    """

    known: Sequence[Issue] = (SHOP_12,)
    said: Mapping[str, Sequence[IssueComment]] = field(default_factory=dict)
    people: Mapping[str, frozenset[str]] = field(default_factory=dict)
    moved_keys: Mapping[str, str] = field(default_factory=dict)
    trouble: Exception | None = None
    asked: list[str] = field(default_factory=list)
    numbers: Mapping[str, str] = field(default_factory=lambda: {"10000": "SHOP"})

    def me(self) -> IssuePerson:
        return BOT

    def projects(self) -> frozenset[str]:
        return frozenset(one.project for one in self.known)

    def issue(self, key: str, fields: Sequence[str] = ()) -> Issue:
        self.asked.append(f"issue {key}")
        if self.trouble:
            raise self.trouble
        now = self.moved_keys.get(key, key)
        found = next((one for one in self.known if now in (one.key, one.id)), None)
        if found is None:
            raise NotFound(f"Jira does not find issue {key} (404)")
        return found

    def comments(self, key: str) -> Sequence[IssueComment]:
        self.asked.append(f"comments {key}")
        return self.said.get(key, ())

    def comment(self, key: str, comment: str) -> IssueComment:
        return next(one for one in self.comments(key) if one.id == comment)

    def roles(self, project: str, person: IssuePerson) -> frozenset[str]:
        self.asked.append(f"roles {person.id}")
        return self.people.get(person.id, frozenset())

    def choices(self, project: str, fields: Collection[str]) -> Choices:
        self.asked.append(f"choices {project}")
        components = ("Cart",) if "component" in fields else ()
        return Choices(components=components, priorities=("High", "Low") if "priority" in fields else ())

    def project_key(self, number: str) -> str:
        self.asked.append(f"project {number}")
        if number not in self.numbers:
            raise NotFound(f"Jira does not find project {number} (404)")
        return self.numbers[number]

    def address(self, key: str) -> str:
        return f"https://jira.example.com/browse/{key}"

    def statuses(self, project: str) -> frozenset[str]:
        return frozenset({"to do", "in progress", "in review", "done"})

    def moved(self, key: str) -> Sequence[StatusChange]:
        return ()


@dataclass
class Projects:
    """The port `CodeReader`. `histories`: what was merged by the name of the tag since (None: ever) and until where."""

    known: Sequence[CodeProject] = (SHOP,)
    files: Mapping[str, str] = field(default_factory=lambda: {"shop/cart.py": "total = 1\n"})
    accounts: Mapping[str, str] = field(default_factory=dict)
    known_tags: Sequence[Tag] = ()
    histories: Mapping[tuple[str | None, str], Sequence[MergedRequest]] = field(default_factory=dict)

    def project(self, path: str) -> CodeProject:
        found = next((one for one in self.known if one.path == path), None)
        if found is None:
            raise NotFound(f"GitLab does not find {path} (404)")
        return found

    def branch(self, project: CodeProject, name: str) -> DictSnapshot:
        return DictSnapshot(dict(self.files))

    def username(self, *, username: str = "", email: str = "") -> str:
        return self.accounts.get(email or username, "")

    def tags(self, project: CodeProject) -> Sequence[Tag]:
        return self.known_tags

    def merged(self, project: CodeProject, since: Tag | None, until: str) -> Sequence[MergedRequest]:
        return self.histories.get((since.name if since else None, until), ())


def comment(number: int, body: str, author: IssuePerson = ADA, **more: object) -> IssueComment:
    return replace(IssueComment(id=str(number), author=author, body=body), **more)  # type: ignore[arg-type]
