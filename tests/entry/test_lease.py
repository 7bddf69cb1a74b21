"""Who may still write, after standing still."""

import time

import pytest

from bot.entry import lease as leases
from bot.entry.lease import FRESH_SECONDS, Lease, Leases, Replaced
from tests.redis_server import RedisServer


def stood_still(lease: Lease) -> None:
    """As after the machine was suspended: the lease was not renewed for long."""
    lease.renewed -= FRESH_SECONDS + 1


def test_who_wakes_and_was_replaced_may_not_write(redis_server: RedisServer) -> None:
    """By another execution of the same run, which needs not wait for the lease to run out."""
    given = Leases(redis_server.client())
    with given.hold("gitlab:1:7", "run") as first:
        first.still()
        with given.hold("gitlab:1:7", "run") as second:
            stood_still(first)
            with pytest.raises(Replaced):
                first.still()
            second.still()


def test_who_wakes_and_was_not_replaced_goes_on(redis_server: RedisServer) -> None:
    with Leases(redis_server.client()).hold("gitlab:1:7", "run") as lease:
        stood_still(lease)
        lease.still()


def test_while_redis_is_away_nobody_else_can_have_taken_over(redis_server: RedisServer) -> None:
    with Leases(redis_server.client()).hold("gitlab:1:7", "run") as lease:
        redis_server.kill()
        stood_still(lease)
        lease.still()
        redis_server.start()


def test_a_lease_that_is_renewed_stays_fresh(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.01)
    with Leases(redis_server.client()).hold("gitlab:1:7", "run") as lease:
        lease.renewed = 0.0
        deadline = time.monotonic() + 10
        while not lease.renewed and time.monotonic() < deadline:
            time.sleep(0.01)
        assert lease.renewed
