"""The checks that need no model, by name. Each is independent of the others, bounded, and raises only CheckSkipped."""

from bot.agents.review.checks import conflicts, invisible, python, secrets, size
from bot.agents.review.checks.contract import Check, CheckSkipped

CHECKS: dict[str, Check] = {
    "secrets": secrets.check,
    "invisible": invisible.check,
    "conflicts": conflicts.check,
    "python": python.check,
    "size": size.check,
}

__all__ = ["CHECKS", "Check", "CheckSkipped"]
