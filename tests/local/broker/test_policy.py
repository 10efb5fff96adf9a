"""The classes of responses and the waits between attempts are Knative's."""

import pytest

from functions.local.broker.policy import Backoff, DeliveryPolicy, ResponseClass, classify


@pytest.mark.parametrize(
    ("status", "expected"),
    [(status, ResponseClass.SUCCESS) for status in (200, 202, 204)]
    + [(status, ResponseClass.RETRYABLE) for status in (404, 408, 409, 429, 500, 503, 599)]
    + [(status, ResponseClass.REFUSED) for status in (301, 400, 401, 403, 413, 422)],
)
def test_a_status_is_success_refusal_or_retryable(status: int, expected: ResponseClass) -> None:
    """2xx is success; 404, 408, 409, 429 and 5xx are retried; any other 3xx or 4xx is a refusal."""
    assert expected is classify(status)


def test_linear_waits_grow_by_the_delay() -> None:
    """A delay of 1 s gives 1, 2 and 3 s; with 8 retries the ninth failed attempt is the last."""
    policy = DeliveryPolicy(8, Backoff.LINEAR, 1.0, 60.0)

    assert [policy.wait(attempts) for attempts in (1, 2, 3)] == [1.0, 2.0, 3.0]
    assert [policy.exhausted(attempts) for attempts in (8, 9)] == [False, True]


def test_exponential_waits_double() -> None:
    """The delay is multiplied by two to the power of the failed attempts: 0.2 s gives 0.4, 0.8 and
    1.6 s."""
    policy = DeliveryPolicy(8, Backoff.EXPONENTIAL, 0.2, 60.0)

    assert [policy.wait(attempts) for attempts in (1, 2, 3)] == [0.4, 0.8, 1.6]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, 1.0), ("5", 5.0), ("0", 1.0), ("86400", 30.0), ("soon", 1.0), ("-3", 1.0), ("²", 1.0)],
)
def test_retry_after_lengthens_a_wait_up_to_a_limit(header: str | None, seconds: float) -> None:
    """Whole seconds count, limited to 30 s; a time below the backoff and an invalid header change
    nothing."""
    policy = DeliveryPolicy(8, Backoff.LINEAR, 1.0, 60.0)

    assert seconds == policy.wait(1, header)
