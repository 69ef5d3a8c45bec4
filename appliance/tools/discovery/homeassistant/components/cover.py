"""Covers: blinds, shutters, garage doors, gates. Pure."""

from appliance.tools.devices.model import Range, Reader, Trait, Value
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.entry import Draft, Unfit
from appliance.tools.discovery.homeassistant.writing import Scaled, Word, Written, between

PERCENT = Range(0, 100, 1, "%")

OPENINGS = ("open", "closed", "stopped", "opening", "closing")


def state_words(draft: Draft) -> meanings.Words:
    """Return what a cover or valve says of itself."""
    said = {
        draft.text("state_open", "open"): "open",
        draft.text("state_opening", "opening"): "opening",
        draft.text("state_closed", "closed"): "closed",
        draft.text("state_closing", "closing"): "closing",
        draft.text("state_stopped", "stopped"): "stopped",
    }
    return meanings.Words(tuple(said.items()))


def commands(draft: Draft, stop: str | None) -> tuple[tuple[Value, str], ...]:
    """Return what is sent to open, close and stop; ``null`` says that it cannot."""
    wanted = {
        "open": draft.nullable("payload_open", "OPEN"),
        "closed": draft.nullable("payload_close", "CLOSE"),
        "stopped": draft.nullable("payload_stop", stop),
    }
    return tuple((value, payload) for value, payload in wanted.items() if payload is not None)


def ends_of(draft: Draft) -> tuple[float, float]:
    """Return the positions that are closed and open.

    Raises:
        Unfit: They are the same.
    """
    closed, opened = draft.number("position_closed", 0), draft.number("position_open", 100)
    if closed == opened:
        raise Unfit
    return closed, opened


def build(draft: Draft) -> None:
    """Make the thing.

    Raises:
        Unfit: Its ends are the same.
    """
    closed, opened = ends_of(draft)
    command = draft.command("command_topic")
    write: Written | None = None
    pairs: tuple[tuple[Value, str], ...] = ()
    if command is not None:
        pairs = commands(draft, "STOP")
        write = Word(command, pairs)
    position = draft.command("set_position_topic", "set_position_template")
    constants: tuple[tuple[str, object], ...] = (
        ("position_open", opened),
        ("position_closed", closed),
        ("tilt_min", draft.number("tilt_min", 0)),
        ("tilt_max", draft.number("tilt_max", 100)),
    )
    move = None
    if position is not None:
        move = Scaled(position, between(closed, opened), "position", constants)
    if write is None and position is not None:
        ends = (("open", f"{opened:g}"), ("closed", f"{closed:g}"))
        if position.template is None:
            write, pairs = Word(position, ends, "position"), ends
    position_reads = _positions(draft, "position", meanings.Percent(closed, opened))
    draft.add(Trait.POSITION, PERCENT, position_reads, move, tolerance=1.0)
    reads = _openings(draft, closed)
    settable = tuple(str(value) for value, _ in pairs)
    draft.add_words(Trait.OPENING, OPENINGS, settable, reads, write)
    _tilt(draft)


def _openings(draft: Draft, closed: float) -> tuple[Reader, ...]:
    """Return what tells whether it is open: its state, else its position.

    Where one message tells both, "stopped" says less than the position does.
    """
    by_position = _positions(draft, "position", meanings.ZeroIs(closed))
    together = bool(by_position) and draft.topic("state_topic") == draft.topic("position_topic")
    words = state_words(draft)
    if together:
        words = meanings.Words(tuple(pair for pair in words.pairs if pair[1] != "stopped"))
    reads = draft.reads("state_topic", "value_template", words)
    if not reads:
        return by_position
    return (*by_position, *reads) if together else reads


def _positions(draft: Draft, key: str, meaning: meanings.Meaning) -> tuple[Reader, ...]:
    return draft.reads("position_topic", "position_template", meanings.Part(key, meaning))


def _tilt(draft: Draft) -> None:
    low, high = draft.number("tilt_min", 0), draft.number("tilt_max", 100)
    if low == high:
        raise Unfit
    command = draft.command("tilt_command_topic", "tilt_command_template")
    reads = draft.reads("tilt_status_topic", "tilt_status_template", meanings.Percent(low, high))
    write = None
    if command is not None:
        write = Scaled(command, between(low, high), "tilt_position")
    draft.add(Trait.TILT, PERCENT, reads, write, tolerance=1.0)
