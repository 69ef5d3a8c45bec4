"""Text → phonemes, by espeak-ng.

It runs as a program of its own: its licence is the GPL, and this process stays outside of it.
"""

import re
import shutil
import subprocess
import unicodedata

from appliance.errors import ModelError

PROGRAM = "espeak-ng"
PATIENCE_S = 5.0
"""A sentence takes about 20 ms; a loaded board may need longer."""

_CLAUSE = re.compile(r"([,;:])(?=\s)|\s[\u2013\u2014-]+(?=\s)|[\u2013\u2014]")  # also dashes
_CLOSE = re.compile(r"[\s\"'\u201d\u2019)\]]*([.!?\u2026]*)[\s\"'\u201d\u2019)\]]*$")
_SWITCH = re.compile(r"\([a-z-]+\)")  # espeak-ng marks words of another language: (fr)...(en)


def phonemes(sentence: str, *, voice: str) -> str:
    """Return IPA as Piper's voices were trained on it: with stress and punctuation, decomposed.

    Args:
        sentence: One sentence, its closing mark included.
        voice: espeak-ng's name of the accent, from the voice's own file: ``en-us``.

    Raises:
        ModelError: espeak-ng is missing, does not know the voice or does not come back.
    """
    clauses, marks = _clauses(sentence)
    if not clauses:
        return ""
    lines = _run("\n".join(clauses), voice)
    if len(lines) != len(clauses):  # it cut one of them further
        lines = [" ".join(_run(clause, voice)) for clause in clauses]
    spoken = "".join(line + mark for line, mark in zip(lines, marks, strict=True))
    return unicodedata.normalize("NFD", spoken)


def _clauses(sentence: str) -> tuple[list[str], list[str]]:
    """Cut at the marks that espeak-ng would swallow; give each clause what follows it."""
    text = " ".join(sentence.split())
    close = _CLOSE.search(text)
    body = text[: close.start()] if close else text
    last = close[1][:1].replace("…", ".") if close else ""
    clauses: list[str] = []
    marks: list[str] = []
    begin = 0
    for mark in _CLAUSE.finditer(body):
        if any(letter.isalnum() for letter in body[begin : mark.start()]):
            clauses.append(body[begin : mark.start()].strip())
            marks.append(f"{mark[1] or ','} ")
            begin = mark.end()
    if any(letter.isalnum() for letter in body[begin:]):
        clauses.append(body[begin:].strip())
        marks.append(last or ".")
    elif clauses:
        marks[-1] = last or "."
    return clauses, marks


def _run(text: str, voice: str) -> list[str]:
    """Have espeak-ng write down each line of ``text``; it gives a line for each of its clauses."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise ModelError(f"the program {PROGRAM} is missing; install the package {PROGRAM}")
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments; the text goes through a pipe
            [program, "-q", "--ipa", "-b", "1", "-v", voice],
            input=text.encode(),
            capture_output=True,
            check=True,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{PROGRAM} did not answer within {PATIENCE_S} s") from error
    except (OSError, subprocess.CalledProcessError) as error:
        raise ModelError(f"{PROGRAM} failed with the voice {voice!r}") from error
    lines = done.stdout.decode(errors="ignore").splitlines()
    return [_SWITCH.sub("", line).strip() for line in lines if line.strip()]
