"""Makes what `python -m provision secrets` leaves to whoever runs the servers: their administrators' passwords.

For the servers of docker-compose.yml, run in the image of `provision` after that command, on the same folder. What is
there stays, so it can be run at every start. Each container is given its own subfolder and no other; the servers' files
are readable by every user inside, because their images choose their users themselves.
"""

import json
import os
import secrets
import sys
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Final

POSTGRES_USER: Final = "postgres"
KAFKA_USER: Final = "admin"
KAFKA_CONFIG: Final = "/etc/shuqiao/server.properties"
"""Where the broker's container has its configuration; the words of the format name it."""
RELAY_SECRETS: Final = ("gateway_database_url", "gateway_kafka_password")
"""All that the relay of access records is given of the gateway's secrets."""
_BYTES: Final = 24
_OURS, _SERVERS = 0o400, 0o444


def _password(path: Path) -> str:
    """The password in this file, made now if there is none."""
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o755)
        _write(path, secrets.token_urlsafe(_BYTES), _SERVERS)
    return path.read_text()


def _write(path: Path, text: str, mode: int) -> None:
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    new.replace(path)


def _format_words(password: str) -> str:
    """What `kafka-storage.sh @file` reads: as arguments everybody on the machine could see them."""
    cluster = urlsafe_b64encode(b"\0" + secrets.token_bytes(15)).rstrip(b"=").decode()  # begins with no "-"
    admin = f"SCRAM-SHA-256=[name={KAFKA_USER},password={password}]"
    words = ("format", "--ignore-formatted", "--cluster-id", cluster, "--config", KAFKA_CONFIG, "--add-scram", admin)
    return "\n".join(words)


def make(folder: Path) -> None:
    """Make every administrator's password that is missing, and hand it to those who need it."""
    postgres = _password(folder / "postgres" / "password")
    kafka = _password(folder / "kafka" / "admin-password")
    _password(folder / "kafka" / "controller-password")
    store = _password(folder / "minio" / "root-password")
    words = folder / "kafka" / "format-words"
    if not words.exists():
        _write(words, _format_words(kafka), _SERVERS)
    ours = folder / "provision"
    _write(ours / "provision_postgres_url", f"postgresql://{POSTGRES_USER}:{postgres}@postgres:5432/postgres", _OURS)
    _write(ours / "provision_kafka_password", kafka, _OURS)
    _write(ours / "provision_s3_secret_key", store, _OURS)
    relay, first = folder / "gateway-relay", folder / "bootstrap"
    relay.mkdir(exist_ok=True, mode=0o700)
    first.mkdir(exist_ok=True, mode=0o700)
    for name in RELAY_SECRETS:
        _write(relay / name, (folder / "gateway" / name).read_text(), _OURS)
    _write(first / "password", json.loads((ours / "installation.json").read_text())["administrator"], _OURS)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
