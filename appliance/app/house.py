"""The way to the house: the broker, the tools, and what the house may tell the box."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.app.backends import ALONE, Answering
from appliance.app.box import Box
from appliance.app.controls import Discretion, Loudness
from appliance.app.crier import Crier
from appliance.app.ducking import Ducker
from appliance.app.errands import Errands
from appliance.app.ground import Ground
from appliance.app.manifest_folders import Found
from appliance.app.mcp_tools import gate_settings
from appliance.app.parts import parts_of
from appliance.app.quiet import QuietWatch, hours
from appliance.app.switching import Switching
from appliance.app.wake_choice import Choice, WakeChoice
from appliance.backend.local.pipeline import Speaks
from appliance.config import Config
from appliance.config.house import GateRule
from appliance.host.kept import Kept, state_folder
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.commands import CommandTopics
from appliance.mqtt.presence import Bill, Presence, Shown, topics
from appliance.ports import Message
from appliance.timeline import Entry, Timeline
from appliance.tools.builtin import built_in
from appliance.tools.choosing import choose_another, choosing_tools
from appliance.tools.house import House as Actions
from appliance.tools.looking import Camera
from appliance.tools.registry import ToolRegistry
from appliance.tools.sources import BrokerManifests
from appliance.tools.wording import Wording
from appliance.units import Seconds

log = logging.getLogger(__name__)

SETTLING = Seconds(0.2)
"""After a connection, for what the broker retains: manifests and the states of things."""

LONGEST_START = Seconds(20.0)
"""What the simulated kitchen's process may take on a busy board."""

LONGEST_CONNECT = Seconds(5.0)
"""What a command waits for the broker's first word."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a house needs of files, read beforehand: the event loop reads none."""

    found: Found
    words: Wording
    """What tools say."""

    kept: Kept | None = None
    """What outlives us; ``None``: nothing does."""

    camera: Camera | None = None
    """What one can look through; ``None``: there is no tool for it."""

    folder: Path | None = None
    """Where the configuration is; ``None``: there is none."""

    answering: Answering = ALONE
    """Who there is to answer."""


