"""Repositories, read through the `git` executable: fetched ones in a cache, and the local checkout.

Nothing of a repository is ever executed: no hook, filter, driver, submodule or helper it may name.
"""

from bot.gateways.git.cache import GitCache, GitRepository
from bot.gateways.git.checkout import LocalCheckout
from bot.gateways.git.objects import GitObjects, GitSnapshot

__all__ = ["GitCache", "GitObjects", "GitRepository", "GitSnapshot", "LocalCheckout"]
