"""Makes what the services need, as an administrator: python -m provision databases|topics|buckets|secrets."""

import argparse
import asyncio
import sys
from pathlib import Path

from common.settings import read_or_exit
from provision import buckets, databases, secrets, topics
from provision.plan import SERVICES
from provision.settings import BucketSettings, DatabaseSettings, TopicSettings


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _secrets(path: Path) -> secrets.Secrets:
    if not path.exists():
        sys.exit(f"{path} is not there; make it with `python -m provision secrets --file {path}`")
    return secrets.load(path)


def _write(options: argparse.Namespace) -> None:
    made = secrets.load_or_make(options.file)
    _say(f"secrets: {options.file}")
    if options.folder is None:
        return
    at = secrets.Addresses(
        postgres_host=options.postgres_host,
        postgres_port=options.postgres_port,
        kafka=options.kafka,
        s3_endpoint=options.s3,
        s3_region=options.region,
    )
    for service in SERVICES:
        secrets.write_folder(options.folder / service, secrets.of_service(service, made, at))
        secrets.write_folder(options.folder / f"{service}-migrate", secrets.of_migration(service, made, at))
    _say(f"folders: {options.folder}/<service> and <service>-migrate")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m provision", description=__doc__)
    sub = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sub.add_parser("databases", help="roles and databases of every service, and the exchange store")
    sub.add_parser("topics", help="principals, topics and rights in Kafka")
    sub.add_parser("buckets", help="buckets and the user of ingest-files in the object store")
    write = sub.add_parser("secrets", help="make the secrets of a new installation, and each service's folder of them")
    write.add_argument("--file", type=Path, required=True, help="where all secrets are kept (mode 0600)")
    write.add_argument("--folder", type=Path, help="write a folder per service below this one (mode 0400)")
    write.add_argument("--postgres-host", default="postgres")
    write.add_argument("--postgres-port", type=int, default=5432)
    write.add_argument("--kafka", default="kafka:9092")
    write.add_argument("--s3", default="http://minio:9000")
    write.add_argument("--region", default="cn-changning-1")
    options = parser.parse_args(arguments)
    match options.command:
        case "databases":
            database = read_or_exit(DatabaseSettings)
            made = _secrets(database.secrets_file)
            asyncio.run(databases.make(database.postgres_url.get_secret_value(), made))
            _say(f"databases: {', '.join(SERVICES)}, exchange")
        case "topics":
            topic = read_or_exit(TopicSettings)
            made = _secrets(topic.secrets_file)
            admin = topics.client(
                topic.kafka_servers, topic.kafka_user, topic.kafka_password.get_secret_value(), tls=topic.kafka_tls
            )
            topics.make(admin, made, replicas=topic.kafka_replicas, say=_say)
        case "buckets":
            bucket = read_or_exit(BucketSettings)
            buckets.make(
                bucket.s3_endpoint,
                bucket.s3_access_key,
                bucket.s3_secret_key.get_secret_value(),
                bucket.s3_region,
                _secrets(bucket.secrets_file),
                users=bucket.s3_users,
                say=_say,
            )
        case _:
            _write(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
