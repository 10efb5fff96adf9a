"""The name of a container image, in its parts."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Image:
    name: str
    """Registry and repository, without tag and digest."""
    tag: str = ""
    digest: str = ""
    platforms: tuple[str, ...] = field(default=(), compare=False)
    """Those that it was built for, such as linux/arm64; empty where that is not known."""

    @classmethod
    def parse(cls, text: str) -> "Image":
        rest, _, digest = text.partition("@")
        # A colon before the last slash belongs to the registry's port.
        path, slash, last = rest.rpartition("/")
        base, _, tag = last.partition(":")
        return cls(f"{path}{slash}{base}", tag, digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}{'@' + self.digest if self.digest else ''}"

    def as_kustomize(self, instead_of: str) -> dict[str, str]:
        """An entry of a kustomization's `images` that replaces another name by this image."""
        found = {"name": instead_of, "newName": self.name}
        if self.digest:
            # kustomize drops the tag beside a digest; the digest alone decides.
            return {**found, "digest": self.digest}
        return {**found, "newTag": self.tag} if self.tag else found
