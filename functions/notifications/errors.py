"""The refusals of notifications, each with its code.

DomainError
├── NotFound
│   ├── MailNotFound
│   └── UnsubscribeInvalid     a link whose account is closed, or that is none of this shop
└── Conflict
    └── MailNotPutAside        only a mail that was put aside is sent again
"""

from functions.kit.base.errors import Conflict, NotFound, Text


class MailNotFound(NotFound):
    code = "mail-not-found"
    title = "There is no such mail"
    error = Text("correo no encontrado", "mail not found")


class UnsubscribeInvalid(NotFound):
    code = "unsubscribe-invalid"
    title = "This link ends no mails"
    error = Text("enlace no válido", "invalid link")


class MailNotPutAside(Conflict):
    code = "mail-not-put-aside"
    title = "This mail was not put aside"
    error = Text("el correo no está apartado", "the mail was not put aside")
