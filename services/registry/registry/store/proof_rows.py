"""Rows of what proves a unit's calls: signing keys and client certificates."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from common import db
from registry import errors
from registry.domain.proofs import Proof, ProofKind
from registry.store.tables import Rows


class ProofRow(Rows, table=True):
    __tablename__ = "unit_proof"

    unit: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    kind: str
    value: str
    registered_at: datetime
    registered_by: str
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None


async def live(tx: AsyncSession, units: Iterable[str]) -> dict[str, list[Proof]]:
    """What is not withdrawn, by unit, the oldest first."""
    wanted = list(units)
    query = (
        select(ProofRow)
        .where(col(ProofRow.unit).in_(wanted), col(ProofRow.withdrawn_at).is_(None))
        .order_by(col(ProofRow.registered_at), col(ProofRow.id))
    )
    found: dict[str, list[Proof]] = {unit: [] for unit in wanted}
    for row in await tx.exec(query):
        found[row.unit].append(
            Proof(
                id=row.id,
                kind=ProofKind(row.kind),
                value=row.value,
                registered_at=row.registered_at,
                registered_by=row.registered_by,
            )
        )
    return found


async def save(tx: AsyncSession, unit: str, proofs: tuple[Proof, ...], *, by: str, at: datetime) -> None:
    """Write what a unit has now; what it no longer has is withdrawn.

    Raises:
        ProofKnown: one of them was withdrawn before, which is for good.
    """
    held = {proof.id for proof in (await live(tx, [unit]))[unit]}
    for proof in proofs:
        if proof.id not in held:
            tx.add(
                ProofRow(
                    unit=unit,
                    id=proof.id,
                    kind=proof.kind.value,
                    value=proof.value,
                    registered_at=proof.registered_at,
                    registered_by=proof.registered_by,
                )
            )
    gone = held - {proof.id for proof in proofs}
    if gone:
        await tx.exec(
            update(ProofRow)
            .where(col(ProofRow.unit) == unit, col(ProofRow.id).in_(gone))
            .values(withdrawn_at=at, withdrawn_by=by)
        )
    try:
        await tx.flush()
    except IntegrityError as error:
        raise errors.ProofKnown("该签名公钥曾经登记并已撤销，不能再次登记", constraint=db.violated(error)) from error
