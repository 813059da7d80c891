"""Configuration: what is missing or malformed is named, all of it at once, and its value never shown."""

import json

import pytest
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from common.settings import SECRETS_FOLDER, MigrationSettings, ServiceSettings, SettingsError, read_or_exit

CANARY = "cana!ry-Pa55"


class Probe(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="PROBE_")

    pepper: SecretStr = Field(min_length=32)
    peppers: dict[str, SecretStr] = Field(default={"a": SecretStr("-")}, min_length=1)
    workers: int = Field(default=1, ge=1, le=8)


COMPLETE = {
    "PROBE_PORT": "8080",
    "PROBE_DATABASE_URL": "postgresql://probe@localhost/probe",
    "PROBE_KAFKA_SERVERS": "localhost:9092",
    "PROBE_KAFKA_USER": "probe",
    "PROBE_KAFKA_PASSWORD": "p",
    "PROBE_REGISTRY_URL": "http://localhost",
    "PROBE_PEPPER": "-" * 32,
}


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.delenv(SECRETS_FOLDER, raising=False)

    def given(**changed):
        for name, value in {**COMPLETE, **changed}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return given


def named(refused) -> set[str]:
    """The settings that a refusal names."""
    return {line.split(":", 1)[0] for line in str(refused.value).split("; ")}


def test_a_complete_environment_is_read(environment):
    environment()
    found = Probe.read()
    assert (found.port, found.kafka_user, found.host, found.log_level, found.kafka_tls) == (
        8080,
        "probe",
        "127.0.0.1",
        "INFO",
        False,
    )
    assert found.pepper.get_secret_value() == "-" * 32


def test_everything_that_is_missing_is_named_at_once(environment):
    environment(**dict.fromkeys(COMPLETE))
    with pytest.raises(SettingsError) as refused:
        Probe.read()
    assert named(refused) == COMPLETE.keys()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("PROBE_PORT", "eighty"),
        ("PROBE_PORT", "-1"),
        ("PROBE_PORT", "65536"),
        ("PROBE_PORT", ""),
        ("PROBE_DATABASE_URL", ""),
        ("PROBE_KAFKA_PASSWORD", ""),
        ("PROBE_KAFKA_TLS", "perhaps"),
        ("PROBE_LOG_LEVEL", "LOUD"),
        ("PROBE_PEPPER", CANARY),
        ("PROBE_WORKERS", "1.5"),
        ("PROBE_PEPPERS", CANARY),
        ("PROBE_PEPPERS", '["a"]'),
        ("PROBE_PEPPERS", "{}"),
        ("PROBE_PEPPERS", '{"a": "' + CANARY),
    ],
)
def test_what_is_malformed_is_named_beside_what_is_missing_and_its_value_is_not_shown(environment, setting, value):
    environment(PROBE_REGISTRY_URL=None, **{setting: value})
    with pytest.raises(SettingsError) as refused:
        Probe.read()
    assert named(refused) == {"PROBE_REGISTRY_URL", setting}
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None  # a traceback would show the values that stood in the cause
    assert refused.value.__suppress_context__


def test_a_malformed_member_of_a_setting_is_named_with_its_place(environment):
    environment(PROBE_PEPPERS='{"a": 1}')
    with pytest.raises(SettingsError) as refused:
        Probe.read()
    assert named(refused) == {"PROBE_PEPPERS__A"}


def test_no_setting_shows_a_secret_however_it_is_printed(environment):
    environment(
        PROBE_DATABASE_URL=f"postgresql://p:{CANARY}@h/d",
        PROBE_KAFKA_PASSWORD=CANARY,
        PROBE_PEPPER=CANARY * 3,
        PROBE_PEPPERS=json.dumps({"a": CANARY}),
    )
    found = Probe.read()
    for shown in (repr(found), str(found), found.model_dump_json(), f"{found.model_dump()}"):
        assert CANARY not in shown


