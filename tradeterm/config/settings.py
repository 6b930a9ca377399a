"""What a command works with: the validated configuration, where its values came from, and the secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradeterm.config.marks import relevant
from tradeterm.core.errors import ConfigError
from tradeterm.core.ids import short_id

if TYPE_CHECKING:
    from tradeterm.config.schema import Config
    from tradeterm.config.secrets import Secrets
    from tradeterm.config.workspace import Workspace

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Resolved settings.

    origins : dotted key -> ``configs/base/system.yaml:12``, ``env TRADETERM__…`` or ``--set``
    profile : name of the profile, such as ``sample``
    experiment : its file relative to the workspace, or None
    """

    workspace: Workspace
    config: Config
    profile: str
    experiment: str | None = None
    origins: dict[str, str] = field(default_factory=dict)
    secrets: Secrets = field(repr=False)

    @property
    def config_hash(self) -> str:
        """Identity of everything in the configuration that results depend on."""
        return short_id(relevant(self.config))

    @property
    def made_up(self) -> bool:
        """Whether some bars come from the sample market: what is computed from them is called SAMPLE."""
        return any(entry.made_up for entry in self.config.universe.instruments)

    def hash_of(self, *names: str) -> str:
        """Identity of the result-relevant values under these dotted names (``system.costs``, ``universe``)."""
        return short_id({name: relevant(self.value(name)) for name in names})

    def value(self, name: str) -> Any:
        """Value or section under a dotted name."""
        found: Any = self.config
        for key in name.split("."):
            try:
                found = _item(found, key)
            except (AttributeError, KeyError, IndexError, ValueError):
                raise ConfigError(f"'{name}' is no key; see `tradeterm config show`") from None
        return found


def _item(found: Any, key: str) -> Any:
    if isinstance(found, dict):
        return found[key]
    if isinstance(found, tuple):
        return found[int(key)]
    if key not in type(found).model_fields:
        raise KeyError(key)
    return getattr(found, key)
