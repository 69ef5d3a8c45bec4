from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from appliance.audio.recording import LONGEST, Recording, WavSink, read, write_wav
from appliance.errors import RecordingError
from appliance.units import SampleRate


def tone(count: int, rate: int, channels: int) -> NDArray[np.float64]:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(count) / rate)
    return np.stack([wave / (n + 1) for n in range(channels)], axis=1)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_every_sample_format_sounds_the_same(
    tmp_path: Path, subtype: str, rate: int, channels: int
) -> None:
    path = tmp_path / "a.wav"
    wave = tone(1000, rate, channels)
    soundfile.write(path, wave, rate, subtype=subtype)

    recording = read(path)

    assert recording.rate == rate
    assert recording.samples.shape == (1000, channels)
    assert recording.samples.dtype == np.int16
    worst = np.abs(recording.samples - wave * 32_768).max()
    assert worst <= (260 if subtype == "PCM_U8" else 2)


def test_flac_and_companded_sound_work(tmp_path: Path) -> None:
    wave = tone(1000, 16_000, 2)
    soundfile.write(tmp_path / "a.flac", wave, 16_000)
    soundfile.write(tmp_path / "b.wav", wave, 16_000, subtype="ULAW")

    assert np.abs(read(tmp_path / "a.flac").samples - wave * 32_768).max() <= 2
    assert np.abs(read(tmp_path / "b.wav").samples - wave * 32_768).max() <= 700


def test_float_beyond_full_scale_and_no_number_at_all_are_clipped(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    odd = np.array([2.0, -2.0, np.nan, np.inf, -np.inf, 0.5])
    soundfile.write(path, odd, 16_000, subtype="FLOAT")

    samples = read(path).samples[:, 0].tolist()

    assert samples == [32_767, -32_768, 0, 32_767, -32_768, 16_384]


def test_silent_and_clipped_and_single_samples_are_sound(tmp_path: Path) -> None:
    for number, wave in enumerate((np.zeros(100), np.ones(100), np.zeros(1))):
        soundfile.write(tmp_path / f"{number}.wav", wave, 16_000)
        assert len(read(tmp_path / f"{number}.wav").samples) == len(wave)


def test_file_that_ends_early_gives_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1000, 16_000, 1), 16_000, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-1000])

    assert len(read(path).samples) == 500


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x24\0\0\0WAVEfmt ", b"hello\n" * 100])
def test_what_is_no_sound_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)

    with pytest.raises(RecordingError, match=r"a\.wav: .*(sound|recogni[sz]ed)") as caught:
        read(path)

    assert "\n" not in str(caught.value)


def test_empty_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(0), 16_000)

    with pytest.raises(RecordingError, match="no sound in it"):
        read(path)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        read(tmp_path / "a.wav")
    with pytest.raises(RecordingError, match="not a file"):
        read(tmp_path)


def test_what_no_room_sounds_like_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((10, 9)), 16_000)
    with pytest.raises(RecordingError, match="9 channels; at most 8"):
        read(path)

    soundfile.write(path, np.zeros(10), 1_000)
    with pytest.raises(RecordingError, match="1000 Hz"):
        read(path)


def test_too_long_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    long = np.zeros(round(LONGEST * 4_000) + 1, dtype=np.int16)
    soundfile.write(path, long, 4_000, subtype="PCM_U8")

    with pytest.raises(RecordingError, match=r"2\.0 h long; at most 2 h"):
        read(path)


def test_one_channel_can_be_picked() -> None:
    recording = Recording(np.array([[1, 2], [3, 4]], dtype=np.int16), SampleRate(16_000))

    assert recording.channel(1).samples.tolist() == [[2], [4]]
    with pytest.raises(RecordingError, match="has 2 channels; there is no 2"):
        recording.channel(2)


def test_what_is_written_can_be_read_again(tmp_path: Path) -> None:
    sound = (tone(1000, 16_000, 2) * 30_000).astype(np.int16)
    write_wav(tmp_path / "a.wav", sound, SampleRate(16_000))
    with WavSink(tmp_path / "b.wav", SampleRate(22_050)) as sink:
        sink.write(sound[:, 0].tobytes())
        sink.write(sound[:, 1])
        sink.close()
        sink.close()

    assert (read(tmp_path / "a.wav").samples == sound).all()
    mono = read(tmp_path / "b.wav")
    assert mono.rate == 22_050
    assert mono.samples[:, 0].tolist() == sound.T.reshape(-1).tolist()


def test_folder_of_what_is_written_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "er" / "a.wav"
    write_wav(path, np.zeros(10, np.int16), SampleRate(16_000))
    assert len(read(path).samples) == 10


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("", "Is a directory"),
        ("file/a.wav", "File exists"),
        ("file/in/a.wav", "Not a directory"),
    ],
)
def test_file_that_cannot_be_written_is_one_clear_line(
    tmp_path: Path, place: str, why: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match=f"cannot be written: {why}; name another place"):
        WavSink(tmp_path / place, SampleRate(16_000))


def test_full_disk_is_one_clear_line() -> None:
    with (
        pytest.raises(RecordingError, match=r"/dev/full: cannot be written: .* is the disk full"),
        WavSink(Path("/dev/full"), SampleRate(16_000)) as sink,
    ):
        sink.write(np.zeros(100_000, np.int16))
