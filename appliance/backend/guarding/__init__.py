"""Rules for what is said and done, applied in the same way to whoever answers.

This stands before the inner backend. ``rules`` (pure) finds what is not to be spoken of;
``session`` cuts the reply and says an honest sentence instead, with the box's own voice.

* In a reply: at the word that completes it the reply is cut (``ReplyCut``): what of it waits for
  the loudspeaker is not heard any more, its backend is told how much was, and the sentence is the
  rest. Sentences of a pipeline are read before they are spoken; of a speech-to-speech service
  the text usually comes before its sound is played, but a word or two may have been heard.
* In a request: every reply to that turn is replaced. Some services write down what was said only
  after they began to answer; then the reply is cut there.
* In the arguments of a tool: the call is answered as rejected and never carried out.

No text goes into a log; the timeline has the name of the rule.
"""

from appliance.backend.guarding.rules import Rulebook
from appliance.backend.guarding.session import GuardedBackend

__all__ = ["GuardedBackend", "Rulebook"]
