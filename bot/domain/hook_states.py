"""In which state a webhook is, as all of us call it."""

from typing import Final, Literal, get_args

HookState = Literal["fine", "failing", "disabled", "missing"]

HOOK_STATES: Final[tuple[HookState, ...]] = get_args(HookState)
