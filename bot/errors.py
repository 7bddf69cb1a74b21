"""Every error a caller tells apart. The tree follows what the caller will do.

TrivetError                  its text is one sentence for a person: what is wrong, what to do
├── UsageError               exit 2: the command line or the configuration is wrong
├── BadDelivery              the receiver answers `status`, records nothing
├── PlatformError            exit 3: GitLab, Jira, Confluence, git or a model failed
│   ├── Unavailable          try again later: 429, 5xx, no connection, time-out; `retry_after` seconds if said
│   │   └── NotReady         the platform is still preparing what we asked for: try again in moments
│   ├── AccessDenied         401, 403: the token is expired, too weak, or not a member
│   ├── NotFound             404, 410: the project, branch, commit or merge request is gone
│   └── Refused              400, 409, 422: this one request is not acceptable; `detail` is the platform's text
└── Stopped                  a run ends without publishing; `state` is the state it ends in
    └── Superseded           a newer head, or the merge request was merged or closed
"""


class TrivetError(Exception):
    """The base: `str(error)` is fit to show to a person and holds no secret."""


class UsageError(TrivetError):
    """The command line or the configuration is wrong."""


class BadDelivery(TrivetError):
    """A request that is not an authentic, readable delivery. `status` is the HTTP answer: 400, 401, 413 or 415."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class PlatformError(TrivetError):
    """A platform or git did not do what was asked."""


class Unavailable(PlatformError):
    """A passing fault: the same request may succeed later.

    `retry_after`: seconds the platform asked us to wait, if it did.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotReady(Unavailable):
    """The platform is still preparing what was asked for, a merge request's diff say."""


class AccessDenied(PlatformError):
    """The token is missing, expired, too weak or not a member."""


class NotFound(PlatformError):
    """What was asked for does not exist, or the token may not see it (GitLab answers 404 for both)."""


class Refused(PlatformError):
    """The platform understood the request and will never accept it."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


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
