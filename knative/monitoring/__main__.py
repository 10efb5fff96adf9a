"""`python -m knative.monitoring`: writes the dashboards' JSON."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from knative.monitoring.dashboards import DASHBOARDS

FOLDER = Path(__file__).parents[1] / "components" / "observability" / "dashboards"


def contents() -> dict[str, str]:
    """The files by their names."""
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {
        f"{name}.json": encoder.encode(build().build()) + "\n" for name, build in DASHBOARDS.items()
    }


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in contents().items():
        (FOLDER / name).write_text(content, "utf-8")


if __name__ == "__main__":
    main()
