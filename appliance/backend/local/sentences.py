"""A text → what is spoken at one go; where it always was. Pure."""

from appliance.backend.pipeline.sentences import LONG, SHORTEST_CLAUSE, split

__all__ = ["LONG", "SHORTEST_CLAUSE", "split"]
