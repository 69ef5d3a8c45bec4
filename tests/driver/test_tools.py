"""Calls of manifests against a fake house, in virtual time."""

import asyncio
from collections.abc import Mapping

import pytest

from appliance.events import ToolCalled
from appliance.ports import ToolResult
from appliance.tools import wording
from appliance.tools.house import House
from appliance.tools.manifest import Manifest
from appliance.tools.parse import parse_toml
from appliance.tools.registry import ToolRegistry
from appliance.units import CallId, ResponseId
from tests.bus import FakeBus
from tests.virtual_time import run_virtual

WORDS = wording.load("en")


def manifest(text: str) -> Manifest:
    head = 'name = "lamp"\ndescription = "A lamp."\ntimeout_s = 2.0\n'
    parameters = '[parameters]\nrequired = ["state"]\n[parameters.properties.state]\n'
    return parse_toml(f'{head}{parameters}enum = ["on", "off"]\n{text}'.encode(), source="lamp")


COMMAND = '[command]\ntopic = "lamp/set"\npayload = "{{ state }}"\n'
STATE = manifest(COMMAND + '[confirm]\ntopic = "lamp"\nequals = "{{ state }}"\n')
ANSWER = manifest(COMMAND + '[response]\ncorrelation = "id"\nfields = { ok = "true" }\n')


class Home:
    """A registry with one tool, and the house behind it."""

    def __init__(self, *manifests: Manifest) -> None:
        self.bus = FakeBus()
        self.house = House(self.bus, replies="replies")
        self.registry = ToolRegistry(WORDS, self.house)
        self.registry.set_files(manifests)

    async def call(self, tool: str = "lamp", **arguments: object) -> ToolResult:
        call = ToolCalled(CallId("1"), ResponseId("1"), tool, arguments)
        return await self.registry.run(call)

    def later(self, seconds: float, topic: str, payload: bytes, *, retained: bool = False) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, lambda: self.bus.say(topic, payload, retained=retained))


def test_a_call_is_published_once_and_confirmed_by_the_state() -> None:
    async def scene() -> None:
        home = Home(STATE)
        home.later(0.1, "lamp", b"off")  # still as it was: not a confirmation
        home.later(0.3, "lamp", b"on")
        result = await home.call(state="on")
        assert asyncio.get_running_loop().time() == pytest.approx(0.3)
        assert (result.status, result.say, result.data) == ("done", "Done.", {"reported": "on"})
        assert home.bus.published == [("lamp/set", b"on")]

    run_virtual(scene())


def test_a_retained_state_confirms_nothing() -> None:
    async def scene() -> None:
        home = Home(STATE)
        home.later(0.1, "lamp", b"on", retained=True)
        assert (await home.call(state="on")).status == "unconfirmed"

    run_virtual(scene())


def test_silence_is_told_after_the_tools_own_patience() -> None:
    async def scene() -> None:
        home = Home(STATE)
        result = await home.call(state="on")
        assert asyncio.get_running_loop().time() == 2.0
        assert result.status == "unconfirmed"
        assert result.say == "I have sent it, but nothing answered."
        home.bus.say("lamp", b"on")  # too late, and nobody minds

    run_virtual(scene())


def test_what_is_so_already_is_not_done_again() -> None:
    async def scene() -> None:
        home = Home(STATE)
        home.bus.say("lamp", b"on", retained=True)
        assert (await home.call(state="on")).status == "unchanged"
        assert home.bus.published == []

    run_virtual(scene())


def test_a_device_whose_state_may_be_stale_is_told_again_without_waiting() -> None:
    async def scene() -> None:
        confirm = '[confirm]\ntopic = "lamp"\nequals = "{{ state }}"\nalready = "send"\n'
        home = Home(manifest(COMMAND + confirm))
        home.bus.say("lamp", b"on", retained=True)
        assert (await home.call(state="on")).status == "unchanged"
        assert home.bus.published == [("lamp/set", b"on")]
        assert asyncio.get_running_loop().time() == 0.0

    run_virtual(scene())


def test_a_known_state_that_is_about_to_change_is_not_relied_on() -> None:
    async def scene() -> None:
        home = Home(STATE)

        async def change_of_mind() -> ToolResult:
            await asyncio.sleep(0.06)
            return await home.call(state="off")

        home.later(0.05, "lamp", b"off")  # the lamp repeats itself before it obeys
        home.later(0.1, "lamp", b"on")
        home.later(0.2, "lamp", b"off")
        on, off = await asyncio.gather(home.call(state="on"), change_of_mind())
        assert (on.status, off.status) == ("done", "done")
        assert home.bus.published == [("lamp/set", b"on"), ("lamp/set", b"off")]

    run_virtual(scene())


