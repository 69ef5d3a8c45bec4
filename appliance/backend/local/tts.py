"""Text to speech: a Piper voice (VITS) in onnxruntime."""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from appliance.backend.local.loudness import level
from appliance.backend.local.phonemes import phonemes
from appliance.backend.local.session import open_session
from appliance.errors import ModelError
from appliance.units import SampleRate

CACHE_BYTES = 4_000_000
"""About 90 s of speech: the confirmations of one house."""

_SEED = 20261121
"""The voice draws its rhythm at random. From a fixed seed, so that one recording gives one run: a
reply that is 10 ms longer lets the person who answers it be heard 10 ms later."""

_PAD, _BEGIN, _END = "_", "^", "$"  # Piper's names in every voice's phoneme map


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """What ``voice.json`` says, as far as it is needed."""

    rate: SampleRate
    accent: str
    """espeak-ng's voice."""

    numbers: Mapping[str, Sequence[int]]
    """From a phoneme to the model's input."""

    noise: float
    length: float
    noise_w: float

    @classmethod
    def read(cls, path: Path) -> "VoiceFile":
        """Read the file that comes with every Piper voice.

        Raises:
            ModelError: It is missing or not one of Piper's.
        """
        try:
            data = json.loads(path.read_bytes())
            scales = data["inference"]
            return cls(
                rate=SampleRate(int(data["audio"]["sample_rate"])),
                accent=str(data["espeak"]["voice"]),
                numbers={key: tuple(value) for key, value in data["phoneme_id_map"].items()},
                noise=float(scales["noise_scale"]),
                length=float(scales["length_scale"]),
                noise_w=float(scales["noise_w"]),
            )
        except FileNotFoundError as error:
            raise ModelError(f"{path} is missing; `./run models fetch` gets it") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{path} is not a Piper voice: {error!r}") from error

    def ids(self, spoken: str) -> list[int]:
        """Return the model's input: the phonemes between begin and end, a pad after each."""
        pad = self.numbers[_PAD]
        ids = [*self.numbers[_BEGIN], *pad]
        for phoneme in spoken:
            if (number := self.numbers.get(phoneme)) is not None:
                ids += [*number, *pad]
        return [*ids, *self.numbers[_END]]


class Voice:
    """Speaks sentences. Any thread; one at a time.

    What was said lately is kept and not made again.

    Args:
        folder: Holds ``voice.onnx`` and ``voice.json``.
        rate: How fast it speaks; 1 is the voice's own pace.
        threads: Cores that one run may use.
        cache_bytes: Bound of what is kept.

    Raises:
        ModelError: A file is missing or cannot be used.
    """

    def __init__(
        self, folder: Path, *, rate: float = 1.0, threads: int = 1, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self._file = VoiceFile.read(folder / "voice.json")
        ort.set_seed(_SEED)  # taken by the sessions that are opened after it
        self._session = open_session(folder / "voice.onnx", threads=threads)
        scales = (self._file.noise, self._file.length / rate, self._file.noise_w)
        self._scales = np.array(scales, np.float32)
        self._cache: OrderedDict[str, NDArray[np.int16]] = OrderedDict()
        self._cache_room = cache_bytes
        self._for_good: dict[str, NDArray[np.int16]] = {}
        self._lock = threading.Lock()

    @property
    def rate(self) -> SampleRate:
        """Samples per second of what ``synthesize`` returns."""
        return self._file.rate

    def synthesize(self, sentence: str) -> NDArray[np.int16]:
        """Return a sentence as sound, shape ``(n,)`` at ``rate``; nobody may change it.

        Raises:
            ModelError: espeak-ng or the model failed.
        """
        with self._lock:
            if (kept := self._for_good.get(sentence)) is not None:
                return kept
            if (kept := self._cache.get(sentence)) is not None:
                self._cache.move_to_end(sentence)
                return kept
            made = self._make(sentence)
            made.flags.writeable = False
            self._keep(sentence, made)
            return made

    def keep(self, sentence: str) -> None:
        """Make a sentence now and keep it for good, for when nothing can be made any more.

        Raises:
            ModelError: As ``synthesize``.
        """
        self._for_good[sentence] = self.synthesize(sentence)

    def _make(self, sentence: str) -> NDArray[np.int16]:
        spoken = phonemes(sentence, voice=self._file.accent)
        if not spoken:
            return np.zeros(0, np.int16)
        ids = np.array([self._file.ids(spoken)], np.int64)
        feed = {
            "input": ids,
            "input_lengths": np.array([ids.shape[1]], np.int64),
            "scales": self._scales,
        }
        try:
            (sound,) = self._session.run(None, feed)
        except Exception as error:  # onnxruntime raises a dozen classes of its own
            raise ModelError(f"the voice failed: {type(error).__name__}") from error
        return level(sound.reshape(-1), self._file.rate)

    def _keep(self, sentence: str, made: NDArray[np.int16]) -> None:
        if made.nbytes > self._cache_room // 2:
            return
        self._cache[sentence] = made
        while sum(kept.nbytes for kept in self._cache.values()) > self._cache_room:
            self._cache.popitem(last=False)
