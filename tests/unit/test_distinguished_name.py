"""Distinguished names of group IKE ID users (Vol. 5, "Wildcard and Container ASN1-DN IKE ID Types")."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.config.distinguished_name import check_name, matches_name, parse_name
from nsemu.config.errors import ConfigError
from nsemu.config.users import IkeIdKind

WILDCARD, CONTAINER = IkeIdKind.WILDCARD, IkeIdKind.CONTAINER
KRISTINE = "CN=kristine,OU=finance,O=juniper,ST=ca,C=us"


@pytest.mark.parametrize(
    ("kind", "part", "whole", "fits"),
    [
        (WILDCARD, "C=us,O=juniper", KRISTINE, True),  # B253
        (WILDCARD, "o=Juniper , c=US", KRISTINE, True),
        (WILDCARD, "C=us,O=netscreen", KRISTINE, False),
        (WILDCARD, "C=us,L=sunnyvale", KRISTINE, False),
        (CONTAINER, "OU=mkt,OU=dom,OU=west", "C=us,OU=mkt,OU=dom,OU=west,CN=joe", True),  # B255
        (CONTAINER, "OU=mkt,OU=dom,OU=west", "C=us,OU=mkt,OU=west,OU=dom,CN=joe", False),  # B255
        (CONTAINER, "OU=mkt,OU=dom", "OU=mkt,OU=dom,OU=west", False),
        (CONTAINER, "C=us,O=juniper", KRISTINE, False),  # B254: the order of the fields counts
        (CONTAINER, "O=juniper,C=us", KRISTINE, True),
        (WILDCARD, r"O=Smith\, Ltd", r"CN=x,O=smith\,  ltd", True),
    ],
)
def test_parts_of_names(kind: IkeIdKind, part: str, whole: str, fits: bool) -> None:
    """B252 to B255."""
    assert matches_name(kind, part, whole) is fits


def test_a_wildcard_has_one_value_for_each_field() -> None:
    """B252."""
    with pytest.raises(ConfigError, match="ou has several"):
        check_name(WILDCARD, "ou=eng,OU=sw")
    check_name(CONTAINER, "ou=eng,ou=sw")


@pytest.mark.parametrize("text", ["", "ou", "ou=", "=x", "ou=a,,o=b", "ou=a,"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ConfigError, match="invalid distinguished name"):
        parse_name(text)


_ELEMENTS = st.lists(
    st.tuples(st.sampled_from(["c", "o", "ou", "cn"]), st.sampled_from("abcd")), min_size=1, max_size=6
)


@given(_ELEMENTS)
@settings(deadline=None)
def test_every_name_fits_itself_and_a_wildcard_any_order(elements: list[tuple[str, str]]) -> None:
    text = ",".join(f"{field}={value}" for field, value in elements)
    assert matches_name(WILDCARD, text, text)
    assert matches_name(CONTAINER, text, text)
    assert matches_name(WILDCARD, text, ",".join(reversed(text.split(","))))
