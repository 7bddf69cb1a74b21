"""The address of Jira or Confluence: the gateway's or the site's own, and whether it answers as what it should be."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from bot.entry.doctor.atlassian_accounts import Product
from bot.entry.doctor.check import Check, note, wrong
from bot.errors import PlatformError, Unavailable
from bot.gateways.atlassian import NotJson, is_gateway
from bot.settings.platforms import AtlassianSettings

OTHER_GATEWAY = "{url} is not the gateway's address of a {product} site"
GATEWAY_FORM = "it is like https://api.atlassian.com/ex/{name}/CLOUDID"
NO_BROWSE_URL = "{prefix}BROWSE_URL is unset, and the gateway is no place for people"
SET_BROWSE_URL = "set it to the site, like https://SITE.atlassian.net: links are left out until then"
NOT_IT = "something else than {product} answers at {url}: {error}"
CORRECT_URL = (
    "correct {prefix}URL: the address ends with the context path, if there is one; redirects are not followed"
)
REACH = "let this machine reach {url}: name, proxy, firewall, certificate"


def gateway(product: Product, given: AtlassianSettings, prefix: str) -> Iterator[Check]:
    """Whether the gateway's address is one, and people's is known beside it."""
    url = given.url or ""
    if not is_gateway(url):
        return
    name = product.lower()
    if not re.fullmatch(rf"/ex/{name}/[\w-]+/?(wiki/?)?", urlsplit(url).path):
        said = OTHER_GATEWAY.format(url=url, product=product)
        yield wrong(product, "address", said, GATEWAY_FORM.format(name=name), is_setting=True)
    if not given.browse_url:
        yield note(product, "people's address", NO_BROWSE_URL.format(prefix=prefix), SET_BROWSE_URL)


def unreached(product: Product, url: str, prefix: str, error: PlatformError) -> Check:
    """Nothing answers, or something does that is not the product."""
    if isinstance(error, Unavailable) and not isinstance(error, NotJson):
        return wrong(product, "address", str(error), REACH.format(url=url))
    said = NOT_IT.format(product=product, url=url, error=error)
    return wrong(product, "address", said, CORRECT_URL.format(prefix=prefix), is_setting=True)
