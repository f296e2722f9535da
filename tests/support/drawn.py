"""How many examples a property test draws: few in the suite, the same each time; in `make fuzz` thousands, new ones."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import HealthCheck, settings


def drawn(examples: int, suppress: Collection[HealthCheck] = ()) -> settings:
    """The settings of one property test.

    In the suite it draws `examples`; under the profile `fuzz` as many as the profile says, and new ones each time.
    """
    number = settings.default.max_examples if settings.get_current_profile_name() == "fuzz" else examples
    suppressed = tuple({*settings.default.suppress_health_check, *suppress})
    return settings(max_examples=number, suppress_health_check=suppressed)
