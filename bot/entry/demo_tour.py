"""What the demo shows: a review, the issue that belongs to it, and an issue that goes all the way to Done.

With its merge the page that describes the code is put right, and the release notes are written.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import click

from bot.domain.markdown import counted
from bot.entry.demo_sandbox import BOT, MAINTAINER, Sandbox
from bot.entry.demo_shown import change, comment, page, plain, proposal, thread
from bot.sandbox.confluence.seed import GUIDE
from bot.sandbox.seed import fix

T = TypeVar("T")
Json = dict[str, Any]

FIRST: Final = 1  # the seeded merge request
ITS_ISSUE: Final = "SHOP-12"
NEXT_ISSUE: Final = "SHOP-13"
IN_PROGRESS, IN_REVIEW, DONE = "In Progress", "In Review", "Done"
EYES: Final = "eyes"  # while somebody is at it
TRIAGE, LINK = "triage", "mr:"  # how the keys of our comments begin
FIX: Final = "Show the currency of the customer's country"

OPEN = "Open {url}"
WATCH = "Its author marks the merge request as ready; the review appears in a moment, without a reload."
SEEN = "Reviewed {seconds:.1f} s after the delivery: {findings}, one summary."
LINKED = "{key} is {status}: {links}, {comments}. It says:"
MOVED = 'Ada moves {key}, "{title}", to {status}: {url}'
BEGUN = "{seconds:.1f} s later there is the draft merge request !{iid}, {url}\nand a comment on {key}:"
PUSHED = 'Ada pushes "{message}" to it and marks it as ready.'
REVIEWED = "Reviewed after {seconds:.1f} s: {said}. {key} is {status}."
FINDINGS = "{findings} on their lines"
NOTHING_SAID = "nothing to say, so there is no note, only a reaction ({names})"
NOTHING_OPEN = "nothing open"
PROPOSED = 'A note on !{iid} says that the page "{page}" is no longer true with it, and proposes:'
LIKED = "Grace accepts it with a thumbs-up."
NOT_PROPOSED = 'The model proposes no text for the page "{page}".'
MERGED = "Grace merges !{iid}."
CLOSED = "{seconds:.1f} s later {key} is {status}, its comment says:"
WRITTEN = '{seconds:.1f} s after the merge version {version} of "{page}" says so: {url}'
RELEASED = '{seconds:.1f} s after the merge !{iid} is in the release notes, "{page}": {url}'
REVIEW, LINKING = "a review", "{key} with a link to !{iid} and a comment on its review"
BEGINNING, ENDING = "a branch and a draft merge request for {key}", "{key} as {status}, with !{iid} as merged"
PROPOSAL, WRITING = "a note on !{iid} about the page {page}", "{page} with the accepted text"
RELEASING = "!{iid} on the page {page}"

NOTES: Final = "Release next"
PATIENCE_SECONDS: Final = 45.0  # for a model that need not propose anything


class Until(Protocol):
    """Waits until the condition answers something, and gives that. Raises PlatformError: "...did not get to {what}"."""

    def __call__(self, condition: Callable[[], T | None], seconds: float, what: str) -> T: ...


@dataclass(frozen=True)
class Tour:
    """One walk through it. `seconds`: how long any of its steps may take. `must_propose`: the model is known to."""

    sandbox: Sandbox
    until: Until
    seconds: float
    must_propose: bool = True

    def __call__(self) -> None:
        self.review()
        self.linked()
        iid = self.begun()
        self.fixed(iid)
        is_accepted = self.accepted(iid)
        merged = self.merged(iid)
        self.closed(iid, merged)
        if is_accepted:
            self.written(merged)
        self.released(iid, merged)

    def review(self) -> None:
        """GitLab tells that the merge request is ready; what a person would see of its review is printed."""
        told = time.monotonic()
        self.sandbox.act(FIRST, "ready")
        summary = self._wait(lambda: self.sandbox.summary(FIRST), REVIEW)
        seconds = time.monotonic() - told
        click.echo("\n" + SEEN.format(seconds=seconds, findings=self._findings(FIRST)) + "\n")
        for one in self.sandbox.threads(FIRST):
            click.echo(thread(one) + "\n")
        click.echo(plain(summary) + "\n")

    def linked(self) -> None:
        issue = self._wait(lambda: self._reviewed(ITS_ISSUE, FIRST), self._linking(ITS_ISSUE, FIRST))
        ours = _said(issue)
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
        draft, said = self._wait(lambda: self._draft(NEXT_ISSUE), BEGINNING.format(key=NEXT_ISSUE))
        told = {"key": NEXT_ISSUE, "iid": draft["iid"], "url": draft["web_url"]}
        click.echo(BEGUN.format(seconds=time.monotonic() - began, **told) + "\n")
        click.echo(comment(said["body"]) + "\n")
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

    def accepted(self, iid: int) -> bool:
        """Whether there was a text for a page to accept."""
        named = {"iid": iid, "page": GUIDE}
        patient = time.monotonic() + PATIENCE_SECONDS
        self._wait(lambda: self._is_settled(iid, patient), PROPOSAL.format(**named))
        note = self.sandbox.proposal(iid)
        proposed = proposal(note["body"]) if note else ""
        if note is None or not proposed:
            click.echo(NOT_PROPOSED.format(**named) + "\n")
            return False
        click.echo(PROPOSED.format(**named) + "\n\n" + proposed + "\n")
        click.echo(LIKED)
        self.sandbox.like(iid, note["id"], MAINTAINER)
        return True

    def merged(self, iid: int) -> float:
        """When that was."""
        click.echo(MERGED.format(iid=iid))
        began = time.monotonic()
        self.sandbox.act(iid, "merge", MAINTAINER)
        return began

    def closed(self, iid: int, began: float) -> None:
        ending = ENDING.format(key=NEXT_ISSUE, status=DONE, iid=iid)
        issue = self._wait(lambda: self._ended(NEXT_ISSUE), ending)
        status, seconds = issue["status"]["name"], time.monotonic() - began
        click.echo(CLOSED.format(seconds=seconds, key=NEXT_ISSUE, status=status) + "\n")
        click.echo("\n\n".join(comment(one["body"]) for one in _said(issue, LINK)) + "\n")

    def written(self, merged: float) -> None:
        guide = self._wait(self._guide, WRITING.format(page=GUIDE))
        named = {"page": GUIDE, "version": guide["version"], "url": guide["url"]}
        click.echo(WRITTEN.format(seconds=time.monotonic() - merged, **named) + "\n")
        before, after = (one["body"] for one in guide["versions"][-2:])
        click.echo(change(before, after) + "\n")

    def released(self, iid: int, merged: float) -> None:
        notes = self._wait(lambda: self._notes(iid), RELEASING.format(iid=iid, page=NOTES))
        named = {"iid": iid, "page": NOTES, "url": notes["url"]}
        click.echo(RELEASED.format(seconds=time.monotonic() - merged, **named) + "\n")
        click.echo(page(notes["body"]) + "\n")

    def _verdict(self, iid: int) -> str:
        if self.sandbox.summary(iid):
            return self._findings(iid)
        return NOTHING_SAID.format(names=", ".join(self.sandbox.reactions(iid)))

    def _findings(self, iid: int) -> str:
        return FINDINGS.format(findings=counted(len(self.sandbox.threads(iid)), "finding"))

    # what is waited for: None until it is there

    def _wait(self, condition: Callable[[], T | None], what: str) -> T:
        return self.until(condition, self.seconds, what)

    def _is_over(self, iid: int) -> bool:
        reactions = self.sandbox.reactions(iid)
        return EYES not in reactions and bool(reactions or self.sandbox.summary(iid))

    def _draft(self, key: str) -> tuple[Json, Json] | None:
        """It, and our comment that names it."""
        said = _said(self.sandbox.issue(key), TRIAGE)
        pairs = ((request, one) for request in self.sandbox.merge_requests() for one in said)
        return next((pair for pair in pairs if pair[0]["web_url"] in pair[1]["text"]), None)

    def _reviewed(self, key: str, iid: int) -> Json | None:
        """The issue, in review, once the review is over and our comment on the issue tells of it."""
        head = self.sandbox.merge_request(iid)["head"][:8]
        nothing = NOTHING_OPEN if self.sandbox.threads(iid) else None
        issue = self._told(key, IN_REVIEW, lambda text: head in text and not (nothing and nothing in text))
        return issue if self._is_over(iid) else None

    def _ended(self, key: str) -> Json | None:
        return self._told(key, DONE, lambda text: "MERGED" in text)

    def _told(self, key: str, status: str, tells: Callable[[str], bool]) -> Json | None:
        """The issue, if it has this status and our comment on its merge request tells of it."""
        issue = self.sandbox.issue(key)
        is_told = any(tells(one["text"]) for one in _said(issue, LINK))
        return issue if is_told and issue["status"]["name"] == status else None

    def _is_settled(self, iid: int, patient: float) -> bool:
        """Whether there is a proposal, or there need not be one and it was waited for until that moment."""
        note = self.sandbox.proposal(iid)
        if self.must_propose:
            return note is not None and bool(proposal(note["body"]))
        return note is not None or time.monotonic() > patient

    def _guide(self) -> Json | None:
        """Once the bot has written on it."""
        found = self.sandbox.page(GUIDE)
        return found if found and found["versions"][-1]["author"]["name"] == BOT else None

    def _notes(self, iid: int) -> Json | None:
        """Once they name the merge request."""
        found = self.sandbox.page(NOTES)
        return found if found and f"!{iid}" in found["body"] else None

    def _linking(self, key: str, iid: int) -> str:
        return LINKING.format(key=key, iid=iid)


def _said(issue: Json, about: str = "") -> list[Json]:
    """The bot's comments: all, or those whose key begins so."""
    ours = (one for one in issue["comments"] if one["author"]["bot"])
    return [one for one in ours if one["properties"].get(BOT, {}).get("key", "").startswith(about)]
