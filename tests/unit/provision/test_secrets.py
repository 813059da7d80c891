"""The secrets of an installation: made once, kept so that nobody else can read them, handed out by the piece."""

import base64
import dataclasses
import hashlib
import json
import os
import stat

import pytest
from sqlalchemy.engine import make_url

from provision import __main__ as command
from provision import databases, secrets
from provision.plan import SERVICES
from provision.secrets import Addresses

AT = Addresses(postgres_host="h", postgres_port=5432, kafka="k:9092", s3_endpoint="http://s:9000", s3_region="r")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def generous_umask():
    """Files are made for everybody, unless the code says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_no_two_secrets_are_the_same_and_none_is_short():
    made = secrets.generate()
    every = [*made.database.values(), *made.kafka.values(), *made.s3.values()]
    every += [*made.clients.values(), made.pepper, made.evidence_pepper, made.administrator, made.signing_key]
    assert len(set(every)) == len(every)
    assert min(map(len, every)) >= 16
    assert min(map(len, (made.pepper, made.evidence_pepper))) >= 32
    assert secrets.generate() != secrets.generate()


def test_they_are_made_once_and_found_again(tmp_path, generous_umask):
    path = tmp_path / "deep" / "secrets.json"
    made = secrets.load_or_make(path)
    assert secrets.load_or_make(path) == made
    assert mode(path) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secrets.json"], "nothing half-written is left"


def test_what_an_older_version_did_not_make_is_added_once_and_nothing_else_changes(tmp_path, generous_umask):
    path = tmp_path / "secrets.json"
    made = secrets.load_or_make(path)
    newer = {"clients", "answer_keys"}
    older = {name: value for name, value in json.loads(path.read_text()).items() if name not in newer}
    path.write_text(json.dumps(older))
    assert secrets.load(path).clients == {}, "reading alone adds nothing"
    assert secrets.load(path).answer_keys == []
    added = secrets.load_or_make(path)
    assert set(added.clients) == set(secrets.CLIENTS)
    assert secrets.load_or_make(path) == secrets.load(path) == added
    assert dataclasses.replace(added, clients=made.clients, answer_keys=made.answer_keys) == made
    assert mode(path) == 0o600


def test_a_client_holds_its_secret_and_the_register_its_digest_alone():
    made = secrets.generate()
    secret = secrets.of_service("gateway", made, AT)["gateway_client_secret"]
    held = secrets.of_service("registry", made, AT)
    assert json.loads(held["registry_clients"]) == {"gateway": hashlib.sha256(secret.encode()).hexdigest()}
    for service in SERVICES:
        if service != "gateway":
            assert secret not in "".join(secrets.of_service(service, made, AT).values())


def test_the_gateway_signs_with_the_newest_key_and_the_register_tells_public_halves_alone():
    old, made = secrets.generate(), secrets.generate()
    both = dataclasses.replace(made, answer_keys=[*made.answer_keys, *old.answer_keys])
    private = json.loads(secrets.of_service("gateway", both, AT)["gateway_answer_key"])
    told = json.loads(secrets.of_service("registry", both, AT)["registry_answer_keys"])
    assert [key["x"] for key in told] == [json.loads(key)["x"] for key in both.answer_keys]
    assert told[0]["x"] == private["x"]
    assert all("d" not in key and len(key["kid"]) == 43 for key in told)
    for service in SERVICES:
        if service != "gateway":
            assert private["d"] not in "".join(secrets.of_service(service, both, AT).values())


def test_a_file_is_never_readable_by_others_not_even_while_it_is_written(tmp_path, generous_umask, monkeypatch):
    modes = []
    replace = secrets.Path.replace

    def spied(path, target):
        modes.append(mode(path))
        return replace(path, target)

    monkeypatch.setattr(secrets.Path, "replace", spied)
    secrets.write_folder(tmp_path / "folder", {"a": "x", "b": "y"})
    assert modes == [0o400, 0o400]


def test_a_folder_holds_a_file_per_setting_and_what_it_held_before_is_gone(tmp_path, generous_umask):
    folder = tmp_path / "registry"
    secrets.write_folder(folder, {"old": "1", "kept": "2"})
    secrets.write_folder(folder, {"kept": "3", "new": "4"})
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"kept": "3", "new": "4"}
    assert mode(folder) == 0o700
    assert {mode(file) for file in folder.iterdir()} == {0o400}


def test_a_password_with_any_character_stands_whole_in_an_address():
    odd = "p@ss/wörd:%?#"
    made = secrets.generate()
    made.database["catalog_app"] = odd
    url = make_url(secrets.postgres_url(made, AT, "catalog_app", "catalog"))
    assert (url.password, url.host, url.database) == (odd, "h", "catalog")


def test_a_password_goes_to_the_server_as_a_verifier(monkeypatch):
    # The verifier of RFC 7677's example (user "user", password "pencil"), as PostgreSQL writes it.
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    monkeypatch.setattr(databases.os, "urandom", lambda _: salt)
    assert databases.verifier("pencil") == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
        "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_every_verifier_has_a_salt_of_its_own():
    assert databases.verifier("pencil") != databases.verifier("pencil")


# --- The command ----------------------------------------------------------------------------------------------------


def test_the_command_makes_the_file_and_a_folder_for_each_service_and_its_migration(tmp_path, capsys):
    file, folder = tmp_path / "secrets.json", tmp_path / "secrets"
    for _ in range(2):
        arguments = ["secrets", "--file", str(file), "--folder", str(folder)]
        assert command.main(arguments) == 0
        written = {path.relative_to(folder): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert {path.parts[0] for path in written} == {*SERVICES, *(f"{service}-migrate" for service in SERVICES)}
    made = json.loads(file.read_text())
    out = capsys.readouterr().out
    for secret in (*made["database"].values(), *made["kafka"].values(), made["pepper"], made["administrator"]):
        assert secret not in out


def test_the_file_alone_is_made_where_no_folder_is_asked_for(tmp_path):
    assert command.main(["secrets", "--file", str(tmp_path / "s.json")]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]


@pytest.mark.parametrize("what", ["databases", "topics", "buckets"])
def test_a_missing_setting_ends_it_and_is_named(what, capsys, monkeypatch):
    monkeypatch.delenv("SHUQIAO_SECRETS", raising=False)
    with pytest.raises(SystemExit) as ended:
        command.main([what])
    assert ended.value.code == 2
    assert "PROVISION_SECRETS_FILE" in capsys.readouterr().err


def test_a_missing_file_of_secrets_ends_it_with_the_way_to_make_one(tmp_path, monkeypatch):
    monkeypatch.delenv("SHUQIAO_SECRETS", raising=False)
    monkeypatch.setenv("PROVISION_SECRETS_FILE", str(tmp_path / "gone.json"))
    monkeypatch.setenv("PROVISION_POSTGRES_URL", "postgresql://x@127.0.0.1:9/x")
    with pytest.raises(SystemExit, match="python -m provision secrets"):
        command.main(["databases"])
