import pytest

from appliance.audio.devices import Choice, DeviceRecord, choose
from appliance.errors import DeviceError
from appliance.units import SampleRate


def machine(*devices: tuple[str, int, int]) -> list[DeviceRecord]:
    return [
        DeviceRecord(index, name, inputs, outputs, SampleRate(48_000))
        for index, (name, inputs, outputs) in enumerate(devices)
    ]


PI_5 = machine(
    ("vc4-hdmi-0: MAI PCM i2s-hifi-0 (hw:0,0)", 0, 2),
    ("vc4-hdmi-1: MAI PCM i2s-hifi-0 (hw:1,0)", 0, 2),
    ("USB PnP Sound Device: Audio (hw:2,0)", 1, 2),
    ("sysdefault", 0, 128),
    ("default", 0, 128),
    ("dmix", 0, 2),
)
PI_4_AND_MICROPHONE = machine(
    ("bcm2835 Headphones: - (hw:0,0)", 0, 8),
    ("vc4-hdmi-0: MAI PCM i2s-hifi-0 (hw:1,0)", 0, 2),
    ("USB Microphone: Audio (hw:2,0)", 1, 0),
    ("default", 128, 128),
)
JETSON = machine(
    ("HDA NVidia: HDMI 0 (hw:0,3)", 0, 8),
    ("NVIDIA Jetson Orin Nano APE: - (hw:1,0)", 16, 16),
    ("NVIDIA Jetson Orin Nano APE: - (hw:1,1)", 16, 16),
    ("ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:2,0)", 6, 2),
    ("default", 32, 32),
)
DESKTOP = machine(
    ("HDA Intel PCH: ALC257 Analog (hw:0,0)", 2, 2),
    ("HDA Intel PCH: HDMI 0 (hw:0,3)", 0, 8),
    ("sysdefault", 128, 128),
    ("pulse", 32, 32),
    ("default", 32, 32),
)
PIPEWIRE = [*DESKTOP, DeviceRecord(5, "pipewire", 64, 64, SampleRate(44_100))]
BARE = machine(("default", 2, 2))


def names(choice: Choice) -> tuple[str | None, str | None]:
    source, sink = choice.input, choice.output
    return (None if source is None else source.name, None if sink is None else sink.name)


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (PI_5, ("USB PnP Sound Device: Audio (hw:2,0)", "USB PnP Sound Device: Audio (hw:2,0)")),
        (
            PI_4_AND_MICROPHONE,
            ("USB Microphone: Audio (hw:2,0)", "bcm2835 Headphones: - (hw:0,0)"),
        ),
        (
            JETSON,
            (
                "ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:2,0)",
                "ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:2,0)",
            ),
        ),
        (DESKTOP, ("pulse", "pulse")),
        (PIPEWIRE, ("pipewire", "pipewire")),
        (BARE, ("default", "default")),
    ],
    ids=["pi 5", "pi 4", "jetson", "desktop", "pipewire", "bare"],
)
def test_sane_default(devices: list[DeviceRecord], expected: tuple[str, str]) -> None:
    assert names(choose(devices, input_name="", output_name="")) == expected


@pytest.mark.parametrize(
    "devices", [[], machine(("vc4-hdmi-0: MAI (hw:0,0)", 0, 2)), JETSON[:3]], ids=str
)
def test_machine_that_cannot_hear_is_an_error(devices: list[DeviceRecord]) -> None:
    with pytest.raises(DeviceError, match="no microphone"):
        choose(devices, input_name="", output_name="")


def test_only_hdmi_is_no_loudspeaker_and_the_reason_says_how_to_use_it() -> None:
    devices = [PI_5[0], machine(("x", 0, 0), ("USB Microphone: Audio (hw:2,0)", 1, 0))[1]]

    choice = choose(devices, input_name="", output_name="")

    assert names(choice) == ("USB Microphone: Audio (hw:2,0)", None)
    assert "audio.output" in choice.reason


def test_name_wins_over_what_is_sane_and_any_part_in_any_case_will_do() -> None:
    choice = choose(PI_5, input_name="usb pnp", output_name="HDMI-1")

    assert names(choice) == (
        "USB PnP Sound Device: Audio (hw:2,0)",
        "vc4-hdmi-1: MAI PCM i2s-hifi-0 (hw:1,0)",
    )
    assert choice.reason.count("as configured") == 2


def test_whole_name_wins_over_a_part_of_another() -> None:
    devices = machine(("pulse tunnel", 2, 2), ("pulse", 2, 2))

    assert names(choose(devices, input_name="pulse", output_name="pulse")) == ("pulse", "pulse")


def test_name_that_fits_nothing_lists_what_is_there() -> None:
    with pytest.raises(DeviceError, match=r"microphone.*'jabra'.*'USB PnP Sound Device"):
        choose(PI_5, input_name="jabra", output_name="")
    with pytest.raises(DeviceError, match=r"loudspeaker.*none at all"):
        choose([PI_4_AND_MICROPHONE[2]], input_name="", output_name="jabra")


def test_none_does_without() -> None:
    assert names(choose(DESKTOP, input_name="none", output_name="")) == (None, "pulse")
    assert names(choose(DESKTOP, input_name="", output_name="none")) == ("pulse", None)
    with pytest.raises(DeviceError, match="both"):
        choose(DESKTOP, input_name="none", output_name="none")


def test_loudspeaker_on_the_microphones_card_is_preferred() -> None:
    devices = machine(
        ("Speakers: Audio (hw:0,0)", 0, 2),
        ("Conference Phone: Audio (hw:3,0)", 1, 0),
        ("Conference Phone: Audio (hw:3,1)", 0, 2),
    )

    choice = choose(devices, input_name="", output_name="")

    assert names(choice) == (
        "Conference Phone: Audio (hw:3,0)",
        "Conference Phone: Audio (hw:3,1)",
    )
