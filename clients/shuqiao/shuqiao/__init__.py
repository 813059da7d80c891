"""Python SDK and command line of the exchange.

from shuqiao import Gateway
with Gateway("http://gateway:8080", unit_key) as gateway:
    answer = gateway.call("streets", method_key, {"street_code": "310105001"})
"""

from shuqiao.errors import Away, BadProfile, Falsified, Refused, ShuqiaoError
from shuqiao.gateway import Answer, Gateway
from shuqiao.profile import Profile
from shuqiao.session import Session

__all__ = [
    "Answer",
    "Away",
    "BadProfile",
    "Falsified",
    "Gateway",
    "Profile",
    "Refused",
    "Session",
    "ShuqiaoError",
]
