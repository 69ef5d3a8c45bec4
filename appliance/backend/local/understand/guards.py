"""What shows that a sentence asks for nothing now: acting on it would be worse than not. Pure."""

from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.text import Tokens, contains, phrase, starts_with


class Guards:
    """Looks for negations, reports, plans and questions.

    Args:
        language: Whose words.
    """

    def __init__(self, language: Language) -> None:
        given = language.guards
        self._anywhere = tuple(
            (reason, tuple(map(phrase, phrases)))
            for reason, phrases in (
                ("negated", given.negations),
                ("undecided", given.undecided),
                ("an exception", given.exceptions),
                ("in the past", given.past),
                ("for later", given.later),
            )
        )
        self._exceptions = tuple(map(phrase, language.clauses.exceptions))
        self._every = tuple(map(phrase, language.words.all))
        self._reports = tuple(map(phrase, given.reports))
        self._questions = tuple(map(phrase, given.questions))
        self._subjects = tuple(map(phrase, given.subjects))
        self._serious = tuple(map(phrase, given.serious))
        self._statements = tuple(map(phrase, given.statements))

    def objection(self, words: Tokens) -> str | None:
        """Return why nothing may be done, or ``None``."""
        for reason, phrases in self._anywhere:
            if contains(words, phrases):
                return reason
        if contains(words, self._every) and contains(words, self._exceptions):
            return "an exception"
        told = contains(words, self._statements) and not self.is_question(words)
        return "a report" if told or starts_with(words, self._reports) else None

    def is_serious(self, words: Tokens) -> bool:
        """Tell whether it is about what a house guards: there nothing may be guessed."""
        return contains(words, self._serious)

    def tells(self, words: Tokens) -> bool:
        """Tell whether it begins like a sentence in which somebody does something."""
        return starts_with(words, self._subjects) > 0

    def is_question(self, words: Tokens) -> bool:
        """Tell whether it begins like a question."""
        return starts_with(words, self._questions) > 0
