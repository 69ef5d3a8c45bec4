"""What a call must pass before it is carried out. Pure.

The gate stands outside of every model: whatever a model asks for, and however it asks, what needs
more than a word is not done until a person says so to the box itself. ``risk`` judges what a call
would do, ``machine`` says what that takes now, ``pin`` knows a PIN without knowing it, ``remote``
gives leave for tools that run elsewhere. What is not known is taken for the worst.
``appliance.tools.guard`` brings all this its time and its people.
"""

from appliance.tools.gate.remote import is_remote, refusal, remote_risk, unasked

__all__ = ["is_remote", "refusal", "remote_risk", "unasked"]
