"""The parts of a house, one line each."""

from appliance.app.ground import Ground, Part


def parts_of(ground: Ground) -> tuple[Part, ...]:
    """Make them, in the order in which they are told of things."""
    makers: tuple[type[Part], ...] = ()
    return tuple(make(ground) for make in makers)  # type: ignore[call-arg]
