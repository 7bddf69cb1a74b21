"""GitLab's ways of saying no: the status and the body it answers with."""

from typing import Any


class Refusal(Exception):
    """Ends a request with this answer."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


class Invalid(Exception):
    """A note, or a draft of one, that fails validation: field -> what is wrong with it, as Rails lists them."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(str(errors))
        self.errors = errors

    def as_note(self) -> Refusal:
        """How notes and discussions say it: Ruby's own print of the errors, inside one sentence."""
        printed = ", ".join(f":{field}=>{_ruby(texts)}" for field, texts in self.errors.items())
        return Refusal(400, {"message": f"400 Bad request - Note {{{printed}}}"})

    def as_draft(self) -> Refusal:
        """How draft notes say it: the errors as JSON."""
        return Refusal(400, {"message": self.errors})


def unauthorized() -> Refusal:
    return Refusal(401, {"message": "401 Unauthorized"})


def expired() -> Refusal:
    words = "Token is expired. You can either do re-authorization or token refresh."
    return Refusal(401, {"error": "invalid_token", "error_description": words})


def blocked() -> Refusal:
    return Refusal(403, {"message": "403 Forbidden - Your account has been blocked."})


def too_many() -> Refusal:
    words = "This endpoint has been requested too many times. Try again later."
    return Refusal(429, {"message": {"error": words}})


def forbidden() -> Refusal:
    return Refusal(403, {"message": "403 Forbidden"})


def insufficient_scope(needed: str) -> Refusal:
    words = "The request requires higher privileges than provided by the access token."
    return Refusal(403, {"error": "insufficient_scope", "error_description": words, "scope": needed})


def not_found(what: str = "") -> Refusal:
    return Refusal(404, {"message": f"404 {what} Not Found" if what else "404 Not found"})


def bad_request(text: str) -> Refusal:
    return Refusal(400, {"message": f"400 Bad request - {text}"})


def bad_parameter(text: str) -> Refusal:
    """What the parameter layer says, before GitLab looks at the object."""
    return Refusal(400, {"error": text})


def _ruby(texts: list[str]) -> str:
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "[" + ", ".join(f'"{text}"' for text in quoted) + "]"
