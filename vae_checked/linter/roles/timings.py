"""What the source leaves open of when z is drawn: a setting that hands on the mean."""

from __future__ import annotations

from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.phi import asks_for_mode
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import strip


def is_optional(site: SamplerSite, losses: Losses) -> bool:
    """Whether a setting that is not known, and not the mode of training, chooses between z and its mean."""
    pair = {site.z.uid, strip(site.location).uid}
    return any(
        {strip(side).uid for side in choice.args[1:]} == pair and not asks_for_mode(choice.args[0])
        for choice in losses.unsettled.having("phi")
    )
