"""Where the servers are and how to log in: what every provider hands out, whoever started the servers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from stack.errors import BadSettings

POSTGRES_VARIABLE: Final = "SHUQIAO_POSTGRES_URL"
KAFKA_VARIABLE: Final = "SHUQIAO_KAFKA_URL"
S3_VARIABLE: Final = "SHUQIAO_S3_URL"
VARIABLES: Final = (POSTGRES_VARIABLE, KAFKA_VARIABLE, S3_VARIABLE)
REGION: Final = "cn-changning-1"
"""The object store's region where nothing else is said."""


class Provider(StrEnum):
    """Who runs the servers."""

    ENVIRONMENT = "environment"
    DOCKER = "docker"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresEndpoint:
    """A PostgreSQL server and its super user (password by SCRAM)."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)

    def url(self, database: str = "postgres") -> str:
        """`postgresql://user:password@host:port/database`."""
        return f"postgresql://{_login(self.user, self.password)}@{_host(self.host)}:{self.port}/{database}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerEndpoint:
    """An extra listener: the broker listens on `bind_port` and tells its clients to come to `advertised_port`."""

    bind_port: int
    advertised_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaEndpoint:
    """A Kafka broker and its super user (SASL_PLAINTEXT, SCRAM-SHA-256)."""

    bootstrap: str
    user: str
    password: str = field(repr=False)
    listeners: tuple[ListenerEndpoint, ...] = ()

    def url(self) -> str:
        """`kafka://user:password@host:port`."""
        return f"kafka://{_login(self.user, self.password)}@{self.bootstrap}"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Endpoint:
    """An S3 store and its root user; `endpoint` is `host:port`, as MinIO's client wants it."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = REGION
    secure: bool = False

    def url(self) -> str:
        """`http://access:secret@host:port?region=…`."""
        scheme = "https" if self.secure else "http"
        who = _login(self.access_key, self.secret_key)
        return f"{scheme}://{who}@{self.endpoint}?region={quote(self.region, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The three servers and who provides them."""

    provider: Provider
    postgres: PostgresEndpoint
    kafka: KafkaEndpoint
    s3: S3Endpoint

    def variables(self) -> Mapping[str, str]:
        """The environment that names these servers; holds passwords."""
        urls = (self.postgres.url(), self.kafka.url(), self.s3.url())
        return dict(zip(VARIABLES, urls, strict=True))

    def dump(self) -> str:
        """JSON with passwords; for a file of mode 0600."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def load(cls, text: str) -> "Endpoints":
        values = json.loads(text)
        kafka = values["kafka"]
        listeners = tuple(ListenerEndpoint(**one) for one in kafka.pop("listeners"))
        return cls(
            provider=Provider(values["provider"]),
            postgres=PostgresEndpoint(**values["postgres"]),
            kafka=KafkaEndpoint(**kafka, listeners=listeners),
            s3=S3Endpoint(**values["s3"]),
        )


def from_environment(environ: Mapping[str, str]) -> Endpoints | None:
    """The servers named by the environment; None if it names none of the three.

    Raises:
        BadSettings: only some of the three are named (the text says which are missing), or one is not readable.
    """
    missing = [name for name in VARIABLES if not environ.get(name)]
    if len(missing) == len(VARIABLES):
        return None
    if missing:
        names = "、".join(missing)
        raise BadSettings(
            f"三个服务器地址须同时给出,缺少:{names}。",
            f"The addresses of the three servers go together; missing: {', '.join(missing)}.",
        )
    postgres, kafka, s3 = (_split(name, environ[name]) for name in VARIABLES)
    _expect(POSTGRES_VARIABLE, postgres, ("postgresql", "postgres"))
    _expect(KAFKA_VARIABLE, kafka, ("kafka",))
    _expect(S3_VARIABLE, s3, ("http", "https"))
    return Endpoints(
        provider=Provider.ENVIRONMENT,
        postgres=PostgresEndpoint(
            host=_hostname(postgres), port=postgres.port or 5432, user=_user(postgres), password=_password(postgres)
        ),
        kafka=KafkaEndpoint(
            bootstrap=f"{_host(_hostname(kafka))}:{kafka.port or 9092}", user=_user(kafka), password=_password(kafka)
        ),
        s3=S3Endpoint(
            endpoint=s3.netloc.rpartition("@")[2],
            access_key=_user(s3),
            secret_key=_password(s3),
            region=parse_qs(s3.query).get("region", [REGION])[0],
            secure=s3.scheme == "https",
        ),
    )


def _split(name: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is no port
    except ValueError as error:
        raise _unreadable(name) from error
    return parts


def _expect(name: str, parts: SplitResult, schemes: tuple[str, ...]) -> None:
    if parts.scheme not in schemes or not parts.hostname or not parts.username or not parts.password:
        raise _unreadable(name)


def _unreadable(name: str) -> BadSettings:
    """Without the value: it holds a password."""
    forms = dict(
        zip(
            VARIABLES,
            ("postgresql://U:P@host:port", "kafka://U:P@host:port", "http://K:S@host:port?region=R"),
            strict=True,
        )
    )
    return BadSettings(f"{name} 应写作 {forms[name]}。", f"{name} must look like {forms[name]}.")


def _login(user: str, password: str) -> str:
    return f"{quote(user, safe='')}:{quote(password, safe='')}"


def _hostname(parts: SplitResult) -> str:
    return parts.hostname or ""


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _user(parts: SplitResult) -> str:
    return unquote(parts.username or "")


def _password(parts: SplitResult) -> str:
    return unquote(parts.password or "")
