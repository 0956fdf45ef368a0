"""Forms of a page, as a browser would fill and send them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from fastapi.testclient import TestClient


@dataclass
class PageForm:
    """A form with what stands in its fields.

    Attributes:
        action: Where it is sent; empty for its own page.
        fields: Values by name; none for a box that is not ticked.
        labels: Per select, its values by their words.
    """

    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._select: str | None = None
        self._text: str | None = None
        self._form: PageForm | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = PageForm(given.get("action", ""))
            self.forms.append(self._form)
        if self._form is None:
            return
        name = given.get("name", "")
        if tag == "input" and name:
            self._input(name, given)
        elif tag == "select":
            self._select = name
            if given.get("aria-label", "").startswith("Meaning of "):
                self._form.columns[given["aria-label"].removeprefix("Meaning of ")] = name
        elif tag == "option" and self._select is not None:
            first = self._select not in self._form.fields
            if first or "selected" in given:
                self._form.fields[self._select] = [given.get("value", "")]
        elif tag == "textarea":
            self._text = name
            self._form.fields[name] = [""]

    def _input(self, name: str, given: dict[str, str]) -> None:
        assert self._form is not None
        if given.get("type") == "file":
            return
        if given.get("type") in ("checkbox", "radio") and "checked" not in given:
            return
        self._form.fields.setdefault(name, []).append(given.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self._text is not None and self._form is not None:
            self._form.fields[self._text] = [data.removeprefix("\n")]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._text = None


def form_of(page: Any, action: str = "") -> PageForm:
    """The form of a page that is sent to an address; "" for the page's own."""
    reader = _Reader()
    reader.feed(page.text)
    found = [form for form in reader.forms if form.action == action]
    assert found, (action, [form.action for form in reader.forms])
    return found[0]


def send(browser: TestClient, page: Any, form: PageForm, **changed: Any) -> Any:
    """Send a form as it stands, with some fields changed."""
    fields: dict[str, Any] = {**form.fields, **changed}
    return browser.post(form.action or str(page.url), data=fields)


def followed(browser: TestClient, answer: Any) -> Any:
    """The page that an answer leads to."""
    assert answer.status_code == 303, answer.text
    page = browser.get(answer.headers["location"])
    while page.status_code == 303:
        page = browser.get(page.headers["location"])
    assert page.status_code == 200, page.text
    return page
