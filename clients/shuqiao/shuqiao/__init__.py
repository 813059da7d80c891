"""Python SDK and command line of the exchange.

from shuqiao import Gateway
with Gateway("http://gateway:8080", unit_key) as gateway:
    answer = gateway.call("streets", method_key, {"street_code": "310105001"})
    for row in gateway.records("streets", method_key, {"area_code": "310105"}):
        ...
"""

from shuqiao.answer import Answer
from shuqiao.errors import Away, BadArgument, BadProfile, Falsified, Refused, ShuqiaoError
from shuqiao.gateway import Gateway, Notes, Structure
from shuqiao.patience import Patience
from shuqiao.profile import Profile
from shuqiao.proofs import AnswerKeys, ClientCertificate, SigningKey
from shuqiao.pushes import Finding, Pushed, Way
from shuqiao.session import Session

__all__ = [
    "Answer",
    "AnswerKeys",
    "Away",
    "BadArgument",
    "BadProfile",
    "ClientCertificate",
    "Falsified",
    "Finding",
    "Gateway",
    "Notes",
    "Patience",
    "Profile",
    "Pushed",
    "Refused",
    "Session",
    "ShuqiaoError",
    "SigningKey",
    "Structure",
    "Way",
]
