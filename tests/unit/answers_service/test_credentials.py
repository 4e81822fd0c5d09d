"""The credentials that forges are told with: read once for many answers, and never when missing."""

from dataclasses import dataclass, field

import pytest

from answers_service.adapters.credentials import SecretsManagerCredentials
from penstock_shared.aws.errors import usual_error
from penstock_shared.contracts.answers import WriteCredential
from penstock_shared.contracts.registration import repository_id
from penstock_shared.errors import ConfigurationError
from penstock_shared.testing.fakes import FakeClock

SHOP = f"penstock/test/answers/{repository_id('github', 'acme/shop')}"
CREDENTIAL = WriteCredential(
    token="t0ken", api_url="https://api.invalid", page_url="https://page.invalid"
)


@dataclass
class FakeSecretsManager:
    """Secrets by their names. It counts how often they are read."""

    known: dict[str, str] = field(default_factory=dict)
    reads: int = 0

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803  # boto3's name
        self.reads += 1
        if SecretId not in self.known:
            raise usual_error("GetSecretValue", "ResourceNotFoundException", {})
        return {"SecretString": self.known[SecretId]}


def credentials(manager: FakeSecretsManager, clock: FakeClock) -> SecretsManagerCredentials:
    return SecretsManagerCredentials(manager, "penstock/test/answers/", clock)


def test_a_credential_is_read_once_in_half_a_minute() -> None:
    manager, clock = FakeSecretsManager({SHOP: CREDENTIAL.model_dump_json()}), FakeClock()
    known = credentials(manager, clock)

    assert [known.of("github", "acme/shop") for _ in range(5)] == [CREDENTIAL] * 5
    assert manager.reads == 1
    clock.advance(seconds=30)
    known.of("github", "acme/shop")
    assert manager.reads == 2


def test_a_credential_that_was_missing_counts_as_soon_as_it_is_stored() -> None:
    manager, clock = FakeSecretsManager(), FakeClock()
    known = credentials(manager, clock)

    assert known.of("github", "acme/shop") is None
    manager.known[SHOP] = CREDENTIAL.model_dump_json()

    assert known.of("github", "acme/shop") == CREDENTIAL


def test_a_broken_credential_is_not_quoted() -> None:
    manager = FakeSecretsManager({SHOP: '{"token": "a t0ken"}'})

    with pytest.raises(ConfigurationError) as caught:
        credentials(manager, FakeClock()).of("github", "acme/shop")

    assert "t0ken" not in str(caught.value)
    assert "`penstock repo answers` writes it anew" in str(caught.value)
