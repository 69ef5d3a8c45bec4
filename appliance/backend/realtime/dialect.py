"""The names of the server's events, in the GA dialect. Pure.

Older servers and Azure Voice Live use the names of the Beta; some mix both. Names as in
openai-python 3.52.0, ``types/realtime``.
"""

_FROM_BETA = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
}

IGNORED = frozenset(
    {
        "conversation.created",  # there is only one
        "conversation.item.deleted",  # we asked for it, or do not care
        "conversation.item.input_audio_transcription.delta",  # the whole text follows
        "conversation.item.input_audio_transcription.segment",
        "conversation.item.retrieved",  # for debugging by hand
        "conversation.item.truncated",  # some servers never say so
        "input_audio_buffer.cleared",
        "input_audio_buffer.dtmf_event_received",  # telephones only
        "input_audio_buffer.timeout_triggered",  # its commit and its reply follow
        "mcp_list_tools.completed",
        "mcp_list_tools.in_progress",
        "output_audio_buffer.cleared",  # WebRTC and telephones only
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
        "response.content_part.added",  # the deltas carry everything
        "response.content_part.done",
        "response.function_call_arguments.delta",  # the whole follows
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.output_text.done",
    }
)
"""Events from which nothing follows but that the server is alive."""


def ga(kind: str) -> str:
    """Return the GA name of an event."""
    return _FROM_BETA.get(kind, kind)
