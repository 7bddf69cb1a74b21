"""v1: whom a page is restricted to; Cloud has it, too. Only what the page says itself, not what it inherits."""

from bot.sandbox.confluence import content_shapes
from bot.sandbox.confluence.api.call import Call
from bot.sandbox.confluence.content_shapes import OPERATIONS, Expand
from bot.sandbox.confluence.model import Json, Operation, Page
from bot.sandbox.confluence.refusals import invalid, no_content

USUALLY = Expand(("restrictions.user", "restrictions.group"))


def list_all(call: Call) -> Json:
    page = _page(call)
    shown = call.v1_page(OPERATIONS, lambda each: _shown(call, page, each), 100)
    return shown | {"restrictionsHash": str(len(page.allowed["read"]) + len(page.allowed["update"]))}


def by_operation(call: Call) -> Json:
    page = _page(call)
    return {each: _shown(call, page, each) for each in OPERATIONS} | {"_links": {"base": call.site.base}}


def of_operation(call: Call) -> Json:
    name = call.parts["operation"]
    for operation in OPERATIONS:
        if operation == name:
            return _shown(call, _page(call), operation)
    raise invalid(f"Operation {name} is not one of {', '.join(OPERATIONS)}")


def _shown(call: Call, page: Page, operation: Operation) -> Json:
    """Both lists unless `expand` names what is wanted."""
    wanted = call.expand
    expand = wanted if wanted.names else USUALLY
    return content_shapes.restriction(call.site, page, operation, Expand((*expand.names, "restrictions")))


def _page(call: Call) -> Page:
    found = call.site.page(call.parts["id"])
    if found is None or not found.seen_by(call.me):
        raise no_content(call.parts["id"])
    return found
