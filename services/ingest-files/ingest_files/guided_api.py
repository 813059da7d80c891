"""The guided profile over HTTP: what was found in a file, and how the next ones are read."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from common.events.parts import EntryCode, ItemCode
from common.http import Authenticated, In, Out
from ingest_files import guiding
from ingest_files.domain.mapping import Intake
from ingest_files.service import Desk
from vetting.report import Profile

Title = Annotated[str, StringConstraints(min_length=1, max_length=400, pattern=r"^[^\x00]*$")]
SheetName = Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00]*$")]


class IntakeIn(In):
    profile: Profile


class CorrectionIn(In):
    """What was taken wrongly: the item of each title (null: no item), the rows of the header by sheet."""

    titles: Annotated[dict[Title, ItemCode | None], Field(max_length=500)] = Field(default_factory=dict)
    headers: Annotated[
        dict[SheetName, Annotated[list[Annotated[int, Field(ge=1, le=1_048_576)]], Field(max_length=10)]],
        Field(max_length=256),
    ] = Field(default_factory=dict)


class IntakeOut(Out):
    entry: str
    profile: Profile
    titles: dict[str, str | None]
    headers: dict[str, list[int]]
    set_by: str | None
    set_at: datetime | None

    @classmethod
    def of(cls, intake: Intake) -> "IntakeOut":
        return cls(
            entry=intake.entry,
            profile=intake.profile,
            titles=dict(intake.titles),
            headers={sheet: list(rows) for sheet, rows in intake.headers.items()},
            set_by=intake.set_by,
            set_at=intake.set_at,
        )


class DetectedColumnOut(Out):
    column: int
    title: str
    item: str | None


class SkippedOut(Out):
    row: int
    reason: str


class DetectedOut(Out):
    sheet: str
    header_rows: list[int]
    columns: list[DetectedColumnOut]
    records: int
    skipped: list[SkippedOut]


def routes(desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.get("/entries/{entry}/intake", tags=["识别"], summary="资源的文件按哪种形式读取")
    async def intake(entry: EntryCode, caller: Authenticated) -> IntakeOut:
        async with desk.db.begin() as tx:
            return IntakeOut.of(await guiding.intake(tx, entry, caller))

    @router.put("/entries/{entry}/intake", tags=["识别"], summary="选择严格形式或引导形式")
    async def choose(entry: EntryCode, body: IntakeIn, caller: Authenticated) -> IntakeOut:
        async with desk.db.begin() as tx:
            chosen = await guiding.choose(tx, entry, body.profile, caller=caller, clock=desk.clock)
        return IntakeOut.of(chosen)

    @router.post("/entries/{entry}/corrections", tags=["识别"], summary="更正识别结果，以后的文件照此读取")
    async def correct(entry: EntryCode, body: CorrectionIn, caller: Authenticated) -> IntakeOut:
        async with desk.db.begin() as tx:
            corrected = await guiding.correct(tx, entry, body.titles, body.headers, caller=caller, clock=desk.clock)
        return IntakeOut.of(corrected)

    @router.get("/uploads/{upload}/detection", tags=["识别"], summary="从文件中识别出的表头、列和记录")
    async def detection(upload: UUID, caller: Authenticated) -> list[DetectedOut]:
        async with desk.db.begin() as tx:
            found = await guiding.detection(tx, upload, caller)
        return [DetectedOut.model_validate(sheet) for sheet in found or []]

    return router
