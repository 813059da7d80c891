"""Makes the buckets and the object store's user of `ingest-files`, who can add and read, never delete. Idempotent."""

import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from minio import Minio
from minio.commonconfig import ENABLED
from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin
from minio.versioningconfig import VersioningConfig

from provision.secrets import Secrets

BUCKETS: Final = ("inbox", "reports", "objects", "drop")
"""Files in, reports, unstructured objects, and what units' own systems lay down."""
USER: Final = "ingest-files"


def policy() -> dict[str, Any]:
    """What `ingest-files` may do: put and get objects of its buckets, pinned versions too; nothing else."""
    inside = [f"arn:aws:s3:::{bucket}/*" for bucket in BUCKETS]
    buckets = [f"arn:aws:s3:::{bucket}" for bucket in BUCKETS]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                # Parts that came of an upload are no object yet: throwing them away deletes nothing that was there.
                "Action": [
                    *("s3:PutObject", "s3:GetObject", "s3:GetObjectVersion"),
                    *("s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"),
                ],
                "Resource": inside,
            },
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation"],
                "Resource": buckets,
            },
        ],
    }


def make(
    endpoint: str,
    access_key: str,
    secret_key: str,
    region: str,
    secrets: Secrets,
    *,
    users: bool,
    say: Callable[[str], None],
) -> None:
    """Make what is missing: versioned buckets, and with `users` the service's user and policy (MinIO's admin API)."""
    parts = urlsplit(endpoint)
    secure = parts.scheme == "https"
    client = Minio(parts.netloc, access_key=access_key, secret_key=secret_key, secure=secure, region=region)
    for bucket in BUCKETS:
        if not client.bucket_exists(bucket_name=bucket):
            client.make_bucket(bucket_name=bucket)
        client.set_bucket_versioning(bucket_name=bucket, config=VersioningConfig(ENABLED))
    say(f"buckets: {', '.join(BUCKETS)}")
    if not users:
        return
    admin = MinioAdmin(
        endpoint=parts.netloc, credentials=StaticProvider(access_key, secret_key), region=region, secure=secure
    )
    admin.policy_add(USER, policy=policy())
    admin.user_add(USER, secrets.s3[USER])
    admin.attach_policy([USER], user=USER) if USER not in _attached(admin) else None
    say(f"user: {USER}")


def _attached(admin: MinioAdmin) -> set[str]:
    found = json.loads(admin.user_info(USER))
    return set((found.get("policyName") or "").split(","))
