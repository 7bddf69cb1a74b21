"""The socket deliveries come in by."""

import socket
from pathlib import Path

import pytest

from bot.entry.listen import address, inherited, listen, opened
from bot.errors import UsageError


def test_port_zero_takes_a_free_one_and_says_which() -> None:
    with listen("127.0.0.1", 0) as door:
        assert address(door) == f"http://127.0.0.1:{door.getsockname()[1]}"
        assert door.getsockname()[1] > 0


def test_an_address_of_version_6_is_shown_as_browsers_take_it() -> None:
    with listen("::1", 0) as door:
        assert address(door).startswith("http://[::1]:")


def test_a_port_in_use_is_one_sentence() -> None:
    with listen("127.0.0.1", 0) as door:
        port = door.getsockname()[1]
        with pytest.raises(UsageError) as caught:
            listen("127.0.0.1", port)
        assert (
            str(caught.value) == f"port {port} on 127.0.0.1 is in use: free it, or choose another with --port"
        )


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "a\0b", "x" * 300])
def test_a_host_that_is_none_of_ours_is_one_sentence(host: str) -> None:
    with pytest.raises(UsageError, match="choose one with --host"):
        listen(host, 0)


def test_a_connection_waits_for_who_inherits_the_socket() -> None:
    with listen("127.0.0.1", 0) as door, socket.create_connection(door.getsockname()) as caller:
        heir = opened("127.0.0.1", 0, door.dup().detach())
        answered, _ = heir.accept()
        answered.sendall(b"hello")
        assert caller.recv(5) == b"hello"
        answered.close()
        heir.close()


def test_a_descriptor_that_is_no_listening_socket_is_one_sentence(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file, socket.socket() as deaf:
        for descriptor in (file.fileno(), deaf.fileno(), 2**20):
            with pytest.raises(UsageError, match=f"descriptor {descriptor} is no listening socket"):
                inherited(descriptor)
        assert deaf.fileno() >= 0, "what is not ours stays open"
        file.write(b"still open")
