"""The demo's shop: a project, its people, and one open merge request with planted defects.

The files lie in `shop/before` (the main branch), `shop/after` (what the merge request adds or changes) and `shop/fix`
(what the demo's second issue needs), each with `.txt` behind its name so that no tool takes them for ours. What must
not stand in a source file, a secret or a character nobody can see, is written there as «name» and put in here.
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from bot.sandbox import changes
from bot.sandbox.model import Access, MergeRequest, Project, State, User
from bot.sandbox.repository import File

PROJECT = "acme/shop"
BRANCH = "SHOP-12-discount-codes"  # names the issue of the demo's Jira
TITLE = "Add discount codes to checkout"
DESCRIPTION = """\
Customers can type discount codes at checkout. The **best** of them is taken off the net amount, before tax.

- codes live in `shop/discounts.py` until marketing has its own service
- `vat` is now called `tax`, since it will not stay the only one
- paper vouchers are gone: nobody has used one since spring

| code | takes off | until |
| --- | ---: | --- |
| `WELCOME10` | 10 % | end of 2031 |
| `SUMMER20` | 20 % | end of August 2031 |
| `STAFF30` | 30 % | end of 2031 |
"""

PEOPLE = {  # user name -> name, access, whether it is a bot
    "ada": ("Ada Lindqvist", Access.DEVELOPER, False),
    "grace": ("Grace Okafor", Access.MAINTAINER, False),
    "trivet": ("Trivet", Access.DEVELOPER, True),
}

WITH_CRLF = {"shop/receipt.txt"}
REMOVED = {"shop/vat.py", "shop/vouchers.py"}
DATABASE = "data/codes.db"

PLACE = re.compile("«([a-z_]+)»")
PLANTED = {
    "token": "glpat-" + urlsafe_b64encode(hashlib.sha256(b"a token of the demo").digest()).decode()[:20],
    "ours": "<" * 7 + " HEAD",
    "between": "=" * 7,
    "theirs": ">" * 7 + " main",
    "zero_width": "\u200b",
    "rlo": "\u202e",
    "lri": "\u2066",
    "pdi": "\u2069",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One commit on the merge request's branch, and the paths it touches."""

    message: str
    paths: tuple[str, ...]


STEPS = (
    Step("Name the tax module after what it holds", ("shop/vat.py", "shop/tax.py", "shop/vouchers.py")),
    Step(
        "Take the best discount off at checkout",
        ("shop/discounts.py", "shop/checkout.py", "shop/receipt.txt", "tests/test_discounts.py"),
    ),
    Step("Fetch the codes from marketing", ("shop/settings.py", DATABASE)),
    Step("Bring the branch up to date with main", ("README.md",)),
)


def seed(state: State) -> MergeRequest:
    """Fills an empty instance; answers the open merge request. The bot is a member with Developer access."""
    with state.lock:
        shop = state.add_project(PROJECT)
        people = {name: _member(state, shop, name, *rest) for name, rest in PEOPLE.items()}
        changes.push(state, shop, people["grace"], shop.default_branch, "Open the shop", before())
        changed = after()
        for step in STEPS:
            files = {path: changed[path] for path in step.paths}
            changes.push(state, shop, people["ada"], BRANCH, step.message, files)
        branches = (BRANCH, shop.default_branch)
        return changes.open_merge_request(state, shop, people["ada"], *branches, TITLE, DESCRIPTION)


def before() -> dict[str, File | None]:
    """The main branch: path -> file."""
    return dict(_tree("before"))


def after() -> dict[str, File | None]:
    """What the merge request changes: path -> file, None where it is removed."""
    database = File(b"SQLite format 3\x00" + bytes(8176))
    return _tree("after") | {DATABASE: database} | dict.fromkeys(REMOVED)


def fix() -> dict[str, str]:
    """What makes the demo's second issue good, on top of the main branch: path -> text."""
    return {path: file.content.decode() for path, file in _tree("fix").items()}


def _tree(name: str) -> dict[str, File]:
    root = resources.files("bot.sandbox") / "shop" / name
    return {path: _file(path, text) for path, text in _walk(root, "")}


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".txt"):
            yield prefix + entry.name.removesuffix(".txt"), entry.read_text("utf-8")


def _file(path: str, text: str) -> File:
    planted = PLACE.sub(lambda found: PLANTED[found[1]], text)
    return File((planted.replace("\n", "\r\n") if path in WITH_CRLF else planted).encode())


def _member(state: State, shop: Project, username: str, name: str, access: Access, bot: bool) -> User:
    user = state.add_user(username, name, bot=bot)
    shop.members[user.id] = access
    return user
