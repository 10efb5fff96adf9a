"""auth's refusals.

InvalidInput
├── CredentialsMissing        no email, or no password
├── TokenNeeded               /validate and /logout without a token
├── TokenUnreadable           /logout with a token that this shop did not issue
├── EmailInvalid
├── PasswordNeeded            a new email address without the current password
├── PasswordRefused           too short, too long, too common
└── PasswordResetInvalid      a link's token that is unknown, used, replaced or expired
Unauthenticated
├── InvalidCredentials        unknown, disabled, or wrong password, not distinguished
└── RefreshTokenInvalid       unknown, expired, used before, or revoked
NotFound
├── UserNotFound
└── PasswordResetNotFound     no open request has this id
Conflict
├── EmailAlreadyRegistered
├── ResetLinkCreated          a request has a limited number of links
├── KeyNotActive              the key that a rotation is to replace does not sign
└── LastAdmin                 the shop needs at least one admin
TooManyRequests
└── TooManyTries
Unavailable
├── HashingBusy               too many passwords wait to be hashed
├── PasswordResetOff          no STOREFRONT_URL, so no link can be made
└── SigningKeyUnreadable      sealed under another KEY_ENCRYPTION_SECRET
"""

from functions.kit.base.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    Text,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)


class CredentialsMissing(InvalidInput):
    code = "credentials-missing"
    title = "Email and password are needed"
    error = Text("email y password requeridos", "email and password are required")


class TokenNeeded(InvalidInput):
    code = "token-needed"
    title = "A token is needed"
    error = Text("token requerido", "token required")


class TokenUnreadable(InvalidInput):
    code = "token-unreadable"
    title = "This is no token of this shop"
    error = Text("Token inválido", "Invalid token")


class EmailInvalid(InvalidInput):
    code = "email-invalid"
    title = "This is no email address"
    error = Text("email inválido", "invalid email")


class PasswordNeeded(InvalidInput):
    code = "password-needed"
    title = "The current password is needed for this"
    error = Text("password actual requerido", "current password required")


class PasswordRefused(InvalidInput):
    code = "password-refused"
    title = "This password cannot be taken"
    error = Text("password no aceptado", "password not accepted")


class PasswordResetInvalid(InvalidInput):
    code = "password-reset-invalid"
    title = "This link resets no password"
    error = Text("enlace no válido", "invalid link")


class InvalidCredentials(Unauthenticated):
    code = "invalid-credentials"
    title = "Email or password is wrong"
    error = Text("credenciales inválidas", "invalid credentials")


class RefreshTokenInvalid(Unauthenticated):
    code = "refresh-token-invalid"
    title = "This refresh token gives no more access"
    error = Text("refresh token inválido", "invalid refresh token")


class UserNotFound(NotFound):
    code = "user-not-found"
    title = "There is no such user"
    error = Text("Usuario no encontrado", "User not found")


class PasswordResetNotFound(NotFound):
    code = "password-reset-not-found"
    title = "There is no such request to reset a password"
    error = Text("Solicitud no encontrada", "Request not found")


class ResetLinkCreated(Conflict):
    code = "reset-link-created"
    title = "This request has as many links as it may have"
    error = Text("no se crean más enlaces", "no more links are created")


class EmailAlreadyRegistered(Conflict):
    code = "email-already-registered"
    title = "This email address has an account"
    error = Text("usuario ya existe", "user already exists")


class LastAdmin(Conflict):
    code = "last-admin"
    title = "The shop would be left without an admin"
    error = Text("es el último administrador", "this is the last admin")


class KeyNotActive(Conflict):
    code = "key-not-active"
    title = "The key to replace is not the one that signs"
    error = Text("la clave no está activa", "the key is not active")


class TooManyTries(TooManyRequests):
    code = "too-many-tries"


class HashingBusy(Unavailable):
    code = "hashing-busy"
    title = "Too many passwords are being checked"


class PasswordResetOff(Unavailable):
    code = "password-reset-off"
    title = "This shop sends no links to reset a password"
    error = Text("no se envían enlaces", "no links are sent")


class SigningKeyUnreadable(Unavailable):
    code = "signing-key-unreadable"
    title = "The key that signs tokens cannot be read"