def test_settings_do_not_change_once_they_are_read(environment):
    environment()
    with pytest.raises(ValidationError):
        Probe.read().port = 1


def test_a_secret_is_a_file_named_like_its_setting(environment, monkeypatch, tmp_path):
    (tmp_path / "probe_pepper").write_text("f" * 40 + "\n")  # an editor's line break at the end is no secret
    (tmp_path / "probe_peppers").write_text(json.dumps({"x": CANARY}))
    (tmp_path / "probe_database_url").write_text("postgresql://from-file/d")
    environment(PROBE_PEPPER=None, PROBE_DATABASE_URL=None)
    monkeypatch.setenv(SECRETS_FOLDER, str(tmp_path))
    found = Probe.read()
    assert found.pepper.get_secret_value() == "f" * 40
    assert found.peppers["x"].get_secret_value() == CANARY
    assert found.database_url.get_secret_value() == "postgresql://from-file/d"


def test_the_secrets_of_a_cluster_are_links_within_their_folder(environment, monkeypatch, tmp_path):
    # Kubernetes mounts ..data -> ..2026_11_23, and each file as a link through it.
    (tmp_path / "..2026_11_23").mkdir()
    (tmp_path / "..2026_11_23" / "probe_pepper").write_text("k" * 40)
    (tmp_path / "..data").symlink_to("..2026_11_23")
    (tmp_path / "probe_pepper").symlink_to("..data/probe_pepper")
    environment(PROBE_PEPPER=None)
    monkeypatch.setenv(SECRETS_FOLDER, str(tmp_path))
    assert Probe.read().pepper.get_secret_value() == "k" * 40


def test_the_environment_goes_before_the_folder(environment, monkeypatch, tmp_path):
    (tmp_path / "probe_pepper").write_text("f" * 40)
    (tmp_path / "probe_port").write_text("9")
    environment(PROBE_PEPPER="e" * 40, PROBE_PORT=None)
    monkeypatch.setenv(SECRETS_FOLDER, str(tmp_path))
    found = Probe.read()
    assert found.pepper.get_secret_value() == "e" * 40
    assert found.port == 9


def test_a_folder_of_secrets_that_is_not_there_is_named(environment, monkeypatch, tmp_path):
    environment()
    monkeypatch.setenv(SECRETS_FOLDER, str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match=f"{SECRETS_FOLDER}.*gone"):
        Probe.read()


def test_a_secret_file_that_is_no_text_is_named_and_not_shown(environment, monkeypatch, tmp_path):
    (tmp_path / "probe_pepper").write_bytes(CANARY.encode() + b"\xff" * 40)
    environment(PROBE_PEPPER=None)
    monkeypatch.setenv(SECRETS_FOLDER, str(tmp_path))
    with pytest.raises(SettingsError, match="pepper") as refused:
        Probe.read()
    assert CANARY not in str(refused.value)


def test_what_is_set_for_others_is_left_alone(environment):
    environment(PROBE_NO_SUCH_SETTING="x", OTHER_PORT="y")
    assert Probe.read().port == 8080


def test_the_process_ends_with_status_2_and_one_line_that_says_what_to_set(environment, capsys):
    environment(PROBE_PORT="x", PROBE_PEPPER=None)
    with pytest.raises(SystemExit) as ended:
        read_or_exit(Probe)
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert text.startswith("settings: PROBE_PEPPER")
    assert "PROBE_PORT" in text
    assert ended.value.code == 2


def test_a_migration_is_told_the_owners_address_and_nothing_of_the_service(monkeypatch):
    class Migration(MigrationSettings):
        model_config = SettingsConfigDict(env_prefix="PROBE_")

    monkeypatch.delenv(SECRETS_FOLDER, raising=False)
    monkeypatch.setenv("PROBE_OWNER_URL", "postgresql://owner@h/d")
    assert Migration.read().owner_url.get_secret_value() == "postgresql://owner@h/d"
    assert Migration.model_fields.keys() == {"owner_url"}
