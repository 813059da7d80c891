"""Words that several packages have of their own, because none may import the other, are the same words."""

from common import roles as common_roles
from common.settings import MigrationSettings
from policy import vocabulary
from provision import secrets
from provision.plan import SERVICES, database
from shuqiao import roles as callers_roles
from tests.support.subscriptions import service_of

ADDRESSES = secrets.Addresses(
    postgres_host="h", postgres_port=5432, kafka="k:9092", s3_endpoint="http://s3:9000", s3_region="r"
)
PLACES = {"PORT", "REGISTRY_URL", "CATALOG_URL", "SHARING_URL", "OPERATIONS_PORT"}
"""What whoever runs a service decides: its own ports, and where the services are that it asks."""


def test_every_role_that_the_regulation_gives_a_part_is_a_role_of_accounts():
    policy_roles = {role.value for role in vocabulary.Role}
    account_roles = {role.value for role in common_roles.Role}
    assert policy_roles <= account_roles
    assert account_roles - policy_roles == {"service"}


def test_the_callers_side_has_a_name_for_every_role_of_people_and_the_same_one():
    assert set(callers_roles.ROLE_NAMES) == {role.value for role in vocabulary.Role}
    ours = {role.value: name for role, name in common_roles.ROLE_NAMES.items()}
    assert {code: ours[code] for code in callers_roles.ROLE_NAMES} == callers_roles.ROLE_NAMES


def test_provisioning_hands_each_service_the_settings_that_it_asks_for():
    made = secrets.generate()
    for name in SERVICES:
        service, prefix = service_of(name), database(name).upper()
        given = {key.upper() for key in secrets.of_service(name, made, ADDRESSES)}
        given |= set(secrets.plain_settings(name, made, ADDRESSES))
        asked = {f"{prefix}_{field}".upper(): info for field, info in service.settings.model_fields.items()}
        assert given <= set(asked), f"{name} is handed what it does not ask for"
        missing = {key for key, info in asked.items() if info.is_required()} - given
        assert missing == {f"{prefix}_{place}" for place in PLACES} & set(asked), name


def test_provisioning_hands_each_migration_its_owners_address_and_the_service_itself_never_has_it():
    made = secrets.generate()
    for name in SERVICES:
        service, prefix = service_of(name), database(name).upper()
        given = {key.upper() for key in secrets.of_migration(name, made, ADDRESSES)}
        assert issubclass(service.owner, MigrationSettings)
        assert given == {f"{prefix}_{field}".upper() for field in service.owner.model_fields}
        assert f"{prefix}_OWNER_URL" not in {key.upper() for key in secrets.of_service(name, made, ADDRESSES)}


def test_no_service_is_handed_the_secret_of_another():
    made = secrets.generate()
    for name in SERVICES:
        handed = " ".join(secrets.of_service(name, made, ADDRESSES).values())
        for other in SERVICES:
            if other != name:
                assert made.kafka[other] not in handed
                assert made.database[f"{database(other)}_app"] not in handed
            assert made.database[f"{database(other)}_owner"] not in handed
        assert (made.signing_key in handed) is (name == "registry")
        assert made.administrator not in handed
