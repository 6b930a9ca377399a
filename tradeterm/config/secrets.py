"""Secrets: from the environment, or from the workspace's ``.env``, and never from anywhere else.

They stay :class:`~pydantic.SecretStr` until a client factory unwraps them, so that no dump, log or traceback
shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Secrets", "load_secrets"]


class Secrets(BaseSettings):
    """Keys of accounts and data services; each optional."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True)

    alpaca_api_key: SecretStr | None = None
    alpaca_secret_key: SecretStr | None = None
    binance_api_key: SecretStr | None = None
    binance_secret_key: SecretStr | None = None
    kraken_api_key: SecretStr | None = None
    kraken_secret_key: SecretStr | None = None
    fred_api_key: SecretStr | None = None
    tradeterm_api_token: SecretStr | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the environment that :func:`load_secrets` was given, then the file: never the process's own unasked."""
        return init_settings, dotenv_settings

    def present(self) -> dict[str, bool]:
        """Which are set, by their environment name."""
        return {name.upper(): getattr(self, name) is not None for name in type(self).model_fields}

    def values(self) -> tuple[str, ...]:
        """The raw values, for the scrubber of logs alone."""
        found = (getattr(self, name) for name in type(self).model_fields)
        return tuple(secret.get_secret_value() for secret in found if secret is not None)

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Key and secret of each account, for the scrubber of logs alone (clients send them joined)."""
        found = []
        for name in ("alpaca", "binance", "kraken"):
            key, secret = getattr(self, f"{name}_api_key"), getattr(self, f"{name}_secret_key")
            if key is not None and secret is not None:
                found.append((key.get_secret_value(), secret.get_secret_value()))
        return tuple(found)


def load_secrets(env_file: Path, env: Mapping[str, str]) -> Secrets:
    """Read the secrets from ``env``, then from ``env_file`` where there is one; empty values count as absent."""
    given: dict[str, Any] = {name: env[name.upper()] for name in Secrets.model_fields if env.get(name.upper())}
    return Secrets(_env_file=env_file, _env_file_encoding="utf-8", **given)
