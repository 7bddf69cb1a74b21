"""What both APIs show alike: moments, people, addresses of pages."""

from datetime import datetime
from urllib.parse import quote_plus

from bot.sandbox.confluence.model import Comment, Json, Page, Person, Site

ANONYMOUS_PICTURE = "/images/icons/profilepics/default.svg"


def moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def webui(page: Page) -> str:
    """Follows the `base` of an answer's links; the page is found by its number whatever the title says."""
    path = f"/spaces/{page.space.key}/pages/{page.id}"
    return path if page.status == "draft" else f"{path}/{quote_plus(page.title)}"


def address(site: Site, page: Page) -> str:
    return site.base + webui(page)


def comment_webui(one: Comment) -> str:
    return f"{webui(one.page)}?focusedCommentId={one.id}#comment-{one.id}"


def person(site: Site, one: Person) -> Json:
    """Of v1."""
    picture = {"path": ANONYMOUS_PICTURE, "width": 48, "height": 48, "isDefault": True}
    if site.cloud:
        return {
            "type": "known",
            "accountId": one.account_id,
            "accountType": "app" if one.bot else "atlassian",
            "email": one.email,
            "publicName": one.display_name,
            "displayName": one.display_name,
            "profilePicture": picture,
            "isExternalCollaborator": False,
            "_expandable": {"operations": "", "personalSpace": ""},
            "_links": {"self": f"{site.base}/rest/api/user?accountId={one.account_id}"},
        }
    return {
        "type": "known",
        "username": one.name,
        "userKey": one.key,
        "profilePicture": picture,
        "displayName": one.display_name,
        "_links": {"self": f"{site.base}/rest/api/user?key={one.key}"},
        "_expandable": {"status": ""},
    }
