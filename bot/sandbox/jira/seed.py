"""The demo's Jira: project SHOP, its people and workflow, and the issue that the demo's merge request is about."""

from dataclasses import replace
from datetime import timedelta

from bot.sandbox.jira import deeds, texts
from bot.sandbox.jira.model import (
    PERMISSIONS,
    Deployment,
    Issue,
    Named,
    Person,
    Project,
    Role,
    SecurityLevel,
    Site,
    Status,
    Transition,
    Version,
    now,
)
from bot.sandbox.jira.shapes import CRITERIA
from bot.sandbox.model import State

KEY = "SHOP"
BOT = "trivet"
DEVELOPERS_GROUP = "shop-developers"
ADMINISTRATORS_GROUP = "jira-administrators"
FIRST_NUMBER = 12
WRITTEN_AGO, BEGUN_AGO = timedelta(days=3), timedelta(days=1)

TITLE = "Take discount codes at checkout"
DESCRIPTION = """\
Marketing wants to run campaigns. Customers who have a code type it at checkout and pay less.

There are three codes to begin with:

||Code||Takes off||Until||
|WELCOME10|10 %|end of 2031|
|SUMMER20|20 %|end of August 2031|
|STAFF30|30 %|end of 2031|

h2. Acceptance criteria

* A customer can type several codes; the best of them is taken off the net amount, before tax
* Capital letters and spaces around a code do not matter
* A code is no longer good after its last day
* A code that nobody knows, or that is over, leaves the price as it is
* Staff codes do not add up with other codes
* The receipt shows how much was taken off
* Marketing can see how often each code was used

h2. Not part of this

Paper vouchers stay as they are until support has told the customers who still have one."""

THIN_TITLE = "Confirmation mail shows the wrong currency"
THIN_DESCRIPTION = "A customer from Basel says the mail had euros in it. Please fix soon!"

TO_DO = Status("10000", "To Do", "new")
IN_PROGRESS = Status("3", "In Progress", "indeterminate")
IN_REVIEW = Status("10001", "In Review", "indeterminate")
DONE = Status("10002", "Done", "done")
STATUSES = (TO_DO, IN_PROGRESS, IN_REVIEW, DONE)
SCREEN = {"summary", "description", "labels", "components", "priority", "assignee", "fixVersions", CRITERIA}

REPORTING = ("BROWSE_PROJECTS", "ADD_COMMENTS", "EDIT_OWN_COMMENTS", "DELETE_OWN_COMMENTS")
PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
RESOLUTIONS = ("Done", "Won't Do", "Duplicate")
TYPES = ("Story", "Bug", "Task")
COMPONENTS = ("Checkout", "Catalog", "Receipts")


def seeded(state: State, deployment: Deployment) -> Site:
    """A Jira with everything in it."""
    with state.lock:
        site = Site(state, deployment)
        site.priorities = [Named(str(number), name) for number, name in enumerate(PRIORITIES, 1)]
        site.resolutions = [Named(str(number), name) for number, name in enumerate(RESOLUTIONS, 10_000)]
        site.types = [Named(str(number), name) for number, name in enumerate(TYPES, 10_001)]
        grace = site.add_person(
            "grace", "Grace Okafor", groups=[DEVELOPERS_GROUP, ADMINISTRATORS_GROUP], admin=True
        )
        ada = site.add_person("ada", "Ada Lindqvist")
        sam = site.add_person("sam", "Sam Ferreira", groups=["customers"])
        trivet = site.add_person(BOT, "Trivet", kind="app")
        shop = add_project(site, KEY, "Shop", grace)
        _staff(shop, site, developers=[ada, trivet], reporters=[sam], bot=trivet)
        shop.last_number = FIRST_NUMBER - 1
        first, _ = _write_issues(site, shop, ada, sam)
        if _has_merge_request(state, first):
            _begin(site, first, ada)
        return site


def add_project(site: Site, key: str, name: str, lead: Person) -> Project:
    """A project with the usual workflow that its lead alone may use."""
    project = Project(
        str(site.next_id("project")),
        key,
        name,
        lead,
        STATUSES,
        _workflow(),
        [Named(str(site.next_id("component")), each) for each in COMPONENTS],
        [Version(str(site.next_id("version")), "2031.1", "The summer campaign")],
        [Role(10_001, "Developers"), Role(10_002, "Administrators", groups=[ADMINISTRATORS_GROUP])],
        [SecurityLevel(str(site.next_id("level")), "Internal", [lead])],
        {permission: [lead] for permission in PERMISSIONS},
        set(SCREEN),
    )
    site.projects.append(project)
    return project


def _workflow() -> list[Transition]:
    """One cannot go straight from To Do to Done, and Done asks for a resolution."""
    return [
        Transition("11", "Start work", IN_PROGRESS, (TO_DO,)),
        Transition("21", "Ask for review", IN_REVIEW, (IN_PROGRESS,)),
        Transition(
            "31", "Finish", DONE, (IN_PROGRESS, IN_REVIEW), {"resolution": True, "fixVersions": False}
        ),
        Transition("41", "Back to work", IN_PROGRESS, (IN_REVIEW,)),
        Transition("51", "Put back", TO_DO, (IN_PROGRESS,)),
        Transition("61", "Reopen", TO_DO, (DONE,)),
    ]


def _staff(
    project: Project, site: Site, *, developers: list[Person], reporters: list[Person], bot: Person
) -> None:
    """Reporters read and comment. The bot may read who is in a role, which takes an administrator of the project."""
    project.roles[0].people = list(developers)
    project.roles[0].groups = [DEVELOPERS_GROUP]
    for permission, allowed in project.permissions.items():
        if permission != "ADMINISTER_PROJECTS":
            allowed += developers
        if permission in REPORTING:
            allowed += reporters
    project.permissions["ADMINISTER_PROJECTS"].append(bot)


def _write_issues(site: Site, shop: Project, ada: Person, sam: Person) -> tuple[Issue, Issue]:
    story, bug, _ = site.types
    first = deeds.create(
        site,
        shop,
        sam,
        TITLE,
        texts.converted(site, DESCRIPTION),
        story,
        assignee=ada,
        labels=["campaigns"],
        components=[shop.components[0]],
    )
    second = deeds.create(site, shop, sam, THIN_TITLE, texts.converted(site, THIN_DESCRIPTION), bug)
    return first, second


def _has_merge_request(state: State, issue: Issue) -> bool:
    requests = (one for project in state.projects for one in project.merge_requests)
    return any(one.source_branch.startswith(f"{issue.key}-") for one in requests)


def _begin(site: Site, issue: Issue, person: Person) -> None:
    """Its work began so long ago that nobody who looks for news takes it for some."""
    start = next(one for one in issue.transitions() if one.to is IN_PROGRESS)
    deeds.move(site, issue, person, start, {})
    issue.created = now() - WRITTEN_AGO
    issue.updated = now() - BEGUN_AGO
    issue.history = [replace(change, created=issue.updated) for change in issue.history]
