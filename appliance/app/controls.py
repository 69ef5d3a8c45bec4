"""What can be set by voice and over MQTT, of whichever box is there: loudness and privacy."""

from appliance.app.box import Box
from appliance.host.kept import Kept


class Loudness:
    """How loud the box speaks, 0 to 100; of the box that it is given."""

    def __init__(self, kept: Kept | None) -> None:
        self._kept = kept
        self._level = kept.facts["volume"] if kept is not None else 100
        self._box: Box | None = None

    def attach(self, box: Box) -> None:
        """Be this box's volume from now on."""
        self._box = box
        box.playback.set_volume(self._level / 100)

    def get(self) -> int:
        """Return the volume."""
        return self._level

    def set(self, level: int) -> None:
        """Set the volume; returns at once."""
        self._level = max(0, min(100, level))
        if self._kept is not None:
            self._kept.keep(volume=self._level)
        if self._box is not None:
            self._box.playback.set_volume(self._level / 100)


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
