"""The usual way: FastAPI and SQLModel, the keys looked up by query at each call; no evidence, no quota, no digest."""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession


class UnitKey(SQLModel, table=True):
    __tablename__ = "usual_unit_key"
    __table_args__ = {"schema": "usual"}

    hash: str = Field(primary_key=True)
    unit: str


class MethodKey(SQLModel, table=True):
    __tablename__ = "usual_method_key"
    __table_args__ = {"schema": "usual"}

    hash: str = Field(primary_key=True)
    unit: str
    service: str
    state: str


class Record(SQLModel, table=True):
    __tablename__ = "usual_record"
    __table_args__ = {"schema": "usual"}

    code: str = Field(primary_key=True)
    name: str
    amount: Decimal
    updated: date


engine = create_async_engine(os.environ["USUAL_URL"], pool_size=int(os.environ["USUAL_CONNECTIONS"]), max_overflow=0)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@app.post("/{service}")
async def call(
    service: str, request: Request, x_unit_key: Annotated[str, Header()], x_method_key: Annotated[str, Header()]
) -> dict[str, Any]:
    code = dict(request.query_params)["code"]
    async with AsyncSession(engine) as session:
        unit = (await session.exec(select(UnitKey).where(UnitKey.hash == digest(x_unit_key)))).first()
        grant = (await session.exec(select(MethodKey).where(MethodKey.hash == digest(x_method_key)))).first()
        if unit is None or grant is None or grant.unit != unit.unit or grant.service != service:
            raise HTTPException(403)
        found = await session.exec(select(Record).where(Record.code == code).order_by(col(Record.code)).limit(100))
        return {"SUCCESS": "1", "DATA": [row.model_dump() for row in found]}


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["USUAL_PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
