"""What every process of ours does first: its lines go out redacted, and its defects are reported."""

from bot.domain.secrets import Redactor
from bot.entry.error_tracking import track_errors
from bot.entry.known_secrets import KnownSecrets, RedactorOf
from bot.entry.logs import start_logging
from bot.settings import Settings


def begin(settings: Settings, role: str, redactor_of: RedactorOf = Redactor) -> None:
    """`role` names the process in lines and reports: "serve", "agents". Raises UsageError for a wrong DSN."""
    redact = KnownSecrets(settings, redactor_of).redact
    start_logging(settings.log_format, redact, role=role)
    track_errors(settings, role, redact)