def test_when_the_connection_breaks_it_is_told_at_once_and_nothing_is_known_any_more() -> None:
    async def scene() -> None:
        home = Home(STATE)
        home.bus.say("lamp", b"off", retained=True)
        asyncio.get_running_loop().call_later(0.5, home.house.connection_lost)
        result = await home.call(state="on")
        assert asyncio.get_running_loop().time() == 0.5
        assert (result.status, result.say) == ("unconfirmed", WORDS.answers["lost"])
        home.bus.say("lamp", b"off", retained=True)
        home.house.connection_lost()
        home.later(0.1, "lamp", b"off")
        assert (await home.call(state="off")).status == "done"  # asked, not assumed

    run_virtual(scene())


def test_without_a_connection_it_fails_at_once() -> None:
    async def scene() -> None:
        home = Home(STATE)
        home.bus.connected = False
        result = await home.call(state="on")
        assert (result.status, result.say) == ("failed", WORDS.answers["no_house"])
        assert asyncio.get_running_loop().time() == 0.0

    run_virtual(scene())


def test_an_answer_must_be_to_this_very_request() -> None:
    async def scene() -> None:
        home = Home(ANSWER)

        def answer() -> None:
            (reply,) = home.bus.replies
            assert reply is not None
            assert reply.topic == "replies/lamp"
            home.bus.say(reply.topic, b'{"ok": true}')
            home.bus.say(reply.topic, b'{"ok": true, "id": "another"}')
            home.bus.say(reply.topic, b'{"ok": true}', correlation=b"another")
            home.bus.say(reply.topic, b'{"ok": false}', correlation=reply.correlation)

        asyncio.get_running_loop().call_later(0.2, answer)
        result = await home.call(state="on")
        assert (result.status, result.say) == ("failed", "That did not work.")

    run_virtual(scene())


def test_a_cancelled_call_leaves_nothing_behind() -> None:
    async def scene() -> None:
        home = Home(STATE)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await home.call(state="on")
        assert home.house._pending == ()
        assert home.house._timer is None
        home.bus.say("lamp", b"on")

    run_virtual(scene())


@pytest.mark.parametrize(
    ("risk", "status", "say"),
    [
        ("confirm", "asked", ""),
        ("pin", "rejected", WORDS.answers["no_pin"]),
        ("never", "rejected", WORDS.answers["never"]),
    ],
)
def test_what_needs_more_than_a_word_is_not_done(risk: str, status: str, say: str) -> None:
    async def scene() -> None:
        home = Home(_risky(risk))
        result = await home.call()
        assert (result.status, result.say) == (status, say)
        assert home.bus.published == []

    run_virtual(scene())


def _risky(risk: str) -> Manifest:
    text = f'name = "lamp"\ndescription = "A lamp."\nrisk = "{risk}"\n{COMMAND}'
    return parse_toml(
        text.replace("{{ state }}", "on").encode(),
        source="lamp",
    )


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("none", {}),
        ("lamp", {}),
        ("lamp", {"state": "dim"}),
        ("lamp", {"state": "on", "more": 1}),
        ("lamp", {"state": ["on"]}),
        ("lamp", {"state": float("nan")}),
        ("lamp", {"state": None}),
    ],
)
def test_a_call_that_does_not_fit_is_rejected_unsent(
    tool: str, arguments: Mapping[str, object]
) -> None:
    async def scene() -> None:
        home = Home(STATE)
        result = await home.call(tool, **arguments)
        assert result.status == "rejected"
        assert result.say
        assert home.bus.published == []

    run_virtual(scene())


def test_the_catalogue_is_the_same_object_until_it_changes() -> None:
    async def scene() -> None:
        home = Home(STATE)
        before = home.registry.catalogue()
        home.registry.set_files([STATE])
        assert home.registry.catalogue() is before
        assert home.registry.set_files([STATE, ANSWER]) == ("lamp: name: `lamp` is taken by lamp",)
        home.registry.set_files([])
        assert home.registry.catalogue() == ()
        assert home.bus.handlers == {}

    run_virtual(scene())


def test_built_in_tools_win_over_files_and_files_over_the_broker() -> None:
    async def scene() -> None:
        home = Home(STATE)
        assert home.registry.set_from_broker("lamp", ANSWER) is not None
        assert home.registry.source("lamp") == "lamp"
        home.registry.set_files([])
        assert home.registry.set_from_broker("lamp", ANSWER) is None
        home.registry.set_from_broker("lamp", None)
        assert home.registry.catalogue() == ()

    run_virtual(scene())
