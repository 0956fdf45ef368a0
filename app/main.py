"""The site: `create_app` puts pages, calls and their guards together."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.datastructures import State

from app import errors
from app.analyse import api as analyse_api
from app.analyse import pages as analyse_pages
from app.database import Database, open_database
from app.decide import api as decide_api
from app.decide import pages as decide_pages
from app.enrol import api as enrol_api
from app.enrol import pages as enrol_pages
from app.jobs import api as jobs_api
from app.jobs import pages as jobs_pages
from app.people import account, admin
from app.people import pages as people_pages
from app.people.guessing import Guessing
from app.plan import agreement
from app.plan import api as plan_api
from app.plan import pages as plan_pages
from app.record import api as record_api
from app.record import correcting_api, correcting_pages, ledger_pages
from app.record import pages as record_pages
from app.report import api as report_api
from app.report import pages as report_pages
from app.road import api as road_api
from app.road import pages as road_pages
from app.settings import Settings, utc_now
from app.upkeep import erase_pages
from app.upkeep import pages as upkeep_pages
from app.value import api as value_api
from app.value import pages as value_pages
from app.web import probes
from app.web.api import PREFIX
from app.web.assets import Assets, mounted_at
from app.web.headers import SecurityHeaders
from app.web.idempotency import Idempotency
from app.web.metering import Metering, Meters
from app.web.same_origin import SameOrigin
from experiments.errors import BadInput

API: Final[Sequence[APIRouter]] = (
    plan_api.router,
    enrol_api.router,
    record_api.router,
    correcting_api.router,
    jobs_api.router,
    road_api.router,
    analyse_api.router,
    value_api.router,
    decide_api.router,
    report_api.router,
)
# /pilots/{slug} comes last, because /pilots/new is no pilot.
PAGES: Final[Sequence[APIRouter]] = (
    probes.router,
    people_pages.router,
    account.router,
    admin.router,
    plan_pages.router,
    plan_pages.lookups,
    agreement.router,
    enrol_pages.router,
    record_pages.router,
    upkeep_pages.router,  # before /ledger/{batch}
    erase_pages.router,
    ledger_pages.router,
    correcting_pages.router,
    jobs_pages.router,
    analyse_pages.router,
    value_pages.router,
    decide_pages.router,
    report_pages.router,
    road_pages.router,
)


def create_app(
    settings: Settings,
    *,
    database: Database | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> FastAPI:
    """The application.

    Args:
        settings: What the environment decides; a secret key is needed.
        database: An open registry; opened from the settings, and closed at the end, where None.
        clock: Says what time it is.

    Raises:
        BadInput: There is no secret key.
    """
    return equip(assemble(), settings, database=database, clock=clock)


def assemble() -> FastAPI:
    """Routes and guards, which belong to no installation yet."""
    app = FastAPI(
        title="Pilotbook",
        version=version("pilotbook"),
        summary="The book of a company's CRM pilots.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    errors.install(app)
    for router in API:
        app.include_router(router)
    for router in PAGES:
        app.include_router(router, include_in_schema=False)
    app.mount(mounted_at(), Assets(), name="static")
    # The last one added is the first to see a request.
    app.add_middleware(Idempotency)
    app.add_middleware(SameOrigin)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Metering)
    return app


def equip(
    app: FastAPI,
    settings: Settings,
    *,
    database: Database | None,
    clock: Callable[[], datetime],
) -> FastAPI:
    """Give the routes an installation (arguments as for `create_app`)."""
    if settings.secret_key is None:
        raise BadInput(
            "PILOTBOOK_SECRET_KEY is missing; set it to a random text of at least 32 characters, "
            "the same for every process of the site."
        )
    app.state = State()
    app.state.settings = settings
    app.state.secret_key = settings.secret_key.get_secret_value()
    app.state.clock = clock
    app.state.guessing = Guessing()
    app.state.meters = Meters()
    app.state.database = database or open_database(settings.database_url)
    app.state.closes_database = database is None
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    if app.state.closes_database:
        app.state.database.close()
