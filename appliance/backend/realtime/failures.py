"""How a reply fails. Pure."""


def reply_problem(status: str, reason: str) -> str | None:
    """Return how a reply failed; empty: the user talked over it; ``None``: it did not fail."""
    if status == "cancelled":
        return "" if reason == "turn_detected" else "was cancelled by the server"
    if status == "failed":
        return "failed"
    return "was filtered" if status == "incomplete" and reason == "content_filter" else None
