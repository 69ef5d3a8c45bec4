"""Home Assistant's MQTT discovery, which hundreds of programs and ESPHome speak. Pure.

``topics`` and ``abbreviations`` read an announcement, ``dialect`` remembers who announced what,
``component`` makes a thing of each component with one of ``components``. How states are read and
commands written: ``reading``, ``meanings``, ``writing``. Announcements bring templates, which are
programs of strangers: ``jinja`` runs them in a small language of its own (``grammar``,
``filters``, ``functions``, ``calculating``, ``regex``) whose cost is counted (``bounds``).
"""

from appliance.tools.discovery.homeassistant.dialect import HomeAssistantDialect

__all__ = ["HomeAssistantDialect"]
