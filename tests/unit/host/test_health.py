from pathlib import Path

import pytest

from appliance.host.health import Check, Machine, checks


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A healthy Raspberry Pi with a sound card, pins and an LED ring."""
    files = {
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
        "proc/meminfo": "MemTotal:        8000000 kB\nMemAvailable:    4000000 kB\n",
        "sys/class/thermal/thermal_zone0/temp": "45123\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
        "run/systemd/timesync/synchronized": "",
        "dev/snd/controlC0": "",
        "dev/snd/pcmC0D0c": "",
        "dev/snd/pcmC0D0p": "",
        "dev/gpiochip0": "",
        "dev/spidev0.0": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def look(root: Path, *, forbidden: str = "") -> dict[str, Check]:
    machine = Machine(root, lambda path: not forbidden or forbidden not in path.name)
    found = checks(state=root / "var/lib/x", pins=True, spi="spidev0.0", machine=machine)
    assert len({check.name for check in found}) == len(found)
    return {check.name: check for check in found}


def test_a_healthy_machine_has_nothing_to_mend(root: Path) -> None:
    found = look(root)
    del found["voice-appliance"]  # the tests also run where the package is not installed
    del found["real-time"]  # depends on who runs the tests
    assert [check for check in found.values() if not check.ok or check.remedy] == []
    assert found["board"].detail == "Raspberry Pi 5 Model B Rev 1.0"
    assert found["temperature"].detail == "45 °C"


@pytest.mark.parametrize(
    ("device", "name", "group"),
    [("pcm", "sound", "audio"), ("gpiochip", "gpio", "gpio"), ("spidev", "spi", "spi")],
)
def test_a_device_that_may_not_be_used_names_the_group(
    root: Path, device: str, name: str, group: str
) -> None:
    check = look(root, forbidden=device)[name]
    assert not check.ok
    assert f"usermod -aG {group}" in check.remedy


@pytest.mark.parametrize(
    ("gone", "name", "remedy"),
    [
        ("dev/gpiochip0", "gpio", "set no pins"),
        ("dev/spidev0.0", "spi", "dtparam=spi=on"),
        ("dev/snd/pcmC0D0c", "microphone", "plug in"),
    ],
)
def test_a_device_that_is_not_there_says_how_to_get_it(
    root: Path, gone: str, name: str, remedy: str
) -> None:
    (root / gone).unlink()
    check = look(root)[name]
    assert not check.ok
    assert remedy in check.remedy


def test_without_any_sound_card_there_is_one_line_about_it(root: Path) -> None:
    for each in (root / "dev/snd").iterdir():
        each.unlink()
    found = look(root)
    assert found["sound"].detail == "no sound card in /dev/snd"
    assert "microphone" not in found


@pytest.mark.parametrize(
    ("file", "text", "name", "detail"),
    [
        ("proc/meminfo", "MemAvailable: 100000 kB", "memory", "98 MB available"),
        ("sys/class/thermal/thermal_zone0/temp", "84000", "temperature", "84 °C"),
        (
            "sys/devices/platform/soc/soc:firmware/get_throttled",
            "50005",
            "power",
            (
                "under-voltage now, throttled now, under-voltage since the start, "
                "was throttled since the start"
            ),
        ),
    ],
)
def test_a_machine_that_suffers_says_so(
    root: Path, file: str, text: str, name: str, detail: str
) -> None:
    (root / file).write_text(text)
    check = look(root)[name]
    assert (check.ok, check.detail) == (False, detail)
    assert check.remedy


def test_only_what_is_configured_is_looked_at(tmp_path: Path) -> None:
    names = {check.name for check in checks(state=tmp_path, machine=Machine(tmp_path))}
    assert not names & {"gpio", "spi", "power", "temperature", "memory"}


def test_the_real_machine_can_be_looked_at(tmp_path: Path) -> None:
    found = {check.name: check for check in checks(state=tmp_path)}
    assert {"python", "kernel", "disk", "memory", "sound"} <= found.keys()
    assert found["python"].ok


def test_a_state_folder_that_cannot_be_written_to_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    (check,) = [each for each in checks(state=tmp_path / "new") if each.name == "disk"]
    assert (check.ok, check.detail) == (False, f"{tmp_path} cannot be written to")
    assert check.remedy
