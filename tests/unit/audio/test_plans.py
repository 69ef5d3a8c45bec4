from appliance.audio.devices import Choice, DeviceRecord
from appliance.audio.plans import Wish, input_alone, output_alone, together
from appliance.units import SampleRate

ARRAY = DeviceRecord(0, "array (hw:1,0)", 6, 2, SampleRate(16_000))
SPEAKER = DeviceRecord(1, "speaker", 0, 2, SampleRate(48_000))
HEADSET = DeviceRecord(2, "headset (hw:2,0)", 1, 2, SampleRate(44_100))


def test_one_stream_at_16_khz_and_one_channel_is_wanted_most() -> None:
    plans = list(together(Choice(HEADSET, HEADSET, ""), Wish()))

    assert (plans[0].rate, plans[0].channels) == (16_000, 1)
    assert {plan.channels for plan in plans} == {1}
    assert [plan.rate for plan in plans][:3] == [16_000, 44_100, 48_000]


def test_configured_rate_is_the_only_one() -> None:
    wish = Wish(rate=SampleRate(48_000))

    assert {plan.rate for plan in together(Choice(ARRAY, ARRAY, ""), wish)} == {48_000}
    assert {plan.rate for plan in output_alone(SPEAKER, wish)} == {48_000}


def test_more_microphones_than_loudspeakers_need_two_streams() -> None:
    wish = Wish(channels=6)

    assert not list(together(Choice(ARRAY, ARRAY, ""), wish))
    assert {plan.channels for plan in input_alone(ARRAY, wish)} == {6}
    assert {plan.channels for plan in output_alone(ARRAY, wish)} == {1, 2}


def test_enough_channels_are_opened_for_the_chosen_microphone() -> None:
    plans = list(input_alone(ARRAY, Wish(microphone_channel=2)))

    assert [plan.channels for plan in plans if plan.rate == 16_000] == [3, 6]


def test_more_channels_than_there_are_cannot_be_opened() -> None:
    assert not list(input_alone(HEADSET, Wish(channels=2)))


def test_one_direction_alone_is_no_matter_of_both() -> None:
    assert not list(together(Choice(ARRAY, None, ""), Wish()))
    assert not list(together(Choice(None, SPEAKER, ""), Wish()))


def test_two_cards_have_a_clock_each_and_are_never_one_stream() -> None:
    microphone = DeviceRecord(5, "microphone (hw:2,0)", 1, 0, SampleRate(48_000))
    speaker = DeviceRecord(6, "speaker (hw:3,0)", 0, 2, SampleRate(48_000))

    assert not list(together(Choice(microphone, speaker, ""), Wish()))


def test_a_sound_server_is_never_one_stream() -> None:
    server = DeviceRecord(5, "pulse", 32, 32, SampleRate(44_100))

    assert not list(together(Choice(server, server, ""), Wish()))
    assert not list(together(Choice(HEADSET, server, ""), Wish()))
    assert not list(together(Choice(server, HEADSET, ""), Wish()))


def test_arrays_channels_are_tried_first() -> None:
    wish = Wish(wanted=lambda name, most: 6 if "ReSpeaker" in name and most >= 6 else 0)
    array = DeviceRecord(7, "ReSpeaker (hw:2,0)", 6, 2, SampleRate(16_000))
    other = DeviceRecord(8, "headset (hw:3,0)", 6, 2, SampleRate(16_000))

    assert not list(together(Choice(array, array, ""), wish))  # its loudspeaker has but two
    assert next(input_alone(array, wish)).channels == 6
    assert next(input_alone(other, wish)).channels == 1
    assert next(together(Choice(other, other, ""), wish)).channels == 1
    assert next(input_alone(array, Wish(channels=2, wanted=wish.wanted))).channels == 2
