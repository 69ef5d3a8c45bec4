"""Whether an announced device can be reached. Pure."""

from collections.abc import Iterator

from appliance.tools.devices.model import Availability, Reader
from appliance.tools.discovery.homeassistant.entry import Draft, Fields, Unfit
from appliance.tools.discovery.homeassistant.expressions import TemplateRefused
from appliance.tools.discovery.homeassistant.jinja import compile_template
from appliance.tools.discovery.homeassistant.meanings import words
from appliance.tools.discovery.homeassistant.reading import TextReader
from appliance.tools.discovery.payloads import rows

MOST_TOPICS = 10
_MODES = ("all", "any", "latest")


def availability_of(draft: Draft) -> Availability:
    """Return what a component says of it; a template that is refused says nothing.

    Raises:
        Unfit: It is no such thing.
    """
    mode = draft.text("availability_mode", "latest")
    if mode not in _MODES:
        raise Unfit
    reads: list[Reader] = []
    for fields, template_key in _each(draft):
        topic = fields.topic("topic") or fields.topic("availability_topic")
        if topic is None:
            raise Unfit
        source = fields.source(template_key)
        try:
            template = None if source is None else compile_template(source)
        except TemplateRefused as refused:
            draft.leave_out("availability", refused.rule)
            continue
        yes = fields.text("payload_available", "online")
        no = fields.text("payload_not_available", "offline")
        reads.append(TextReader(topic, words({no: False, yes: True}), template))
    return Availability(tuple(reads), mode)


def _each(draft: Draft) -> Iterator[tuple[Fields, str]]:
    if draft.has("availability"):
        listed = draft.raw["availability"]
        if not isinstance(listed, list):
            raise Unfit
        for one in rows(listed, MOST_TOPICS):
            if not isinstance(one, dict):
                raise Unfit
            yield Fields(one), "value_template"
    elif draft.has("availability_topic"):
        yield draft, "availability_template"
