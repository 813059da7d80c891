"""A small register of streets: its items and its rows."""

from datetime import date

from tests.support.items import codes, day, key, text

STREETS = (
    key(text("street_code", 9)),
    text("street_name", 40),
    codes(text("area_code", 6)),
    day("updated"),
)
ROWS = [
    ("310104003", "天平路街道", "310104", date(2023, 6, 30)),
    ("310105001", "华阳路街道", "310105", date(2023, 6, 30)),
    ("310105002", "江苏路街道", "310105", date(2023, 6, 29)),
    ("310105102", "新泾镇", "310105", None),
]
