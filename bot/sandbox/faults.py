"""Misbehaviour on order: which requests fail, and how. What is not ordered works."""

import re
from dataclasses import dataclass, field


@dataclass(slots=True)
class Fault:
    """`path` is a pattern to find in the request's path; `method` and `user` None: any. It strikes `times` times.

    `after`: let so many of them pass before. `hang`: wait these seconds first. `status`: answer this without doing
    anything. `drop_answer`: do it, then cut the connection, or answer `status` if there is one; `hold`: so many
    seconds after it was done.
    """

    path: str = ""
    method: str | None = None
    user: str | None = None
    status: int | None = None
    hang: float = 0
    drop_answer: bool = False
    hold: float = 0
    times: int = 1
    after: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None

    def strikes(self, method: str, path: str, user: str | None) -> bool:
        chosen = self.method in (None, method) and self.user in (None, user)
        return self.times > 0 and chosen and re.search(self.path, path) is not None


def next_fault(faults: list[Fault], method: str, path: str, user: str | None) -> Fault | None:
    """The fault this request meets; it is used up once."""
    for fault in faults:
        if not fault.strikes(method, path, user):
            continue
        if fault.after:
            fault.after -= 1
            continue
        fault.times -= 1
        return fault
    return None
