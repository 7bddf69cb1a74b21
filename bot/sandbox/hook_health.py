"""Hooks that fail are passed over for a while, in the end for good, until a test of theirs succeeds.

As app/models/concerns/web_hooks/auto_disabling.rb of GitLab has it: three failures in a row are free, from the fourth
on a hook rests, for a minute and then twice as long each time, at most a day; from the fortieth on for good.
"""

from datetime import UTC, datetime, timedelta

from bot.sandbox.model import Hook, State

FREE_FAILURES = 3
LAST_FAILURE = 39
FIRST_REST = timedelta(minutes=1)
LONGEST_REST = timedelta(days=1)


def is_executable(state: State, hook: Hook) -> bool:
    return alert_status(state, hook) == "executable"


def alert_status(state: State, hook: Hook) -> str:
    """`executable`, `temporarily_disabled` or `disabled`."""
    if not state.switches.auto_disable:
        return "executable"
    if hook.failures > LAST_FAILURE:
        return "disabled"
    rests = hook.disabled_until is not None and hook.disabled_until >= datetime.now(UTC)
    return "temporarily_disabled" if rests and hook.failures > FREE_FAILURES else "executable"


def account(state: State, hook: Hook, status: int | str) -> None:
    """What one delivery's end means for the hook; an answer that redirects is no failure."""
    if not state.switches.auto_disable:
        return
    if isinstance(status, int) and 200 <= status < 400:
        hook.failures, hook.disabled_until = 0, None
    elif is_executable(state, hook):
        _fail(hook)


def _fail(hook: Hook) -> None:
    rest = FIRST_REST * 2.0 ** max(hook.failures - FREE_FAILURES, 0)
    hook.failures = min(hook.failures + 1, LAST_FAILURE + 1)
    if hook.failures > FREE_FAILURES:
        hook.disabled_until = datetime.now(UTC) + min(rest, LONGEST_REST)
