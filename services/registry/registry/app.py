"""The register, put together."""

import json

from joserfc.jwk import KeySet, OKPKey

from common import changes, db, host, http
from common.clock import Clock, now
from common.keys import Pepper
from policy import PolicyError, load_shipped
from registry import api
from registry.api import proof_routes
from registry.service import Registrar
from registry.settings import RegistrySettings

NAME = "registry"
ABOUT = "登记服务：单位、人员、账号与角色、单位密钥、登录令牌、平台运行状态。"


def build(settings: RegistrySettings, *, clock: Clock = now) -> host.Parts:
    """Nothing is connected yet. A test gives its own clock."""
    database = db.connect(settings.database_url, application=NAME)
    reg = Registrar(
        clock=clock,
        pepper=Pepper(settings.pepper_id, settings.pepper.get_secret_value().encode()),
        book=load_shipped(),
        clients=settings.clients,
    )
    key = OKPKey.import_key(json.loads(settings.signing_key.get_secret_value()))
    signer = api.Signer(OKPKey.import_key(key.as_dict(private=True), {"kid": key.thumbprint(), "use": "sig"}))
    parts = host.assemble(settings, service=NAME, title="数桥 · 登记服务", description=ABOUT, database=database)
    parts.http.state.verifier.trust(KeySet([signer.key]))
    http.also_refused(parts.http, PolicyError)
    parts.http.include_router(api.routes(database, reg, signer))
    parts.http.include_router(proof_routes.routes(database, reg, [key.model_dump() for key in settings.answer_keys]))
    parts.http.include_router(changes.routes(database, NAME))
    return parts
