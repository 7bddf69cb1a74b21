"""The embedded Redis: a real server in folders of all kinds, started again on what it left."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from redis import Redis

from bot.entry.embedded import SOCKET_LIMIT, is_ready, redis_url, server_command, socket_path, tidy
from bot.errors import UsageError
from tests.redis_server import RedisServer


def kept(folder: Path) -> bytes | None:
    with RedisServer(folder) as server:
        answer: bytes | None = server.client().get("kept")
        return answer


def filled(folder: Path) -> None:
    with RedisServer(folder) as server:
        server.client().set("kept", "yes")
        server.client().waitaof(1, 0, 5000)


def test_it_keeps_its_data_through_kill_9_and_starts_over_its_stale_socket(tmp_path: Path) -> None:
    filled(tmp_path)
    assert socket_path(tmp_path).is_socket()
    assert kept(tmp_path) == b"yes"


def test_a_torn_end_of_the_append_only_file_costs_only_that_end(tmp_path: Path) -> None:
    filled(tmp_path)
    (log,) = (tmp_path / "redis").rglob("*.incr.aof")
    with log.open("ab") as stream:
        stream.write(b"*3\r\n$3\r\nSET\r\n$4\r\nto")
    assert kept(tmp_path) == b"yes"


@pytest.mark.parametrize("name", ["with a blank", "ünï", "quo'te", "dollar$x"])
def test_a_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    filled(tmp_path / name)
    assert kept(tmp_path / name) == b"yes"


def test_a_data_folder_may_lie_deep(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 10) / ("deeper" * 12)
    filled(deep)
    path = socket_path(deep)
    assert len(os.fsencode(path)) <= SOCKET_LIMIT
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert kept(deep) == b"yes"
    tidy(deep)
    assert not path.parent.exists()


def test_two_deep_folders_do_not_share_a_socket(tmp_path: Path) -> None:
    assert socket_path(tmp_path / ("a" * 120)) != socket_path(tmp_path / ("b" * 120))


def test_a_short_folder_that_is_a_link_of_somebody_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    deep = tmp_path / ("x" * 120)
    (tmp_path / "elsewhere").mkdir()
    socket_path(deep).parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="belongs to somebody else"):
        server_command(deep)


def test_no_other_user_can_reach_it(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        assert socket_path(tmp_path).stat().st_mode & 0o077 == 0
        assert server.client().config_get("port") == {"port": "0"}


def test_it_keeps_what_it_acknowledged_and_evicts_nothing(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        info = server.client().info()
        assert info["aof_enabled"] == 1
        assert info["maxmemory_policy"] == "noeviction"


def test_ready_means_that_it_answers(tmp_path: Path) -> None:
    assert not is_ready(redis_url(tmp_path))
    with RedisServer(tmp_path) as server:
        assert is_ready(server.url)


def test_its_data_folder_must_be_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        server_command(tmp_path / "file")


def test_it_says_why_it_does_not_start_on_a_file_that_is_broken_in_the_middle(tmp_path: Path) -> None:
    filled(tmp_path)
    (log,) = (tmp_path / "redis").rglob("*.incr.aof")
    log.write_bytes(b"garbage\r\n" + log.read_bytes())
    done = subprocess.run(server_command(tmp_path), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "Bad file format" in done.stdout


def test_clients_find_it_by_the_data_folder_alone(tmp_path: Path) -> None:
    with RedisServer(tmp_path):
        client = Redis.from_url(redis_url(tmp_path))
        assert client.ping()
        client.close()
