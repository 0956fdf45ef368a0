"""A person at a browser, and what they should never meet."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize

from app.demo.people import PASSWORD
from tests.journeys.company import Served

AXE: Final = (Path(__file__).parent / "vendor/axe.min.js").read_text(encoding="utf-8")
# Every rule that axe-core has on by itself; none is switched off. Style sheets are not loaded once
# more (preload): no rule that is on reads them.
RUN_AXE: Final = """async (only) => (await axe.run(document, {
        resultTypes: ["violations"], preload: false, runOnly: only ?? undefined,
    })).violations
    .flatMap((rule) => rule.nodes.map((node) =>
        `${rule.id} at ${node.target.join(" ")}: ${node.failureSummary}`))"""
TOO_WIDE: Final = """() => document.documentElement.scrollWidth <= innerWidth ? []
    : [...document.querySelectorAll("body *")]
        .filter((one) => one.getBoundingClientRect().right > innerWidth && !one.closest(".scroll"))
        .map((one) => `wider than the window: ${one.outerHTML.slice(0, 80)}`)"""
# By night nothing but colours changes, and by night they are the same on every window.
COLORS: Final = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
DESK: Final = ViewportSize(width=1440, height=900)
PHONE: Final = ViewportSize(width=390, height=844)
ALBUM: Final = "PILOTBOOK_SCREENSHOTS"


@dataclass
class Visitor:
    """Somebody at a browser; `met` is what a page should not have done."""

    site: Served
    context: BrowserContext
    page: Page = field(init=False)
    met: list[str] = field(default_factory=list)
    _opened: set[str] = field(default_factory=set)
    _examining: bool = False

    def __post_init__(self) -> None:
        self.context.on("request", self._requested)
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self.met.append(f"script: {error.error}"))
        self.page = self.context.new_page()

    def go(self, path: str) -> Page:
        """Open a page of the site."""
        self.page.goto(f"{self.site.origin}{path}")
        return self.page

    def sign_in(self, email: str) -> Page:
        """Sign in as somebody of the demo company."""
        page = self.go("/sign-in")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/pilots")
        return page

    def faults(self, name: str) -> list[str]:
        """What keeps people from using the page that is shown, by day and night, wide and narrow.

        Args:
            name: Of the page, by which its pictures are kept where `PILOTBOOK_SCREENSHOTS` says so.
        """
        page = self.page
        # axe-core brings styles of its own into the page, which the site's policy refuses.
        self._examining = True
        page.evaluate(f"typeof axe === 'object' || (() => {{ {AXE} }})()")
        found = []
        for size in (DESK, PHONE):
            page.set_viewport_size(size)
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                look = f"{name} {size['width']} {theme}"
                broken = page.evaluate(TOO_WIDE)
                if theme == "light":
                    broken += page.evaluate(RUN_AXE)
                elif size is DESK:
                    broken += page.evaluate(RUN_AXE, COLORS)
                found += [f"{look}: {fault}" for fault in broken]
                _keep(page, look)
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light")
        self._examining = False
        return found

    def _requested(self, request: Request) -> None:
        if request.is_navigation_request():
            self._opened.add(request.url)
        if not request.url.startswith((f"{self.site.origin}/", "data:", "blob:")):
            self.met.append(f"another host: {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        # A page that refuses something, such as a form with an error, is told of as a resource.
        is_refusal = message.text.startswith("Failed to load resource: the server responded")
        if is_refusal and message.location["url"] in self._opened:
            return
        if message.type in ("error", "warning") and not self._examining:
            self.met.append(f"console: {message.text} ({message.location})")


def open_visitor(site: Served, browser: Browser, **settings: Any) -> Visitor:
    """Somebody new at a browser of their own."""
    settings = {"viewport": DESK, "locale": "en-US", "reduced_motion": "reduce", **settings}
    context = browser.new_context(base_url=site.origin, **settings)
    context.set_default_timeout(15_000)
    return Visitor(site, context)


def _keep(page: Page, look: str) -> None:
    """A picture for the album, where one is asked for."""
    if ALBUM in os.environ:
        name = "-".join(re.findall(r"\w+", look))
        page.screenshot(path=Path(os.environ[ALBUM]) / f"{name}.png", full_page=True)
