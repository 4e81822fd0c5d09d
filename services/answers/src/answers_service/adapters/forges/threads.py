"""Keeps one comment in a pull request, on any forge whose comments are a list."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from answers_service.adapters.http import JsonApi
from answers_service.domain.errors import NotToldError


@dataclass(frozen=True)
class Thread:
    """The comments of one pull request.

    `comments` and `one` are paths, the second with a place for the comment's id. `change` is the
    method that changes a comment. `write` makes the body of a call, and `read` finds the text of a
    comment in an answer.
    """

    api: JsonApi
    listed: str
    comments: str
    one: str
    change: str
    write: Callable[[str], Mapping[str, Any]]
    read: Callable[[Mapping[str, Any]], str]
    page: Callable[[Any], Iterable[Mapping[str, Any]]] = lambda found: found

    def show(self, body: str, handle: str, mark: str) -> str:
        """Show this comment; returns its id.

        Without a handle the comment with the mark is looked for: a function that died may have
        written it, and not have said so.
        """
        text = f"{body}\n\n[//]: # ({mark})"
        known = handle or self._find(mark)
        if known and self._changed(known, text):
            return known
        made = self.api.call("POST", self.comments, self.write(text)).json
        return str(made["id"])

    def _changed(self, known: str, text: str) -> bool:
        """Whether the comment could be changed. Somebody may have deleted it."""
        try:
            self.api.call(self.change, self.one.format(known), self.write(text))
        except NotToldError as error:
            if error.status not in {404, 410}:
                raise
            return False
        return True

    def _find(self, mark: str) -> str:
        found = self.page(self.api.call("GET", self.listed).json)
        return next((str(one["id"]) for one in found if mark in self.read(one)), "")
