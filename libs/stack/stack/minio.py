"""MinIO, the object store: how it is started and known to be ready. It initialises its folder itself."""

from pathlib import Path
from typing import Final

from stack.endpoints import REGION
from stack.folder import Secrets
from stack.program import HttpReady, Program

NAME: Final = "minio"


def program(binary: Path, data: Path, certificates: Path, port: int, secrets: Secrets) -> Program:
    """How MinIO is run on the loopback: plain HTTP, our root user, no browser, no look for updates.

    `certificates` is an empty folder: the one of the user's home would turn TLS on.
    """
    return Program(
        name=NAME,
        argv=(
            str(binary), "server", "--quiet", "--address", f"127.0.0.1:{port}",
            "--certs-dir", str(certificates), str(data),
        ),
        cwd=data.parent,
        env={
            "HOME": str(certificates),
            "MINIO_ROOT_USER": secrets.s3_access_key,
            "MINIO_ROOT_PASSWORD": secrets.s3_secret_key,
            "MINIO_REGION": REGION,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        },
        probe=HttpReady(port=port, path="/minio/health/ready"),
    )  # fmt: skip
