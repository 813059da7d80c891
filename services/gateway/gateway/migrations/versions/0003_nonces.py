"""Nonces of signed requests, each once for all replicas."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = [
    # A digest of key and nonce. Kept twice as long as the signature can be taken: a clock may be put back.
    "create table signature_nonce (digest bytea primary key, until timestamptz not null)",
    "create index signature_nonce_until on signature_nonce (until)",
    # The values are callers' own, of up to fifteen digits: as numbers they are compared, never made into times.
    """
    create function admit_signature(p_digest bytea, p_created bigint, p_expires bigint, p_age int, p_skew int)
    returns text language plpgsql as $$
    declare
        moment timestamptz := clock_timestamp();
        epoch numeric := extract(epoch from moment);
    begin
        if p_created < epoch - p_age or p_created > epoch + p_skew or p_expires <= epoch then
            return 'stale-signature';
        end if;
        insert into signature_nonce (digest, until)
            values (p_digest, moment + make_interval(secs => 2 * (p_age + p_skew)))
            on conflict do nothing;
        return case when found then 'ok' else 'replay' end;
    end $$
    """,
]


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop function admit_signature")
    op.execute("drop table signature_nonce")
