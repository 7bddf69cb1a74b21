"""The commands that are processes, or look after those."""

import sys

import click

from bot.entry.cli.given import given_settings
from bot.entry.cli.told import show

QUEUED = "{count} runs queued"

host_option = click.option("--host", help="Address to listen on (TRIVET_HOST, 127.0.0.1).")
port_option = click.option("--port", type=int, help="Port to listen on (TRIVET_PORT, 8080).")
fd_option = click.option("--fd", type=int, hidden=True, help="A listening socket that the caller opened.")


@click.command(epilog="Example: trivet demo --once")
@click.option("--once", is_flag=True, help="Print the review and exit.")
@click.option(
    "--port", default=0, show_default="a free one", type=click.IntRange(0, 65535), help="Port of the page."
)
def demo(once: bool, port: int) -> None:
    """See a review appear on a sandbox GitLab, no credentials needed."""
    from bot.entry.demo import run_demo

    run_demo(once=once, port=port)


@click.command(epilog="Example: trivet up")
@host_option
@port_option
@fd_option
def up(host: str | None, port: int | None, fd: int | None) -> None:
    """Run all processes on this machine, with a Redis of its own.

    The Redis is kept in the data folder; TRIVET_REDIS_URL names another.
    """
    _heed_stop()
    from bot.entry.up import run_up

    run_up(given_settings(host=host, port=port), fd)


@click.command(epilog="Example: trivet serve --port 8080")
@host_option
@port_option
@fd_option
@click.option("--web", type=int, hidden=True, help="The loopback port of `trivet web`, as `up` has it.")
def serve(host: str | None, port: int | None, fd: int | None, web: int | None) -> None:
    """The receiver: takes webhooks, records them, answers."""
    _heed_stop()
    from bot.entry.serve import run_receiver

    run_receiver(given_settings(host=host, port=port), fd, web)


@click.command(epilog="Example: trivet web --port 8081")
@host_option
@click.option("--port", type=int, help="Port to listen on (TRIVET_WEB_PORT, 8081).")
@fd_option
def web(host: str | None, port: int | None, fd: int | None) -> None:
    """The runs API: pipelines ask for reviews and wait for them.

    A pipeline proves who it is with an ID token whose audience is TRIVET_PUBLIC_URL.
    """
    _heed_stop()
    from bot.entry.web import run_web

    run_web(given_settings(host=host, web_port=port), fd)


@click.command(epilog="Example: trivet work agents --processes 2")
@click.argument("queue", type=click.Choice(["agents", "effects"]))
@click.option(
    "--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="How many workers."
)
def work(queue: str, processes: int) -> None:
    """A worker: `agents` reads and proposes, `effects` writes."""
    _heed_stop()
    from bot.entry.roles import run_worker

    run_worker(given_settings(), queue, processes)


@click.command(epilog="Example: trivet schedule")
def schedule() -> None:
    """Retries that are due, and the sweep for what was missed."""
    _heed_stop()
    from bot.entry.roles import run_schedule

    run_schedule(given_settings())


@click.command(epilog="Example: trivet sweep")
def sweep() -> None:
    """One sweep now: queue the reviews that were missed.

    Beside `trivet up`, by its own Redis; elsewhere TRIVET_REDIS_URL names one.
    """
    settings = given_settings()
    from bot.entry.embedded import running_url
    from bot.entry.roles import run_sweep

    found = settings.redis_url or running_url(settings.data_dir)
    show(QUEUED.format(count=run_sweep(settings.model_copy(update={"redis_url": found}))))


@click.command(epilog="Example: trivet health")
def health() -> None:
    """Say whether this container's processes work: for health checks."""
    from bot.entry.pulse import health as heard

    sys.exit(heard())


@click.command("propose", hidden=True)
def propose() -> None:
    """The reading half of a run, in a process without the write token: request in, proposal out."""
    from bot.entry.reading import propose_from_stdin

    propose_from_stdin(given_settings())


def _heed_stop() -> None:
    """From here on SIGTERM is heard, though what is heavy is still to be imported."""
    from bot.entry.lifeline import heed_stop

    heed_stop()
