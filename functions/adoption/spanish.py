"""What this command's parser and the engines say about options and addresses, in Spanish.

They speak English only, and know no languages. A message that is not listed stays as it is;
`tests/adoption/test_language.py` fails for one that is missing.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

_NAME, _REST = r"(\S+)", r"(.+)"


class _Message(NamedTuple):
    english: str
    """A regular expression of the whole message."""
    spanish: str
    """With the groups of it as `\\1`."""


_MESSAGES: Sequence[_Message] = (
    # The parser of the options.
    _Message(
        rf"Unknown option: {_REST}\. Did you mean {_NAME}\?", r"No existe la opción \1. ¿Es \2?"
    ),
    _Message(
        rf"Unknown option: {_REST}\. {_NAME} is not a recognized option\.",
        r"No existe la opción \2.",
    ),
    _Message(rf"Unknown option: {_REST}\.", r"No existe la opción \1."),
    _Message(rf"Unexpected argument: {_REST}", r"Sobra en la orden: \1"),
    _Message(rf"The value of {_NAME} is empty\.", r"El valor de \1 está vacío."),
    _Message(rf"Parameter {_NAME} requires an argument\.", r"La opción \1 necesita un valor."),
    _Message(
        rf"Parameter {_NAME} requires an argument\. Did you mean {_NAME}\?",
        r"La opción \1 necesita un valor. ¿Es \2?",
    ),
    _Message(
        rf'Invalid value "{_REST}" for {_NAME}\. Choose from: {_REST}\. Did you mean "{_REST}"\?',
        r"«\1» no es un valor de \2. Puede ser: \3. ¿Es «\4»?",
    ),
    _Message(
        rf'Invalid value "(.*)" for {_NAME}\. Choose from: {_REST}\.',
        r"«\1» no es un valor de \2. Puede ser: \3.",
    ),
    _Message(
        rf'Invalid value for {_NAME}: unable to convert "(.*)" into bool\.',
        r"«\2» no es un valor de \1. Puede ser: true, false.",
    ),
    _Message(
        rf"`{_REST} --help` lists the options\.", r"`\1 --help` muestra las opciones (en inglés)."
    ),
    # Addresses of databases.
    _Message(
        r"the database URL cannot be read: is a reserved character in the password not"
        r" percent-encoded, or the port not a number\?",
        r"la dirección no se puede leer: ¿tiene la clave un signo sin codificar (%40 por @), o no"
        r" es un número el puerto?",
    ),
    _Message(
        r"the database URL must begin with mysql://", r"la dirección debe empezar por mysql://"
    ),
    _Message(
        r"DATABASE_URL must begin with sqlite:// or mysql://",
        r"la dirección debe empezar por sqlite:// o mysql://",
    ),
    _Message(r"the database URL names no host", r"la dirección no nombra ningún servidor"),
    _Message(
        r"the database URL holds a '#'; write it as %23", r"la dirección tiene un «#»; escriba %23"
    ),
    _Message(
        r"the database URL has more than one path segment",
        r"la dirección tiene más de un segmento después del servidor",
    ),
    _Message(
        r"the database URL has an option that does not exist: is a reserved character in the"
        r" password not percent-encoded\?",
        r"la dirección tiene una opción que no existe: ¿tiene la clave un signo sin codificar"
        r" (%3F por ?)?",
    ),
    _Message(
        rf"the database URL has an option '{_NAME}' that does not exist",
        r"la dirección tiene una opción «\1», que no existe",
    ),
    _Message(rf"there is no option '{_NAME}'", r"no existe la opción «\1»"),
    _Message(rf"{_NAME} in the database URL is no number", r"\1 no es un número en la dirección"),
    _Message(
        rf"{_NAME} in the database URL is not a whole number",
        r"\1 no es un número entero en la dirección",
    ),
    _Message(
        rf"{_NAME} in the database URL must be true or false",
        r"\1 debe ser true o false en la dirección",
    ),
    _Message(rf"{_NAME} must be one of {_REST}", r"\1 debe ser uno de estos valores: \2"),
    _Message(rf"{_NAME} must be between 1 and 65535", r"\1 debe estar entre 1 y 65535"),
    _Message(rf"{_NAME} must be at least 1", r"\1 debe ser al menos 1"),
    _Message(rf"{_NAME} must be more than 0", r"\1 debe ser mayor que 0"),
    _Message(rf"{_NAME} must be more than 0, or none", r"\1 debe ser mayor que 0, o none"),
    _Message(rf"{_NAME} needs {_NAME}", r"\1 necesita \2"),
    _Message(rf"{_NAME} is given, but ssl is disabled", r"\1 no vale con ssl desactivado"),
    _Message(
        rf"{_NAME} names a file that cannot be read: {_REST}",
        r"\1 nombra un archivo que no se puede leer: \2",
    ),
    _Message(
        r"ssl_ca, ssl_cert or ssl_key cannot be used",
        r"ssl_ca, ssl_cert o ssl_key no se puede usar",
    ),
    _Message(
        r"a SQLite URL is sqlite:///relative\.db or sqlite:////absolute\.db \(a database in memory"
        r" would be lost with the process\)",
        r"una dirección de SQLite es sqlite:///relativa.db o sqlite:////absoluta.db (una base de"
        r" datos en memoria se perdería con el proceso)",
    ),
    _Message(
        rf"the SQLite URL has an unknown option: {_REST}",
        r"la dirección de SQLite tiene una opción que no existe: \1",
    ),
    # Servers that cannot be reached.
    _Message(rf"no connection to {_NAME}", r"no hay conexión con \1"),
    _Message(rf"no answer from {_NAME} within {_NAME} s", r"\1 no responde en \2 s"),
    _Message(rf"{_NAME} does not speak MySQL's protocol", r"\1 no habla el protocolo de MySQL"),
    _Message(
        r"the server does not speak MySQL's protocol", r"el servidor no habla el protocolo de MySQL"
    ),
    _Message(
        rf"{_NAME} does not keep the session's SQL mode", r"\1 no conserva el modo SQL de la sesión"
    ),
    _Message(rf"{_NAME} offers no TLS, which ssl requires", r"\1 no ofrece TLS, que ssl exige"),
    _Message(rf"the connection to {_NAME} is not encrypted", r"la conexión con \1 no está cifrada"),
    _Message(rf"no TLS with {_NAME}: {_REST}", r"no hay TLS con \1: \2"),
)


def in_spanish(message: str) -> str:
    """The message itself where it is not one of these, such as a server's own."""
    for english, spanish in _MESSAGES:
        if found := re.fullmatch(english, message, re.DOTALL):
            return found.expand(spanish)
    return message
