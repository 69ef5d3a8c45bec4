"""The on-device backend: the pipeline with the parts of the box.

Everything that takes time runs in one worker thread of its own; the event loop only waits for it.
"""

from collections.abc import Callable, Sequence

from appliance.backend.context import NOTHING, Handover
from appliance.backend.local.hearing import LocalStt
from appliance.backend.local.mind import LocalMind
from appliance.backend.local.parts import Parts, Speaks
from appliance.backend.local.speaking import LocalTts
from appliance.backend.local.worker import Worker
from appliance.backend.pipeline.parts import Trio
from appliance.backend.pipeline.session import PipelineBackend
from appliance.backend.pipeline.terms import LONGEST_TURN, PATIENCE, Terms
from appliance.catalogue import ToolSpec
from appliance.units import Seconds

__all__ = ["LONGEST_TURN", "PATIENCE", "LocalBackend", "Parts", "Speaks"]


class LocalBackend(PipelineBackend):
    """Answers by itself, with what is on the device: ``ports.Backend``.

    A picture is not refused: the reply says that it cannot be seen here.

    Args:
        parts: The models and phrases.
        catalogue: Gives the tools that can be called now; called on the event loop.
        longest_turn: Sound that one turn may have.
        handover: What the conversation has come to.
        patience: How long the answers to calls may take before the user is told so; infinite: as
            long as they like, for recordings whose sound stands still meanwhile.
        stages: Whether it tells what each part took; ``Transcribed`` and ``Understood`` say most
            of it already.
    """

    def __init__(
        self,
        parts: Parts,
        catalogue: Callable[[], Sequence[ToolSpec]],
        *,
        longest_turn: Seconds = LONGEST_TURN,
        handover: Handover = NOTHING,
        patience: Seconds = PATIENCE,
        stages: bool = False,
    ) -> None:
        self._parts = parts
        self._worker = Worker(parts.in_use)
        terms = Terms("local", "the on-device backend", longest_turn, patience, stages=stages)
        trio = Trio(
            LocalStt(parts, self._worker),
            LocalMind(parts, self._worker, catalogue, handover),
            LocalTts(parts, self._worker),
        )
        super().__init__(trio, parts.phrases, catalogue, terms, handover)
