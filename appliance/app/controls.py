"""What can be set by voice and over MQTT, of whichever box is there: loudness and privacy."""

from collections.abc import Callable
from dataclasses import replace

from appliance.app.box import Box
from appliance.audio.loudness import Night, Volumes, gains
from appliance.config import Config
from appliance.host.kept import FIRST, Kept
from appliance.mqtt.presence import Shown


class Loudness:
    """How loud the box is, each volume 0 to 100; of the box that it is given.

    What is asked for in quiet hours holds until they end: whoever says "louder" at night means it,
    and nobody is shouted at in the morning, or hears nothing then.

    Args:
        config: The settings.
        kept: Where volumes outlive us; ``None``: nowhere.
        tell: Is told the volumes when one has changed.
    """

    def __init__(
        self,
        config: Config,
        kept: Kept | None,
        tell: Callable[[Shown], None] = lambda _: None,
    ) -> None:
        facts = FIRST if kept is None else kept.facts
        self._kept = kept
        self._tell = tell
        self._alarm_db = config.audio.alarm_gain_db
        self._quiet = config.quiet
        self._volumes = Volumes(facts["volume"], facts["chime_volume"], facts["alarm_volume"])
        self._night: Night | None = None
        self._box: Box | None = None

    def attach(self, box: Box) -> None:
        """Be this box's volume from now on."""
        self._box = box
        self._apply()

    def get(self) -> int:
        """Return the main volume that holds now."""
        return self._volumes.main if self._night is None else self._night.main(self._volumes)

    def set(self, level: int) -> None:
        """Set the main volume, in quiet hours until they end; returns at once."""
        level = max(0, min(100, level))
        if self._night is not None:
            self._night = replace(self._night, asked=level)
        else:
            self._volumes = replace(self._volumes, main=level)
        self._apply()

    def set_chimes(self, level: int) -> None:
        """Set the volume of chimes; returns at once."""
        self._volumes = replace(self._volumes, chimes=level)
        self._apply()

    def set_alarms(self, level: int) -> None:
        """Set the volume of alarms; returns at once."""
        self._volumes = replace(self._volumes, alarms=level)
        self._apply()

    def set_quiet(self, quiet: bool) -> None:  # noqa: FBT001 - a callback
        """Take note that quiet hours begin or end."""
        ceiling = round(100 * self._quiet.volume)
        self._night = Night(ceiling, self._quiet.chimes) if quiet else None
        self._apply()

    def shown(self) -> Shown:
        """Return the volumes, as the house is told."""
        volumes = self._volumes
        return Shown(self.get(), volumes.chimes, volumes.alarms, self._night is not None)

    def _apply(self) -> None:
        volumes = self._volumes
        if self._kept is not None:
            self._kept.keep(
                volumes={
                    "volume": volumes.main,
                    "chime_volume": volumes.chimes,
                    "alarm_volume": volumes.alarms,
                }
            )
        if self._box is not None:
            loud = gains(volumes, alarm_db=self._alarm_db, night=self._night)
            self._box.playback.set_gains(loud)
        self._tell(self.shown())


class Discretion:
    """Whether anything may leave the house; of the box that it is given, whose switch wins."""

    def __init__(self, kept: Kept | None) -> None:
        self._kept = kept
        self._private = kept.facts["private"] if kept is not None else False
        self._box: Box | None = None

    def attach(self, box: Box) -> None:
        """Be this box's privacy mode from now on."""
        self._box = box

    def get(self) -> bool:
        """Return whether the box is private."""
        return self._private if self._box is None else self._box.panel.privacy.get()

    def set(self, private: bool) -> None:  # noqa: FBT001 - the shape of the tools' seam
        """Ask for it, or take that back; returns at once."""
        self._private = private
        if self._box is not None:
            self._box.panel.privacy.set(private)
        if self._kept is not None:
            self._kept.keep(private=private)
