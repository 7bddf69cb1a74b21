"""What the demo shows: a review, the issue that belongs to it, and an issue that goes all the way to Done."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import click

from bot.domain.markdown import counted
from bot.entry.demo_sandbox import BOT, MAINTAINER, Sandbox
from bot.entry.demo_shown import comment, plain, thread
from bot.sandbox.seed import fix

T = TypeVar("T")
Json = dict[str, Any]

FIRST: Final = 1  # the seeded merge request
ITS_ISSUE: Final = "SHOP-12"
NEXT_ISSUE: Final = "SHOP-13"
IN_PROGRESS, IN_REVIEW, DONE = "In Progress", "In Review", "Done"
FIX: Final = "Show the currency of the customer's country"

OPEN = "Open {url}"
WATCH = "Its author marks the merge request as ready; the review appears in a moment, without a reload."
SEEN = "Reviewed {seconds:.1f} s after the delivery: {findings} on their lines, one summary."
LINKED = "{key} is {status}: {links}, {comments}. It says:"
MOVED = 'Ada moves {key}, "{title}", to {status}: {url}'
BEGUN = "{seconds:.1f} s later there are the branch {branch}\nand the draft merge request !{iid}: {url}"
PUSHED = 'Ada pushes "{message}" to it and marks it as ready.'
REVIEWED = "Reviewed after {seconds:.1f} s: {said}. {key} is {status}."
NOTHING_SAID = "nothing to say, so there is no note, only a reaction ({names})"
MERGED = "Grace merges !{iid}."
CLOSED = "{seconds:.1f} s later {key} is {status}, its comment says:"
REVIEW, LINKING = "a review", "{key} with a link to !{iid} and a comment on its review"
BEGINNING, ENDING = "a branch and a draft merge request for {key}", "{key} as {status}, with !{iid} as merged"


class Until(Protocol):
    """Waits until the condition answers something, and gives that. Raises PlatformError: "...did not get to {what}"."""

    def __call__(self, condition: Callable[[], T | None], seconds: float, what: str) -> T: ...


@dataclass(frozen=True)
class Tour:
    """One walk through it. `seconds`: how long any of its steps may take."""

    sandbox: Sandbox
    until: Until
    seconds: float

    def __call__(self) -> None:
        self.review()
        self.linked()
        iid = self.begun()
        self.fixed(iid)
        self.closed(iid)

    def review(self) -> None:
        """GitLab tells that the merge request is ready; what a person would see of its review is printed."""
        told = time.monotonic()
        self.sandbox.act(FIRST, "ready")
        summary = self._wait(lambda: self._summary(FIRST), REVIEW)
        seconds, threads = time.monotonic() - told, self._threads(FIRST)
        click.echo("\n" + SEEN.format(seconds=seconds, findings=counted(len(threads), "finding")) + "\n")
        for one in threads:
            click.echo(thread(one) + "\n")
        click.echo(plain(summary) + "\n")

    def linked(self) -> None:
        issue = self._wait(lambda: self._reviewed(ITS_ISSUE, FIRST), self._linking(ITS_ISSUE, FIRST))
        ours = _comments(issue)
        links, comments = counted(len(issue["links"]), "link"), counted(len(ours), "comment")
        status = issue["status"]["name"]
        click.echo(LINKED.format(key=ITS_ISSUE, status=status, links=links, comments=comments) + "\n")
        click.echo("\n\n".join(comment(one["body"]) for one in ours) + "\n")

    def begun(self) -> int:
        """The number of the draft that the move begins."""
        issue = self.sandbox.issue(NEXT_ISSUE)
        named = {"key": NEXT_ISSUE, "title": issue["title"], "status": IN_PROGRESS, "url": issue["url"]}
        click.echo(MOVED.format(**named))
        began = time.monotonic()
        self.sandbox.move(NEXT_ISSUE, IN_PROGRESS)
        draft = self._wait(lambda: self._draft(NEXT_ISSUE), BEGINNING.format(key=NEXT_ISSUE))
        places = {"branch": draft["source_branch"], "iid": draft["iid"], "url": draft["web_url"]}
        click.echo(BEGUN.format(seconds=time.monotonic() - began, **places) + "\n")
        return int(draft["iid"])

    def fixed(self, iid: int) -> None:
        click.echo(PUSHED.format(message=FIX))
        began = time.monotonic()
        self.sandbox.push(self.sandbox.merge_request(iid)["source_branch"], FIX, fix())
        self.sandbox.act(iid, "ready")
        issue = self._wait(lambda: self._reviewed(NEXT_ISSUE, iid), self._linking(NEXT_ISSUE, iid))
        said = self._verdict(iid)
        status, seconds = issue["status"]["name"], time.monotonic() - began
        click.echo(REVIEWED.format(seconds=seconds, said=said, key=NEXT_ISSUE, status=status) + "\n")

    def closed(self, iid: int) -> None:
        click.echo(MERGED.format(iid=iid))
        began = time.monotonic()
        self.sandbox.act(iid, "merge", MAINTAINER)
        ending = ENDING.format(key=NEXT_ISSUE, status=DONE, iid=iid)
        issue = self._wait(lambda: self._ended(NEXT_ISSUE, iid), ending)
        status, seconds = issue["status"]["name"], time.monotonic() - began
        click.echo(CLOSED.format(seconds=seconds, key=NEXT_ISSUE, status=status) + "\n")
        said = (one["body"] for one in _comments(issue) if _is_about(one, self.sandbox.merge_request(iid)))
        click.echo("\n\n".join(map(comment, said)) + "\n")

    # what is waited for: None until it is there

    def _wait(self, condition: Callable[[], T | None], what: str) -> T:
        return self.until(condition, self.seconds, what)

    def _summary(self, iid: int) -> str:
        notes = self.sandbox.merge_request(iid)["notes"]
        return next((note["body"] for note in notes if note["author"] == BOT and not note["system"]), "")

    def _threads(self, iid: int) -> list[Json]:
        every = self.sandbox.merge_request(iid)["discussions"]
        return [one for one in every if one["notes"] and one["notes"][0]["author"] == BOT]

    def _verdict(self, iid: int) -> str:
        threads, awards = self._threads(iid), self.sandbox.merge_request(iid)["awards"]
        names = ", ".join(one["name"] for one in awards if one["user"] == BOT)
        return counted(len(threads), "finding") if threads or not names else NOTHING_SAID.format(names=names)

    def _draft(self, key: str) -> Json | None:
        """Once the issue has the link to it, which is written last."""
        addresses = {one["url"] for one in self.sandbox.issue(key)["links"]}
        return next((one for one in self.sandbox.merge_requests() if one["web_url"] in addresses), None)

    def _reviewed(self, key: str, iid: int) -> Json | None:
        """The issue, in review, once our comment on it names the head that was reviewed."""
        issue, request = self.sandbox.issue(key), self.sandbox.merge_request(iid)
        head = request["head"][:8]
        knows = any(head in one["text"] for one in _comments(issue) if _is_about(one, request))
        return issue if knows and issue["status"]["name"] == IN_REVIEW else None

    def _ended(self, key: str, iid: int) -> Json | None:
        issue, request = self.sandbox.issue(key), self.sandbox.merge_request(iid)
        knows = any("MERGED" in one["text"] for one in _comments(issue) if _is_about(one, request))
        return issue if knows and issue["status"]["name"] == DONE else None

    def _linking(self, key: str, iid: int) -> str:
        return LINKING.format(key=key, iid=iid)


def _comments(issue: Json) -> list[Json]:
    return [one for one in issue["comments"] if one["author"]["bot"]]


def _is_about(said: Json, request: Json) -> bool:
    """Whether a comment is the one about the merge request, not the one about the work that was begun."""
    return bool(said["properties"].get("trivet", {}).get("key", "").startswith("mr:")) and (
        request["web_url"] in said["text"]
    )
