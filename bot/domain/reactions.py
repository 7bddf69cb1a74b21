"""The reactions by which people see that they were heard, and how it ended: GitLab's emoji names."""

from typing import Final, Literal

Ending = Literal["white_check_mark", "confused", "no_entry", "warning"]

OUTCOME: Final = "outcome"
"""The key of the reaction that takes the place of the acknowledgement."""
HEARD: Final = "eyes"
DONE: Final[Ending] = "white_check_mark"
NOT_UNDERSTOOD: Final[Ending] = "confused"
NOT_ALLOWED: Final[Ending] = "no_entry"
FAULTY: Final[Ending] = "warning"
CLEAN: Final = "thumbsup"
"""A review has nothing to say."""
EVERY: Final = frozenset({HEARD, DONE, NOT_UNDERSTOOD, NOT_ALLOWED, FAULTY, CLEAN})
