"""The page for providers shows registrations that the catalogue takes, and settings that there are."""

import json
import re
from pathlib import Path

from catalog.domain import services
from catalog.domain.services import ServiceContent
from catalog.settings import CatalogSettings
from gateway.jobs import ProviderMeasures
from gateway.provider import AT_ONCE, MAX_ANSWER
from gateway.settings import GatewaySettings
from tests.support.items import day, key, text

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
ITEMS = (key(text("person_no", 18)), text("name", 40), day("born"))


def test_its_examples_are_taken():
    service, soap = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    for interface in (service["content"]["interface"], soap):
        services.check(ServiceContent.model_validate({**service["content"], "interface": interface}), ITEMS)


def test_its_settings_are_there():
    named = set(re.findall(r"`((?:CATALOG|GATEWAY)_PROVIDER_[A-Z]+)`", PAGE))
    there = {
        f"{kind.model_config['env_prefix']}{field}".upper()
        for kind in (CatalogSettings, GatewaySettings)
        for field in kind.model_fields
        if field.startswith("provider_")
    }
    assert named == there


def test_its_bounds_and_metrics_are_the_gateways():
    assert f"同时至多发出 {AT_ONCE} 个请求" in PAGE
    assert MAX_ANSWER == 1024 * 1024
    names = {family.name for family in ProviderMeasures(lambda: iter(())).collect()}
    assert names == set(re.findall(r"`(gateway_provider_[a-z_]+?)(?:_total)?(?:\{fault\})?`", PAGE))
