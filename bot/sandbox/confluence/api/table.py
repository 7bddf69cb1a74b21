"""Confluence's APIs at a glance: method, path, who answers, and on which deployment.

On Cloud these paths follow `/wiki`; what v1 has lost there is answered with 410.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.sandbox.confluence.api import (
    comments,
    content,
    content_properties,
    hooks,
    pages,
    people,
    properties,
    restrictions,
    search,
)
from bot.sandbox.confluence.api.call import Call
from bot.sandbox.confluence.model import Flavour
from bot.sandbox.paths import named_parts

Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """`only` None: both deployments have it. `:name` stands for one encoded segment. `handler` None: gone."""

    method: str
    path: str
    handler: Handler | None
    only: Flavour | None = None

    def parts(self, path: str) -> dict[str, str] | None:
        """The named segments, decoded; None where the path is another one."""
        return named_parts(self.path, path)


CLOUD: Flavour = "cloud"
CENTER: Flavour = "datacenter"
V2 = "/api/v2"
PAGE = f"{V2}/pages/:id"
FOOTER = f"{V2}/footer-comments"
INLINE = f"{V2}/inline-comments"
COMMENT_PROPERTIES = f"{V2}/comments/:id/properties"
V1 = "/rest/api"
CONTENT = f"{V1}/content/:id"
HOOKS = f"{V1}/webhooks"
MANIFEST = "/rest/applinks/1.0/manifest"
PAT = "/rest/pat/latest/tokens"

ROUTES = (
    # Cloud, v2
    Route("GET", f"{V2}/spaces", pages.spaces, CLOUD),
    Route("GET", f"{V2}/spaces/:id", pages.space, CLOUD),
    Route("GET", f"{V2}/spaces/:id/operations", pages.space_operations, CLOUD),
    Route("GET", f"{V2}/pages", pages.list_all, CLOUD),
    Route("POST", f"{V2}/pages", pages.create, CLOUD),
    Route("GET", PAGE, pages.one, CLOUD),
    Route("PUT", PAGE, pages.update, CLOUD),
    Route("DELETE", PAGE, pages.delete, CLOUD),
    Route("GET", f"{PAGE}/versions", pages.versions, CLOUD),
    Route("GET", f"{PAGE}/versions/:number", pages.version, CLOUD),
    Route("GET", f"{PAGE}/ancestors", pages.ancestors, CLOUD),
    Route("GET", f"{PAGE}/children", pages.children, CLOUD),
    Route("GET", f"{PAGE}/labels", pages.labels, CLOUD),
    Route("GET", f"{PAGE}/footer-comments", comments.of_page_footer, CLOUD),
    Route("GET", f"{PAGE}/inline-comments", comments.of_page_inline, CLOUD),
    Route("GET", f"{PAGE}/properties", properties.of_page, CLOUD),
    Route("POST", f"{PAGE}/properties", properties.create_on_page, CLOUD),
    Route("GET", f"{PAGE}/properties/:property", properties.page_property, CLOUD),
    Route("PUT", f"{PAGE}/properties/:property", properties.update_on_page, CLOUD),
    Route("DELETE", f"{PAGE}/properties/:property", properties.delete_on_page, CLOUD),
    Route("POST", FOOTER, comments.create_footer, CLOUD),
    Route("GET", f"{FOOTER}/:id", comments.footer, CLOUD),
    Route("PUT", f"{FOOTER}/:id", comments.update_footer, CLOUD),
    Route("DELETE", f"{FOOTER}/:id", comments.delete_footer, CLOUD),
    Route("GET", f"{FOOTER}/:id/children", comments.footer_replies, CLOUD),
    Route("POST", INLINE, comments.create_inline, CLOUD),
    Route("GET", f"{INLINE}/:id", comments.inline, CLOUD),
    Route("PUT", f"{INLINE}/:id", comments.update_inline, CLOUD),
    Route("DELETE", f"{INLINE}/:id", comments.delete_inline, CLOUD),
    Route("GET", f"{INLINE}/:id/children", comments.inline_replies, CLOUD),
    Route("GET", COMMENT_PROPERTIES, properties.of_comment, CLOUD),
    Route("POST", COMMENT_PROPERTIES, properties.create_on_comment, CLOUD),
    Route("GET", f"{COMMENT_PROPERTIES}/:property", properties.comment_property, CLOUD),
    Route("PUT", f"{COMMENT_PROPERTIES}/:property", properties.update_on_comment, CLOUD),
    Route("DELETE", f"{COMMENT_PROPERTIES}/:property", properties.delete_on_comment, CLOUD),
    # v1 on both
    Route("GET", f"{V1}/search", search.everything),
    Route("GET", f"{V1}/content/search", search.content),
    Route("GET", f"{V1}/user/current", people.current),
    Route("GET", f"{V1}/user", people.user),
    Route("GET", f"{V1}/settings/systemInfo", people.system_info),
    Route("POST", f"{CONTENT}/label", content.add_labels),
    Route("DELETE", f"{CONTENT}/label/:label", content.remove_label),
    Route("GET", f"{CONTENT}/restriction", restrictions.list_all),
    Route("GET", f"{CONTENT}/restriction/byOperation", restrictions.by_operation),
    Route("GET", f"{CONTENT}/restriction/byOperation/:operation", restrictions.of_operation),
    # v1 on Data Center
    Route("GET", f"{V1}/space", people.spaces, CENTER),
    Route("GET", f"{V1}/space/:key", people.space, CENTER),
    Route("GET", f"{V1}/content", content.list_all, CENTER),
    Route("POST", f"{V1}/content", content.create, CENTER),
    Route("GET", CONTENT, content.one, CENTER),
    Route("PUT", CONTENT, content.update, CENTER),
    Route("DELETE", CONTENT, content.delete, CENTER),
    Route("GET", f"{CONTENT}/history", content.history, CENTER),
    Route("GET", f"{CONTENT}/child/page", content.children, CENTER),
    Route("GET", f"{CONTENT}/child/comment", content.comments_of, CENTER),
    Route("GET", f"{CONTENT}/label", content.labels_of, CENTER),
    Route("GET", f"{CONTENT}/property", content_properties.list_all, CENTER),
    Route("POST", f"{CONTENT}/property", content_properties.create, CENTER),
    Route("GET", f"{CONTENT}/property/:key", content_properties.one, CENTER),
    Route("POST", f"{CONTENT}/property/:key", content_properties.create, CENTER),
    Route("PUT", f"{CONTENT}/property/:key", content_properties.update, CENTER),
    Route("DELETE", f"{CONTENT}/property/:key", content_properties.delete, CENTER),
    Route("GET", HOOKS, hooks.list_all, CENTER),
    Route("POST", HOOKS, hooks.create, CENTER),
    Route("POST", f"{HOOKS}/test", hooks.test, CENTER),
    Route("GET", f"{HOOKS}/:hook", hooks.one, CENTER),
    Route("PUT", f"{HOOKS}/:hook", hooks.update, CENTER),
    Route("DELETE", f"{HOOKS}/:hook", hooks.delete, CENTER),
    Route("GET", f"{HOOKS}/:hook/statistics", hooks.statistics, CENTER),
    Route("GET", f"{HOOKS}/:hook/latest", hooks.latest, CENTER),
    # beside the API, on Data Center
    Route("GET", MANIFEST, people.manifest, CENTER),
    Route("GET", PAT, people.own_tokens, CENTER),
    # v1 that Cloud has taken away
    Route("*", f"{V1}/content(?!/search)", None, CLOUD),
    Route("*", CONTENT, None, CLOUD),
    Route("*", f"{CONTENT}/(history|property|child|descendant|version)(/.*)?", None, CLOUD),
    Route("*", f"{V1}/space(/.*)?", None, CLOUD),
)
