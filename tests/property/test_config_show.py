import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from appliance.config import Config, Loaded
from appliance.config.cloud import McpServer, Prompt, Realtime, Tracing, TurnDetection
from appliance.config.load import validate
from appliance.config.model import Board, CustomWakeWord, Device, Local, Mqtt, Tools, Wake
from appliance.config.show import show
from appliance.config.sound import Audio

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).map(
    lambda name: Path("/") / name
)
PINS = st.none() | st.integers(0, 27)

CONFIGS = st.builds(
    Config,
    device=st.builds(Device, name=TEXT, area=st.none() | TEXT),
    audio=st.builds(
        Audio,
        input=TEXT,
        rate_hz=st.integers(0, 192_000),
        voice_gain_db=st.floats(-60, 12),
        chimes=st.booleans(),
    ),
    wake=st.builds(
        Wake,
        words=st.lists(TEXT, max_size=3).map(tuple),
        custom=st.lists(
            st.builds(CustomWakeWord, name=st.just("mine"), model=PATHS, phrase=TEXT), max_size=2
        ).map(tuple),
        sensitivity=st.floats(0, 1),
    ),
    realtime=st.builds(
        Realtime,
        instructions=TEXT,
        speed=st.floats(0.25, 1.5),
        api_key_file=st.none() | PATHS,
        parallel_tool_calls=st.none() | st.booleans(),
        turn_detection=st.builds(
            TurnDetection,
            kind=st.sampled_from(["device", "server_vad", "semantic_vad"]),
            idle_timeout_ms=st.none() | st.integers(5_000, 30_000),
        ),
        tracing=st.builds(Tracing, metadata=st.dictionaries(TEXT, TEXT, max_size=3)),
        prompt=st.builds(Prompt, id=TEXT, variables=st.dictionaries(TEXT, TEXT, max_size=3)),
        mcp=st.lists(
            st.builds(
                McpServer,
                label=st.text("ab-_1", min_size=1, max_size=5),
                url=TEXT,
                allowed_tools=st.lists(TEXT, max_size=2).map(tuple),
            ),
            max_size=3,
        ).map(tuple),
    ),
    local=st.builds(Local, transcriber=st.sampled_from(["auto", "base", "tiny"])),
    mqtt=st.builds(Mqtt, host=TEXT, ca_file=st.none() | PATHS, port=st.none() | st.just(8883)),
    tools=st.builds(Tools, folders=st.lists(PATHS, max_size=2).map(tuple)),
    board=st.builds(Board, button=PINS, mute_led=PINS),
)


@given(CONFIGS, st.none() | TEXT.map(SecretStr))
def test_the_configuration_shown_is_the_configuration(
    config: Config, password: SecretStr | None
) -> None:
    secret = config.mqtt.model_copy(update={"password": password})
    loaded = Loaded(config.model_copy(update={"mqtt": secret}), None, {})

    read, problems = validate(tomllib.loads(show(loaded)))

    assert problems == []
    assert read == config
