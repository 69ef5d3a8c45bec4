"""A confirmation is asked for, and heard, by the box itself; whoever else answers is kept out.

Theory of operation
===================

This stands between the conversation and who answers (*the inner backend*: on the device, or the
failover). When a call's answer carries a challenge (``ToolResult.challenge``), the box puts the
question with its own voice and hears the answer with its own recogniser. A model is told that the
box asks; it can neither answer nor hear the answer.

Asking. The inner backend is given the answer of the call, and usually has a reply of its own, be
it silent. Where that reply ends, it is passed on as one that another follows, and the question is
that other one. Where none begins within ``PATIENCE``, the box asks at once, and whatever the inner
backend still says to that turn is not passed on; nor is the news that nobody can answer any more.
Several calls of one reply: the reply that tells of the others comes first. If the user has spoken
or left meanwhile, the question is offered as a late reply and put at the next pause.

Hearing. From the moment that a challenge is known until it is settled, no sound of a turn that
begins is passed on; it is kept here (``ends_turns`` is ``False`` for it). Committed, it is written
down on the device:

* yes, or digits where the PIN was asked for: the challenge is settled with it, and what came of it
  is the reply. After a wrong PIN the question is put again.
* no: settled with it. Nothing that was a word: likewise, and the user is told so.
* anything else: a yes/no question is settled with no, and the sound is handed on as the turn that
  it is. Where the PIN was asked for nothing is ever handed on: the question is put again.
* the question had not been put yet: nothing can be confirmed. It is settled with no, and what is
  no answer to it is handed on, unless the PIN was to be asked for.
* the challenge has ended meanwhile: answers are not handed on, nor anything where the PIN was
  asked for.

Of a PIN there is no event but ``Understood(…, "PIN")``, no log and no memory.

Talking over the question silences it, and what is said is the answer. The button says yes where no
PIN is asked for (``press``); stopping or muting the box says no (``refuse``). What is written to
the box, not said, is no answer and goes on as always. Settled elsewhere, or by nobody in time: the
outcome is offered as a late reply. Every challenge is settled at most once from here.

The inner backend learns what came of it by a note (``Enclosure.note``) in the next turn it gets.
"""

from appliance.backend.confirming.session import ConfirmingBackend

__all__ = ["ConfirmingBackend"]
