"""A platform's answers, reduced to the fields we use and checked once; nothing later sees the raw form."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from bot.errors import PlatformError

ODD_FORM = "{platform} answered {what} in a form we do not know: {where}: {reason}"


Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Number = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


class Shape(BaseModel):
    """Fields that a platform has and we do not use are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


S = TypeVar("S", bound=Shape)


def shaped(shape: type[S], data: Any, what: str, platform: str) -> S:
    """The answer in its form. Raises PlatformError, which names the first field that does not fit."""
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        text = ODD_FORM.format(platform=platform, what=what, where=where, reason=first["msg"])
        raise PlatformError(text) from None
