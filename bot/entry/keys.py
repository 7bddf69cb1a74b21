"""The names of everything we keep in Redis, and how long it stays there (seconds)."""

import hashlib
import json
import re
import time

from bot.domain.issue_commands import NamedBy

DAY = 86_400
DELIVERY_TTL = 7 * DAY
EVENT_TTL = DAY
RUN_TTL = 30 * DAY
TARGET_TTL = 30 * DAY
SPENT_TTL = 2 * DAY
CIRCUIT_TTL = DAY

UNFINISHED = "trivet:unfinished"
WAITING = "trivet:waiting"
IDENTITIES = "trivet:identities"
SWEPT = "trivet:swept"
TRACKER = "jira"
WIKI = "confluence"
WATCHED = "trivet:watched"
HOOKS = "trivet:hooks"
HEARD = "trivet:heard"
SWEEP = "sweep"
TRIED = "trivet:tried"
TRIED_TTL = 60

_IDENTITY = re.compile(
    r"(?P<id>[0-9]{1,18}):(?P<name>[A-Za-z0-9_.-]{1,255})", re.ASCII
)  # as GitLab names users
_PERSON = {"id", "username", "name"}


def text(value: object) -> str:
    """What Redis answered, as text: RQ needs connections that do not decode. What is no UTF-8 is none of ours."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def identity(said: object) -> tuple[int, str] | None:
    """The id and user name in a value of `IDENTITIES`, "7:trivet"; None for what is none."""
    found = _IDENTITY.fullmatch(text(said or ""))
    return (int(found["id"]), found["name"]) if found else None


def tracker(said: object) -> NamedBy | None:
    """Who the bot is in Jira, of a value of `IDENTITIES`; None for what is none."""
    person = _person(said)
    return NamedBy(**person) if person else None


def wiki(said: object) -> dict[str, str] | None:
    """Who the bot is in Confluence, of a value of `IDENTITIES`: "id", "username" and "name"; None for what is none."""
    return _person(said)


def _person(said: object) -> dict[str, str] | None:
    try:
        told = json.loads(text(said or "null"))
    except ValueError:
        return None
    is_one = (
        isinstance(told, dict)
        and told.keys() == _PERSON
        and all(isinstance(one, str) for one in told.values())
    )
    return told if is_one else None


def heard_of(source: str, place: str) -> str:
    """The field of `HEARD` for a project or space; a source alone is its own."""
    return f"{source}:{place}" if place else source


def delivery(key: str) -> str:
    return f"trivet:delivery:{key}"


def event(key: str) -> str:
    return f"trivet:event:{key}"


def run(run_id: str) -> str:
    return f"trivet:run:{run_id}"


def proposal(run_id: str) -> str:
    return f"trivet:proposal:{run_id}"


def report(run_id: str) -> str:
    return f"trivet:report:{run_id}"


def target(target_key: str) -> str:
    return f"trivet:target:{target_key}"


def lease(target_key: str) -> str:
    return f"trivet:lease:{target_key}"


def parked(target_key: str) -> str:
    return f"trivet:parked:{target_key}"


def today(now: float) -> str:
    """The day (UTC) of a Unix time, as 2026-01-31."""
    return time.strftime("%Y-%m-%d", time.gmtime(now))


def day_scope(now: float) -> str:
    """The scope of all that is paid in the day (UTC) of a Unix time."""
    return f"day:{today(now)}"


def spent(scope: str) -> str:
    """Tokens paid within a scope: "run:ID", "day:2026-01-31"."""
    return f"trivet:spent:{scope}"


def reserved(scope: str) -> str:
    """Tokens set aside within a scope, each reservation "tokens:id" with the time it runs out (ms) as its score."""
    return f"trivet:reserved:{scope}"


def circuit(model: str) -> str:
    return f"trivet:circuit:{model}"


def pace(window: int) -> str:
    return f"trivet:pace:gitlab:{window}"


def units(target_key: str) -> str:
    """What the last review of a target left for the next one."""
    return f"trivet:units:{target_key}"


def reviewed(target_key: str, head: str) -> str:
    """Which run reviewed a target at a head, and against which branch: "0a1b:main"."""
    return f"trivet:reviewed:{target_key}:{head}"


def told(target_key: str) -> str:
    """At which head and in which state a merge request was last told to its issues, or held against its pages."""
    return f"trivet:told:{target_key}"


def looked_at(page: str) -> str:
    """The merge requests whose runs looked at a section of the page, each with the time (Unix) as its score."""
    return f"trivet:looked-at:{page}"


def tags(project: str) -> str:
    """The tags of a project that were seen."""
    return f"trivet:tags:{project}"


def linked(target_key: str) -> str:
    """The issues that a merge request was told to, by key, each with the time (Unix) as its score."""
    return f"trivet:linked:{target_key}"


def readers(run_id: str) -> str:
    """The digests of the tokens that read a run."""
    return f"trivet:readers:{run_id}"


def used_token(issuer: str, name: str) -> str:
    """What an ID token was used for, by a digest of issuer and id."""
    return f"trivet:id-token:{hashlib.sha256(f'{issuer} {name}'.encode()).hexdigest()}"


def starts(project_id: int, window: int) -> str:
    """How many runs the pipelines of a project asked for in a minute."""
    return f"trivet:starts:{project_id}:{window}"
