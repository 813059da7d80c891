"""Addresses: read from the environment all together or not at all, and never shown with their passwords."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.endpoints import (
    VARIABLES,
    Endpoints,
    KafkaEndpoint,
    ListenerEndpoint,
    PostgresEndpoint,
    Provider,
    S3Endpoint,
    from_environment,
)
from stack.errors import BadSettings

GIVEN = {
    "SHUQIAO_POSTGRES_URL": "postgresql://owner:p%40ss@db.internal:6432/postgres",
    "SHUQIAO_KAFKA_URL": "kafka://admin:k%2Fey@broker:19092",
    "SHUQIAO_S3_URL": "https://access:secret@store.internal:9000?region=cn-east",
}
WORD = st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable())
PORT = st.integers(1, 65535)


def test_without_the_three_variables_nothing_is_named():
    assert from_environment({}) is None
    assert from_environment(dict.fromkeys(VARIABLES, "")) is None


def test_the_three_variables_name_the_servers():
    endpoints = from_environment(GIVEN)
    assert endpoints == Endpoints(
        provider=Provider.ENVIRONMENT,
        postgres=PostgresEndpoint(host="db.internal", port=6432, user="owner", password="p@ss"),
        kafka=KafkaEndpoint(bootstrap="broker:19092", user="admin", password="k/ey"),
        s3=S3Endpoint(
            endpoint="store.internal:9000", access_key="access", secret_key="secret", region="cn-east", secure=True
        ),
    )


@pytest.mark.parametrize("missing", VARIABLES)
def test_a_missing_variable_is_named(missing):
    with pytest.raises(BadSettings) as refused:
        from_environment({name: url for name, url in GIVEN.items() if name != missing})
    assert missing in refused.value.zh
    assert missing in refused.value.en
    assert not any(name in refused.value.en for name in VARIABLES if name != missing)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("SHUQIAO_POSTGRES_URL", "mysql://u:hush@h:1"),
        ("SHUQIAO_POSTGRES_URL", "postgresql://u:hush@h:port"),
        ("SHUQIAO_KAFKA_URL", "kafka://:hush@h:1"),
        ("SHUQIAO_KAFKA_URL", "broker:9092"),
        ("SHUQIAO_S3_URL", "http://access@h:1"),
        ("SHUQIAO_S3_URL", "http://access:hush@[::1"),
    ],
)
def test_an_unreadable_address_is_refused_by_its_name_and_without_its_password(name, url):
    with pytest.raises(BadSettings) as refused:
        from_environment({**GIVEN, name: url})
    assert name in refused.value.zh
    assert "hush" not in str(refused.value)


@given(user=WORD, password=WORD, port=PORT, region=WORD, secure=st.booleans())
def test_what_env_prints_is_read_back_as_the_same_servers(user, password, port, region, secure):
    written = Endpoints(
        provider=Provider.ENVIRONMENT,
        postgres=PostgresEndpoint(host="127.0.0.1", port=port, user=user, password=password),
        kafka=KafkaEndpoint(bootstrap=f"127.0.0.1:{port}", user=user, password=password),
        s3=S3Endpoint(endpoint=f"127.0.0.1:{port}", access_key=user, secret_key=password, region=region, secure=secure),
    )
    assert from_environment(written.variables()) == written
    assert Endpoints.load(written.dump()) == written


def test_listeners_are_kept_in_the_folders_record():
    endpoints = from_environment(GIVEN)
    listener = ListenerEndpoint(bind_port=1, advertised_port=2)
    kafka = KafkaEndpoint(bootstrap="b:1", user="u", password="p", listeners=(listener,))
    written = Endpoints(provider=Provider.LOCAL, postgres=endpoints.postgres, kafka=kafka, s3=endpoints.s3)
    assert Endpoints.load(written.dump()) == written


def test_passwords_are_not_shown():
    shown = repr(from_environment(GIVEN))
    assert not any(word in shown for word in ("p@ss", "k/ey", "secret'"))
    assert "access" in shown
