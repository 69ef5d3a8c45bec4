"""The on-device backend as a kind of backend (``backend.kinds.Kind``)."""

from collections.abc import Callable, Sequence

from appliance.backend.context import NOTHING, Handover
from appliance.backend.kinds.seam import Facts, Means
from appliance.backend.local.parts import Parts
from appliance.backend.local.pipeline import LocalBackend
from appliance.catalogue import ToolSpec
from appliance.config import Config
from appliance.errors import BackendUnavailable
from appliance.units import Seconds


class LocalKind:
    """The box itself."""

    def facts(self, config: Config) -> Facts:  # noqa: ARG002 - the same with all settings
        """Describe it."""
        return Facts(title="the box itself", cloud=False, usd_minute=0.0)

    def open(self, means: Means, handover: Handover) -> LocalBackend:
        """Make a session.

        Raises:
            BackendUnavailable: There are no models.
        """
        if means.parts is None:
            raise BackendUnavailable("the models of the box are not loaded")
        return local_backend(means.parts, means.catalogue, means.config, handover)

    async def probe(self, means: Means) -> str:  # noqa: ARG002 - as every kind
        """There is nothing to reach."""
        return "it is always there"


def local_backend(
    parts: Parts,
    catalogue: Callable[[], Sequence[ToolSpec]],
    config: Config,
    handover: Handover = NOTHING,
) -> LocalBackend:
    """Return a session of the on-device backend; call it on the event loop."""
    longest = config.speech.longest_s + config.wake.pre_roll_s + 1.0
    return LocalBackend(
        parts,
        catalogue,
        longest_turn=Seconds(longest),
        handover=handover,
        patience=Seconds(config.tools.patience_s),
    )


KIND = LocalKind()