class House:
    """The tools and the broker behind them, and one box that they serve. Event loop only.

    Args:
        config: The settings.
        bridge: The connection to the broker.
        read: What was read from files.
        timeline: Is told what the house does.
        awaited: A topic without which the house is not complete.
    """

    def __init__(
        self,
        config: Config,
        bridge: MqttBridge,
        read: Read,
        *,
        timeline: Timeline,
        awaited: str | None = None,
    ) -> None:
        found, words, kept = read.found, read.words, read.kept
        self._kept = kept
        self._words = words
        self._awaited = awaited
        self._own = topics(config.mqtt.root, config.device.id)
        self._bridge = bridge
        self._timeline = timeline
        self._actions = Actions(bridge, replies=self._own.replies)
        self._loudness = Loudness(config, kept, self._show_volumes)
        self._quiet = QuietWatch(hours(config.quiet), self._loudness.set_quiet)
        self._config = config
        self._ducking = config.ducking
        self._ducker: Ducker | None = None
        self._discretion = Discretion(kept)
        self.switching = Switching(config, read.answering, kept)
        """Who answers, as somebody chose."""

        self._box: Box | None = None
        self._presence: Presence | None = None
        self._errands: Errands | None = None
        self._commands: CommandTopics | None = None
        self._crier: Crier | None = None
        self._told = asyncio.Event()
        self._found = found
        self.tools = self._registry(read)
        """``ports.ToolRunner``."""

        state = None if kept is None else state_folder()
        self.parts = parts_of(
            Ground(
                config,
                bridge,
                self._own,
                self.tools,
                words,
                timeline,
                state,
                read.folder,
                read.answering,
            )
        )
        """What else lives in the house; whoever opens it prepares and runs them."""

        self._refused = self.tools.set_files(found.manifests)
        self._from_broker: BrokerManifests | None = None
        if config.tools.from_broker:
            self._from_broker = BrokerManifests(bridge, root=config.mqtt.root, shelf=self.tools)
        for problem in self.problems():
            log.warning("%s", problem)
        bridge.on_state(self._on_state)

    def _registry(self, read: Read) -> ToolRegistry:
        """Make the registry, with the tools that need no house."""
        config = self._config
        tools = ToolRegistry(
            self._words, self._actions, remote=config.realtime.mcp, settings=gate_settings(config)
        )
        switching = self.switching
        tools.add_built_in(
            built_in(
                self._words,
                clock=lambda: datetime.now().astimezone(),
                volume=self._loudness,
                catalogue=tools.catalogue,
                privacy=self._discretion if switching.cloud else None,
                camera=read.camera,
            )
        )
        if len(switching.names) > 1:
            tools.add_built_in(choosing_tools(self._words, switching))
        return tools

    @property
    def gate_rules(self) -> tuple[GateRule, ...]:
        """The owner's rules, with those that follow from the tools of servers."""
        return gate_settings(self._config).rules

    def listen(self, topic: str, handler: Callable[[Message], None]) -> Callable[[], None]:
        """Have every message of a topic filter told; return the undo."""
        return self._bridge.subscribe(topic, handler)

    def renew(self, found: Found) -> None:
        """Take the manifests as they are now; tools that are in use end as they began."""
        self._found = found
        self._refused = self.tools.set_files(found.manifests)
        for problem in (*found.problems, *self._refused):
            log.warning("%s", problem)

    @property
    def connected(self) -> bool:
        """Whether the broker can be reached now."""
        return self._bridge.connected

    @property
    def trouble(self) -> str:
        """Why it cannot."""
        return self._bridge.reason

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with manifests and what else the owner wrote, one line each."""
        broker = self._from_broker.problems() if self._from_broker is not None else ()
        parts = (line for part in self.parts for line in part.problems())
        return (*self._found.problems, *self._refused, *broker, *parts)

    async def settle(self) -> None:
        """Wait, not for long, until it is known whether there is a broker and what it retains."""
        try:
            async with asyncio.timeout(LONGEST_CONNECT):
                await self._told.wait()
        except TimeoutError:
            return
        if self._awaited is not None:
            await self._see(self._awaited)
        if self.connected:
            await asyncio.sleep(SETTLING)
            for part in self.parts:
                await part.settle()

    async def _see(self, topic: str) -> None:
        seen = asyncio.Event()
        undo = self._bridge.subscribe(topic, lambda _: seen.set())
        try:
            async with asyncio.timeout(LONGEST_START):
                await seen.wait()
        except TimeoutError:
            log.warning("the simulated kitchen has not started within %.0f s", LONGEST_START)
        finally:
            undo()

    def serve(self, box: Box) -> None:
        """Let the house tell this box what to do, and tell the house what it does."""
        self._box = box
        presence = Presence(self._bridge, self._own, speech=self._config.homeassistant.speech)
        self._presence = presence
        self._errands = Errands(
            box,
            presence,
            loudness=self._loudness,
            discretion=self._discretion,
            switching=self.switching,
            kept=self._kept,
        )
        self._commands = CommandTopics(
            self._bridge, self._own, root=self._config.mqtt.root, commands=self._errands
        )
        self._loudness.attach(box)
        self._quiet.start()
        self._discretion.attach(box)
        if self._discretion.get():
            presence.show_private(private=True)
        self.switching.told.append(presence.show_chosen)
        presence.show_chosen(self.switching.chosen)
        box.cues.append(presence.show)
        box.private.append(self._show_private)
        box.timeline.tell(presence)
        for part in self.parts:
            part.serve(box, self.tell)

    def leave(self) -> None:
        """Serve it no longer."""
        for part in self.parts:
            part.leave()
        self._quiet.stop()
        if self._ducker is not None:
            self._ducker.close()
            self._ducker = None
        if self._commands is not None:
            self._commands.close()
            self._commands = None
        self.switching.told.clear()
        self.switching.attach(None)
        if self._presence is not None:
            self._presence.close()
            self._presence = None
        self._errands = None
        self._box = None
        self._crier = None

    def duck_with(self, ducker: Ducker) -> None:
        """Make other players softer while the box that is served talks; before ``speak_with``."""
        if self._box is None or self._errands is None:
            return
        self._ducker = self._errands.ducker = ducker
        ducker.tell(self._show_ducking)
        self._box.cues.append(ducker.show)

    def wake_with(self, choice: WakeChoice) -> None:
        """Let the house choose the wake word of the box that is served."""
        if self._errands is not None:
            self._errands.wake = choice
            choice.told.append(self._show_waking)
            self._show_waking(choice.now)

    def speak_with(self, voice: Speaks) -> None:
        """Say troubles aloud from now on, once each, with the voice of the box that is served."""
        if self._box is None or self._errands is None:
            return
        self._errands.tell = self.tell
        meanwhile = self._ducker.announce if self._ducker is not None else None
        self._crier = Crier(voice, self._box.announce, meanwhile)
        self._box.cues.append(self._crier.show)
        if self._told.is_set() and not self.connected:
            self._note("trouble", self.trouble)
            self.say("no_house")

    def say(self, key: str) -> None:
        """Say one of the answers (``tools/languages``) aloud when nobody talks."""
        self.tell(self._words.answers[key])

    def tell(self, sentence: str) -> None:
        """Say a sentence aloud when nobody talks."""
        if self._crier is not None:
            self._crier.say(sentence)

    def choose_another(self) -> None:
        """Have the next backend of the order answer, and say who that is."""
        self.tell(choose_another(self._words, self.switching))

    def show_serving(self, name: str, reason: str) -> None:
        """Tell the house who answers, before anything has changed."""
        self.tools.asker.serving(name)
        if self._presence is not None:
            self._presence.show_serving(name, reason)

    def show_money(self, bill: Bill) -> None:
        """Tell the house what was spent."""
        if self._presence is not None:
            self._presence.show_money(bill)

    def _on_state(self, connected: bool, reason: str) -> None:  # noqa: FBT001 - a callback
        self._told.set()
        for part in self.parts:
            part.connection(up=connected)
        if connected:
            self._note("house", "connected to the broker")
            if self._presence is not None:
                self._presence.reconnected()
            return
        self._actions.connection_lost()
        self._note("trouble", reason)
        self.say("no_house")

    def _show_private(self, private: bool) -> None:  # noqa: FBT001 - a callback
        if not private and self._kept is not None:  # the switch, too, takes back what was asked
            self._kept.keep(private=False)
        if self._presence is not None:
            self._presence.show_private(private=private)

    def _show_waking(self, choice: Choice) -> None:
        if self._presence is not None:
            self._presence.show_waking(choice.word, choice.sensitivity)

    def _show_volumes(self, shown: Shown) -> None:
        if self._presence is not None:
            self._presence.show_volumes(shown)

    def _show_ducking(self, soft: bool) -> None:  # noqa: FBT001 - a callback
        if self._presence is not None and self._ducking.mqtt:
            self._presence.show_ducking(soft=soft, by_db=self._ducking.by_db)

    def _note(self, event: str, text: str) -> None:
        if self._box is not None:
            self._timeline.say(Entry(event, self._box.now(), text))
