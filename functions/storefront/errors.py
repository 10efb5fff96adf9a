"""Why a page cannot be shown.

PageProblem
├── PageNotFound   404
├── PageGone       410
├── CrossSite      403
├── RoleMissing    403
├── OtherAccount   403
├── BadForm        400
├── UploadBrokenOff 400
├── StepMissing    303 to the step that comes first
└── SignInNeeded   303 to the sign-in page
"""


class PageProblem(Exception):
    """A refusal that the storefront itself gives."""

    status = 400


class PageNotFound(PageProblem):
    status = 404


class PageGone(PageProblem):
    status = 410


class CrossSite(PageProblem):
    """A form that another site has sent in the visitor's name."""

    status = 403


class RoleMissing(PageProblem):
    """The page is in an area of the back office that the account has no role for."""

    status = 403

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        """Whom the page is for, not translated."""


class OtherAccount(PageProblem):
    """A form of a page that was shown to another account than the one that has signed in now."""

    status = 403


class BadForm(PageProblem):
    """A form that no page of the shop has sent."""


class UploadBrokenOff(PageProblem):
    """A form with a file that did not arrive whole."""


class StepMissing(PageProblem):
    """A step of the checkout needs the one at `path` first; `message` is the reason, if any."""

    status = 303

    def __init__(self, path: str, message: str | None = None) -> None:
        super().__init__("an earlier step comes first")
        self.path = path
        self.message = message


class SignInNeeded(PageProblem):
    """The page is for customers. `next_path` is where the visitor goes on afterwards; `ended` says
    that there was a session and auth has ended it.
    """

    status = 303

    def __init__(self, next_path: str, *, ended: bool = False) -> None:
        super().__init__("sign in first")
        self.next_path = next_path
        self.ended = ended
