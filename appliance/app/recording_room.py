"""The debug recorder between the enhancer and what listens to it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

from appliance.audio.counters import CardCounters
from appliance.audio.recorder import Recorder
from appliance.config import Config
from appliance.frames import Frame, Taps
from appliance.ports import Enhancer


class Recorded:
    """An enhancer whose input and output are recorded; see ``appliance.ports.Enhancer``.

    Args:
        enhancer: Does the work.
        recorder: Is shown it.
        private: Whether nothing may be recorded now (mute, privacy mode); hearing thread.
    """

    def __init__(
        self, enhancer: Enhancer, recorder: Recorder, *, private: Callable[[], bool]
    ) -> None:
        self._enhancer = enhancer
        self._recorder = recorder
        self._private = private

    @property
    def converged(self) -> bool:
        """Whether the box's own voice is as good as gone; read by any thread."""
        return self._enhancer.converged

    @property
    def bearing(self) -> float | None:
        """Where the latest talker stands; read by any thread."""
        return self._enhancer.bearing

    def process(self, frame: Frame) -> Taps:
        """Pass a frame on, and show it and what became of it to the recorder."""
        taps = self._enhancer.process(frame)
        if not self._private():
            self._recorder.take(frame, taps)
        return taps


def make_recorder(
    config: Config, counters: CardCounters, report: Callable[[], Mapping[str, object]]
) -> Recorder | None:
    """Return the recorder that the settings ask for, not yet started; ``None``: they do not.

    Args:
        config: The settings.
        counters: Written beside the sound.
        report: What the enhancer knows, as JSON can hold it; once a second, hearing thread.
    """
    folder = config.recorder.folder
    if folder is None:
        return None

    def facts() -> Mapping[str, object]:
        return {"counters": asdict(counters), "enhancer": report()}

    return Recorder(folder, minutes=config.recorder.minutes, facts=facts)
