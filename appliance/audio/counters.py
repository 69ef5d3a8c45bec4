"""What was lost on the way of sound: counted, shown, never hidden."""

from dataclasses import dataclass


@dataclass(slots=True)
class CardCounters:
    """Running totals since the start; each is written by one thread and read by any."""

    blocks: int = 0
    """Blocks of 10 ms that were captured."""

    input_overflows: int = 0
    """Times the driver threw captured sound away before we saw it."""

    output_underflows: int = 0
    """Times the driver had nothing of ours to play and inserted a gap."""

    blocks_without_input: int = 0
    """Blocks of a duplex stream that came without captured sound."""

    ring_overflows: int = 0
    """Blocks that the hearing thread was too late for."""

    reply_gaps: int = 0
    """Times a reply went silent in the middle because its next piece was not there yet."""

    reference_slips: int = 0
    """Times what the loudspeaker played moved against what the microphones heard, or was not known
    for a moment: an underflow, a lost block, a clock that jumped."""

    reconnects: int = 0
    """Times the card was opened again after it had been lost."""
