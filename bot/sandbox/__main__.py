"""`python -m bot.sandbox`: the sandbox as a process of its own."""

import argparse
import signal
import socket
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from bot.sandbox.server import Running


def main(arguments: list[str] | None = None) -> int:
    """Serves until it is interrupted or terminated; says where on one line once it is ready."""
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        folder = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-")))
        running = Running(
            folder,
            port=options.port,
            listener=None if options.fd is None else socket.socket(fileno=options.fd),
            version=options.version,
            seeded=options.seed,
            webhook=options.webhook,
            secret=options.webhook_secret,
            jira=options.jira,
            jira_webhook=options.jira_webhook,
            jira_secret=options.jira_webhook_secret,
            confluence=options.confluence,
            confluence_webhook=options.confluence_webhook,
            confluence_secret=options.confluence_webhook_secret,
        )
        stack.enter_context(running)
        print(f"sandbox: {running.state.url}", flush=True)  # noqa: T201 - this line is the command's answer
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot.sandbox", description="A stand-in GitLab on 127.0.0.1."
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--fd", type=int, help="a listening socket that the caller opened, in a port's place")
    parser.add_argument("--data", type=Path, help="folder for the repositories; a temporary one by default")
    parser.add_argument(
        "--seed", action="store_true", help="begin with the demo project and its merge request"
    )
    parser.add_argument("--webhook", metavar="URL", help="send every event of the seeded projects there")
    parser.add_argument(
        "--webhook-secret", metavar="S", help="whsec_... signs, anything else goes into X-Gitlab-Token"
    )
    parser.add_argument(
        "--jira", choices=("cloud", "datacenter"), help="have a Jira, too, of this deployment"
    )
    parser.add_argument("--jira-webhook", metavar="URL", help="send every event of Jira there")
    parser.add_argument("--jira-webhook-secret", metavar="S", help="signs Jira's webhooks")
    parser.add_argument(
        "--confluence", choices=("cloud", "datacenter"), help="have a Confluence, too, of this deployment"
    )
    parser.add_argument("--confluence-webhook", metavar="URL", help="send every event of Confluence there")
    parser.add_argument("--confluence-webhook-secret", metavar="S", help="signs Confluence's webhooks")
    parser.add_argument("--version", default="19.2.0", help="the GitLab version to be")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
