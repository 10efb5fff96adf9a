"""The TLS context of an engine. Imports `ssl` only if TLS is enabled."""

from typing import TYPE_CHECKING

from functions.kit.mysql.errors import InvalidOptions
from functions.kit.mysql.options import Options

if TYPE_CHECKING:
    import ssl


def tls_context(options: Options) -> "ssl.SSLContext | None":
    """Created once per engine, because loading the system's certificate authorities is slow."""
    if options.ssl == "disabled":
        return None
    import ssl  # noqa: PLC0415

    try:
        if options.ssl == "required":  # encrypted, without checking the server's identity
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context = ssl.create_default_context(cafile=options.ssl_ca)
            context.check_hostname = options.ssl == "verify_identity"
        if options.ssl_cert is not None:
            context.load_cert_chain(options.ssl_cert, options.ssl_key)
    except (ssl.SSLError, OSError) as error:
        raise InvalidOptions("ssl_ca, ssl_cert or ssl_key cannot be used") from error
    return context
