import math

import pytest

from appliance.enhance.array.geometry import (
    GENERIC,
    Catalogue,
    choose,
    generic,
    names,
    parse,
    read_arrays,
    shipped,
)
from appliance.errors import ConfigError

HEAD = '[arrays.a]\ntitle = "a"\nsource = ""\n'
RESPEAKER = "ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:2,0)"


@pytest.mark.parametrize(
    ("card", "channels", "name"),
    [
        (RESPEAKER, 6, "respeaker-usb-6"),
        (RESPEAKER, 1, "respeaker-usb-1"),
        ("reSpeaker XVF3800 4-Mic Array: USB Audio (hw:1,0)", 6, "xvf3800-6"),
        ("reSpeaker XVF3800 4-Mic Array: USB Audio (hw:1,0)", 2, "xvf3800-2"),
        ("reSpeaker Flex XVF3800 C16K6Ch: USB Audio (hw:1,0)", 6, "xvf3800-flex"),
        ("seeed-2mic-voicecard: bcm2835-i2s-wm8960-hifi (hw:1,0)", 2, "respeaker-2mic"),
        ("USB Camera-B4.09.24.1: Audio (hw:1,0)", 4, "ps3-eye"),
        ("snd_rpi_googlevoicehat_soundcar: Google voiceHAT (hw:0,0)", 2, "voicehat"),
        ("Jabra SPEAK 510 USB: Audio (hw:2,0)", 1, "speakerphone"),
        ("USB PnP Sound Device: Audio (hw:2,0)", 1, GENERIC),
        ("pulse", 2, GENERIC),
        ("", 8, GENERIC),
    ],
)
def test_a_board_is_known_by_the_name_of_its_card(card: str, channels: int, name: str) -> None:
    assert choose("auto", card, channels).name == name


def test_a_configured_board_is_taken_whatever_the_card_is_called() -> None:
    array = choose("ps3-eye", "pulse", 4)
    assert (array.name, array.why) == ("ps3-eye", "as configured")


def test_a_board_with_too_few_channels_is_single_microphones_and_says_why() -> None:
    array = choose("respeaker-usb-6", RESPEAKER, 2)
    assert array.name == GENERIC
    assert array.microphones == (0, 1)
    assert array.why == "respeaker-usb-6 needs 6 channels, the card has given 2"


def test_a_board_with_other_channels_than_its_firmware_has_is_not_guessed_at() -> None:
    assert choose("auto", RESPEAKER, 5).name == GENERIC


def test_a_board_that_nobody_knows_is_single_microphones_and_the_known_ones_are_named() -> None:
    array = choose("ps4-eye", "", 1)
    assert array.name == GENERIC
    assert "ps3-eye" in array.why


def test_all_channels_of_unnamed_arrays_are_microphones_of_one_beam() -> None:
    array = choose("microphones", "pulse", 5)
    assert array.microphones == (0, 1, 2, 3, 4)
    assert array.beam
    assert array.positions is None


def test_single_microphones_make_no_beam() -> None:
    assert not generic(4).beam


def test_a_channel_that_was_not_opened_is_not_the_processed_one() -> None:
    assert choose("auto", "XVF3800", 1).processed_channel == 0
    assert choose("auto", "XVF3800", 2).processed_channel == 1


@pytest.mark.parametrize(
    ("name", "card", "most", "channels"),
    [
        ("auto", RESPEAKER, 6, 6),
        ("auto", RESPEAKER, 1, 1),
        ("auto", "USB PnP Sound Device: Audio (hw:2,0)", 2, 0),
        ("ps3-eye", "pulse", 32, 4),
        ("ps3-eye", "pulse", 2, 0),
        ("microphones", "pulse", 8, 8),
        ("nonsense", "pulse", 8, 0),
    ],
)
def test_a_known_board_is_opened_with_all_its_channels(
    name: str, card: str, most: int, channels: int
) -> None:
    assert shipped().wanted(name, card, most) == channels


def test_the_shipped_boards_are_of_a_size_that_fits_on_a_table() -> None:
    for array in read_arrays():
        for one in array.positions or ():
            for other in array.positions or ():
                assert math.dist(one, other) <= 0.1
                assert one is other or math.dist(one, other) >= 0.015
    assert GENERIC in names(read_arrays())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[arrays", "boards.toml: "),
        ('[arrays.a]\ntitle = "a"\nsource = ""\nmicrophones = [0]', "arrays.a.channels"),
        (
            HEAD + "channels = 2\nmicrophones = [0, 1]\npositions = [[0, 0, 0]]",
            "as many positions as microphones are needed",
        ),
        (
            HEAD + "channels = 2\nexactly = true\nmicrophones = [0, 2]",
            "channel 2 is not among 2",
        ),
        (
            '[arrays.a]\ntitle = "a"\nsource = ""\nchannels = 2\nmicrophones = [1, 1]',
            "a channel is named twice",
        ),
        (
            '[arrays.a]\ntitle = "a"\nsource = ""\nchannels = 1\nmicrophones = [0]\nmatch = ["("]',
            "match '('",
        ),
        (
            '[arrays.a]\ntitle = "a"\nsource = ""\nchannels = 1\nmicrophones = [0]\ncolour = 1',
            "arrays.a.colour",
        ),
    ],
)
def test_a_wrong_list_is_refused_with_its_problem(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match="boards") as caught:
        parse(text, where="boards.toml")
    assert problem in str(caught.value)


def test_an_empty_list_knows_single_microphones_only() -> None:
    assert Catalogue(()).choose("auto", RESPEAKER, 6).name == GENERIC
