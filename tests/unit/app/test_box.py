"""The patience of the turn machine, from the settings."""

from appliance.app.box import timing
from appliance.config import Config
from appliance.turn import Timing
from appliance.units import Seconds


def test_settings_say_what_interrupts_a_reply_and_how_long_the_room_rings() -> None:
    config = Config.model_validate({"turn": {"barge_in": "wake_word", "echo_guard_s": 0.5}})
    assert timing(config).barge_in == "wake_word"
    assert timing(config).echo_guard == Seconds(0.5)


def test_user_waits_for_a_tool_until_it_is_spoken_of_and_a_reply_longer() -> None:
    config = Config.model_validate({"tools": {"patience_s": 5.0}, "turn": {"reply_s": 8.0}})
    assert timing(config).after_tools == Seconds(13.0)
    hasty = Config.model_validate({"tools": {"patience_s": 5.0}, "turn": {"reply_s": 1.0}})
    assert timing(hasty).after_tools == Seconds(5.0 + hasty.turn.stall_s)


def test_patience_without_settings_is_that_of_the_machine() -> None:
    ours, machines = timing(Config()), Timing()
    assert (ours.after_tools, ours.echo_guard, ours.barge_in) == (
        machines.after_tools,
        machines.echo_guard,
        machines.barge_in,
    )
