"""IP addresses in one form, so that equal ones compare equal."""

from ipaddress import IPv4Address, IPv6Address, ip_address


def canonical_address(text: str) -> str | None:
    """An IP address without its zone; None for anything else.

    An IPv4-mapped IPv6 address becomes the IPv4 address.
    """
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Address(int(found)))
