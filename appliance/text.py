"""Text that strangers wrote, made fit to be said or shown."""


def one_line(text: str, longest: int) -> str:
    """Return a text as one line without characters that cannot be seen.

    Args:
        text: Of any length.
        longest: What the caller will cut to; of more than four times that, the rest is not looked
            at.
    """
    seen = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * longest])
    return " ".join(seen.split())
