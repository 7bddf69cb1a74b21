"""What routing decides to run, for tests of what becomes of it."""

from bot.routing import JobRequest


def push_request(head: str) -> JobRequest:
    """The review of a push to acme/shop!7."""
    return JobRequest(
        agent="review",
        project="acme/shop",
        project_id=1,
        iid=7,
        trigger="pushed",
        key=f"review:1:7:{head}",
        head=head,
    )
