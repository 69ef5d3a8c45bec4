"""What the service's error codes mean for us. Pure.

A code may stand in ``error.code`` or in ``error.type``: servers differ.
"""

from appliance.errors import BackendError, BackendRefused, BackendUnavailable

_ADVICE = {
    "insufficient_quota": "add credit to the account, or set another key",
    "credit_balance_exhausted": "add credit to the account, or set another key",
    "billing_hard_limit_reached": "raise the spending limit of the account",
    "account_deactivated": "ask the vendor why the account is closed, or set another key",
    "invalid_api_key": "give a key that is valid (docs/configuration.md, Secrets)",
    "model_not_found": "set realtime.model to a model that this account may use",
    "beta_api_shape_disabled": 'set realtime.dialect to "ga"',
}

_GONE = frozenset({"session_expired", "session_limit_reached"})


def failure(*codes: str) -> BackendError | None:
    """Return what ends the session if a server says one of these, or ``None`` if it goes on."""
    for code in codes:
        if (advice := _ADVICE.get(code)) is not None:
            return BackendRefused(code, advice)
    gone = next((code for code in codes if code in _GONE), None)
    return None if gone is None else BackendUnavailable(f"the server says {gone}")


def reply_problem(status: str, reason: str) -> str | None:
    """Return how a reply failed; empty: the user talked over it; ``None``: it did not fail."""
    if status == "cancelled":
        return "" if reason == "turn_detected" else "was cancelled by the server"
    if status == "failed":
        return "failed"
    return "was filtered" if status == "incomplete" and reason == "content_filter" else None
