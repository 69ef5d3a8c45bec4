"""What the model behind says that it used, as our ``Usage``. Pure.

The voice model is billed by the second; the model behind by the token, as every Responses model
(openai-python 3.52, ``types/responses/response_usage.py``).
"""

from appliance.backend.socket.reading import Message, number_of, object_of
from appliance.events import Usage


def of_work(usage: Message, model: str) -> Usage | None:
    """Return what a response cost; ``None``: nothing was said about it, or nothing was used."""
    counted = Usage(
        model,
        text_in=int(number_of(usage, "input_tokens")),
        text_cached=int(number_of(object_of(usage, "input_tokens_details"), "cached_tokens")),
        text_out=int(number_of(usage, "output_tokens")),
    )
    return None if counted == Usage(model) else counted
