"""Every error a caller tells apart. The tree follows what the caller will do.

TrivetError                  its text is one sentence for a person: what is wrong, what to do
├── UsageError               exit 2: the command line or the configuration is wrong
├── BadDelivery              the receiver answers `status`, records nothing
├── Denied                   the runs API answers `status`, starts nothing
├── PlatformError            exit 3: GitLab, Jira, Confluence, git or a model failed
│   ├── Unavailable          try again later: 429, 5xx, no connection, time-out; `retry_after` seconds if said
│   │   └── NotReady         the platform is still preparing what we asked for: try again in moments
│   ├── AccessDenied         401, 403: the token is expired, too weak, or not a member
│   │   └── Forbidden        403: the token is good, and may not do this one thing
│   ├── NotFound             404, 410: the project, branch, commit or merge request is gone
│   ├── Refused              400, 409, 422: this one request is not acceptable; `detail` is the platform's text
│   ├── Damaged              a page on which our section cannot be told from the rest: nothing is written
│   └── ModelFault           no usable answer; `usage` is what was paid. The run goes on and says what is missing
│       ├── TooLong          the prompt does not fit the model's window: split it
│       ├── Unusable         truncated or invalid, after one repair
│       ├── Declined         the model refused, or a content filter did
│       ├── OverBudget       the tokens of the run, the merge request or the day are spent: ask no more
│       └── NoModel          key or quota refused, or no such model, all along the chain: ask no more
├── Postponed                a run that shall be begun again after `seconds`: nothing is wrong
└── Stopped                  a run ends without publishing; `state` is the state it ends in
    ├── Superseded           a newer head, or the merge request was merged or closed
    ├── NotAllowed           who commands is no member with Developer access: they are told so once
    └── Withheld             who asked may not be told; nothing is said of it elsewhere
"""

from typing import Any


class TrivetError(Exception):
    """The base: `str(error)` is fit to show to a person and holds no secret."""


class UsageError(TrivetError):
    """The command line or the configuration is wrong."""


class BadDelivery(TrivetError):
    """A request that is not an authentic, readable delivery. `status` is the answer: 400, 401, 408, 413, 415, 503."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Denied(TrivetError):
    """A request the runs API does not grant. `status` is the HTTP answer, `retry_after` seconds where it may change."""

    def __init__(self, status: int, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after = retry_after


class PlatformError(TrivetError):
    """A platform or git did not do what was asked."""


class Unavailable(PlatformError):
    """A passing fault: the same request may succeed later.

    `retry_after`: seconds the platform asked us to wait, if it did. `usage`: see ModelFault.
    """

    def __init__(self, message: str, retry_after: float | None = None, usage: Any = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.usage = usage


class NotReady(Unavailable):
    """The platform is still preparing what was asked for, a merge request's diff say."""


class AccessDenied(PlatformError):
    """The token is missing, expired, too weak or not a member."""


class Forbidden(AccessDenied):
    """The token is good, and may not do this one thing: its account lacks a role, or the token a scope."""


class NotFound(PlatformError):
    """What was asked for does not exist, or the token may not see it (GitLab answers 404 for both)."""


class Refused(PlatformError):
    """The platform understood the request and will never accept it."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class Damaged(PlatformError):
    """Our section on a page cannot be told from the rest, or the page cannot be read as markup: it is left alone."""


class ModelFault(PlatformError):
    """A model gave no usable answer. `usage`: what it has cost (`bot.llm.messages.Usage`), None for nothing."""

    def __init__(self, message: str, usage: Any = None) -> None:
        super().__init__(message)
        self.usage = usage


class TooLong(ModelFault):
    """The prompt does not fit the model's window; never sent to another model instead."""


class Unusable(ModelFault):
    """The answer was cut off, or is not what was asked for, also after one repair."""


class Declined(ModelFault):
    """The model, or its provider's filter, refused to answer."""


class OverBudget(ModelFault):
    """The tokens allowed for this run, this merge request or this day are spent, or set aside.

    `is_passing`: requests under way have set aside what is missing, and most of it comes back when they end.
    """

    def __init__(self, message: str, usage: Any = None, *, is_passing: bool = False) -> None:
        super().__init__(message, usage)
        self.is_passing = is_passing


class NoModel(ModelFault):
    """No model can be asked: a key or quota is refused, or the model does not exist. An operator's matter."""


class Postponed(TrivetError):
    """The run is to begin again after so many seconds. It is neither a failure nor an outage."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Stopped(TrivetError):
    """A run that ends before it publishes, on purpose. `again`: the same request may be run again, as a draft may."""

    state = "done"

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


class Superseded(Stopped):
    """The target moved on: publishing would speak of a stale head. `head` is the newer one, where there is one."""

    state = "superseded"

    def __init__(self, message: str, head: str | None = None) -> None:
        super().__init__(message)
        self.head = head


class NotAllowed(Stopped):
    """A person commands who may not."""


class Withheld(Stopped):
    """Who asked may not learn what the run would tell: it failed for them, and nobody else is told."""

    state = "failed"
