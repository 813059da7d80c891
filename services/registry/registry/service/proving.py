"""The use cases of what proves a unit's calls (REQ-G3): only the unit's own administrator puts it on file.

Whoever could put a key on file for a unit could speak in its name, so not even the platform's administrator can; taking
one out of use is a matter of minutes, and both can.
"""

from dataclasses import replace

from sqlmodel.ext.asyncio.session import AsyncSession

from common import outbox
from common.events import UnitState
from common.roles import Caller, Role
from registry import domain, errors, store
from registry.domain import Unit, proofs
from registry.domain.proofs import Proof
from registry.service import Registrar, own_or_platform


async def register_signing_key(tx: AsyncSession, code: str, public: str, caller: Caller, reg: Registrar) -> Unit:
    """A further signing key of a unit, by its public half."""
    _own(caller, code)
    return await _add(tx, code, proofs.of_public_key(public, by=caller.account, at=reg.clock()), "signing-key-added")


async def bind_certificate(
    tx: AsyncSession, code: str, subject: str | None, fingerprint: str | None, caller: Caller, reg: Registrar
) -> Unit:
    """A further client certificate of a unit's systems."""
    _own(caller, code)
    proof = proofs.of_certificate(subject, fingerprint, by=caller.account, at=reg.clock())
    return await _add(tx, code, proof, "certificate-bound")


async def withdraw_signing_key(tx: AsyncSession, code: str, key: str, caller: Caller, reg: Registrar) -> Unit:
    """Take a signing key out of use, for good."""
    return await _drop(tx, code, key, caller, reg, keys=True)


async def release_certificate(tx: AsyncSession, code: str, certificate: str, caller: Caller, reg: Registrar) -> Unit:
    """Bind a certificate no longer; it may be bound again."""
    return await _drop(tx, code, certificate, caller, reg, keys=False)


def _own(caller: Caller, code: str) -> None:
    caller.need(Role.ADMINISTRATOR)
    caller.need_unit(code)


async def _add(tx: AsyncSession, code: str, proof: Proof, action: str) -> Unit:
    unit = await store.unit(tx, code, lock=True)
    if unit.state is UnitState.WITHDRAWN:
        raise errors.UnitState("单位已撤销，不能登记签名公钥或证书", state=unit.state.value)
    held = replace(unit, proofs=proofs.with_proof(unit.proofs, proof))
    return await _save(tx, domain.changed(held, by=proof.registered_by, at=proof.registered_at), action)


async def _drop(tx: AsyncSession, code: str, proof: str, caller: Caller, reg: Registrar, *, keys: bool) -> Unit:
    await own_or_platform(tx, caller, code)
    unit = await store.unit(tx, code, lock=True)
    left = replace(unit, proofs=proofs.without_proof(unit.proofs, proof, keys=keys))
    action = "signing-key-withdrawn" if keys else "certificate-released"
    return await _save(tx, domain.changed(left, by=caller.account, at=reg.clock()), action)


async def _save(tx: AsyncSession, unit: Unit, action: str) -> Unit:
    await store.save_unit(tx, unit, action)
    await outbox.put(tx, domain.event(unit))
    return unit
