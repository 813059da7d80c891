"""Where providers may live (IN-G29): refused however an address is written, at registration and at connect."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.reach import NOWHERE, Reach, Unreachable

REACH = Reach.of(["10.0.0.0/8", "2400:3200::/32"], ["data.example.org", ".gov.example.org"])
WIDE = Reach.of(["0.0.0.0/0", "::/0"], [])
REFUSED = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://169.254.169.254/latest/meta-data",
    "http://100.100.100.200/",
    "http://[fd00:ec2::254]/",
    "http://224.0.0.1/",
    "http://localhost/",
    "http://metadata.google.internal/",
    "file:///etc/passwd",
    "ftp://10.1.1.1/",
    "gopher://10.1.1.1/",
    "//10.1.1.1/",
    "10.1.1.1",
    "http:///x",
    "http://u@10.1.1.1/",
    "http://u:p@10.1.1.1/",
    "http://@10.1.1.1/",
    "http://10.1.1.1#@data.example.org/",
    "http://10.1.1.1\\@data.example.org/",
    "http://10.1.1.1:0/",
    "http://10.1.1.1:99999/",
    "http://10.1.1.1/ x",
    "http://10.1.1.1/\n",
    "http://数据.example.org/",
    "http://data.example.org./",
    "http://-data.example.org/",
    "",
]


@pytest.mark.parametrize("url", REFUSED)
def test_refused_even_where_every_network_is_admitted(url):
    for reach in (REACH, WIDE):
        with pytest.raises(Unreachable):
            reach.target(url)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://10.1.1.1/rest?a=1", "http://10.1.1.1:80"),
        ("https://10.1.1.1", "https://10.1.1.1:443"),
        ("http://[2400:3200::1]:8080/", "http://2400:3200::1:8080"),
        ("http://DATA.example.org/x", "http://data.example.org:80"),
        ("https://a.b.gov.example.org:8443/x", "https://a.b.gov.example.org:8443"),
    ],
)
def test_what_a_setting_names_is_admitted(url, origin):
    assert REACH.target(url).origin == origin


@pytest.mark.parametrize(
    "url", ["http://gov.example.org/", "http://evilgov.example.org/", "http://x.data.example.org/"]
)
def test_an_end_of_a_name_is_one_at_a_dot(url):
    with pytest.raises(Unreachable):
        REACH.target(url)


def test_without_settings_there_is_nowhere():
    for url in ("http://10.1.1.1/", "http://data.example.org/"):
        with pytest.raises(Unreachable):
            NOWHERE.target(url)


def test_only_a_setting_of_its_own_lets_loopback_in():
    special = Reach.of([], [], ["127.0.0.0/8"])
    assert special.target("http://127.0.0.1:8080/").port == 8080
    for url in ("http://10.1.1.1/", "http://169.254.169.254/", "http://[::1]/"):
        with pytest.raises(Unreachable):
            special.target(url)


@given(st.ip_addresses())
def test_an_address_is_admitted_only_within_the_networks_and_never_a_special_one(address):
    plain = getattr(address, "ipv4_mapped", None) or address
    if WIDE.admits(address):
        assert not any((plain.is_loopback, plain.is_link_local, plain.is_multicast, plain.is_unspecified))
    if REACH.admits(address):
        assert any(plain in network for network in REACH.networks)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_as_it_is_by_itself(address):
    mapped = ipaddress.ip_address(f"::ffff:{address}")
    assert WIDE.admits(mapped) == WIDE.admits(address)
    assert not WIDE.admits(ipaddress.ip_address(f"64:ff9b::{address}"))
