"""What a service's error codes mean for us. Pure.

A code may stand in ``error.code`` or in ``error.type``: servers differ.
"""

from appliance.errors import BackendError, BackendRefused, BackendUnavailable, SessionOver

_ADVICE = {
    "insufficient_quota": "add credit to the account, or set another key",
    "credit_balance_exhausted": "add credit to the account, or set another key",
    "billing_hard_limit_reached": "raise the spending limit of the account",
    "account_deactivated": "ask the vendor why the account is closed, or set another key",
    "invalid_api_key": "give a key that is valid (docs/configuration.md, Secrets)",
    "model_not_found": "set {section}.model to a model that this account may use",
    "beta_api_shape_disabled": 'set {section}.dialect to "ga"',
}

_GONE = frozenset({"session_limit_reached"})


def failure(*codes: str, section: str = "realtime") -> BackendError | None:
    """Return what ends the session if a server says one of these, or ``None`` if it goes on.

    ``section``: the table of the settings that the advice is about.
    """
    for code in codes:
        if (advice := _ADVICE.get(code)) is not None:
            return BackendRefused(code, advice.format(section=section))
    if "session_expired" in codes:
        return SessionOver("the server says session_expired")
    gone = next((code for code in codes if code in _GONE), None)
    return None if gone is None else BackendUnavailable(f"the server says {gone}")
