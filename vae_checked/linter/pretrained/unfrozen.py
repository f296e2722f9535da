"""Whether a VAE that a model's latents are encoded with gathers gradients that nothing uses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vae_checked.facts import Fact
from vae_checked.latent_facts import Use
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.pretrained.flow import Flow
from vae_checked.linter.pretrained.loss_terms import may_be_trained
from vae_checked.linter.pretrained.minimised import minimised
from vae_checked.linter.pretrained.vaes import is_named
from vae_checked.linter.pretrained.without_gradient import is_without_gradient
from vae_checked.linter.symbols.expression import origin, walk
from vae_checked.linter.symbols.gradient_flow import reached
from vae_checked.linter.symbols.values import Module

# What has its gradients kept from it, or is handed to an optimizer.
_GIVEN = re.compile(r"(\w+|[)\]])\s*\.\s*(?:requires_grad_?|parameters|named_parameters)\b")
# Models beside the VAE.
_ANOTHER = re.compile(
    r"unet|text_enc|transformer|^model|net|dit|clip|discriminator|lpips|ema|image_encoder|denois", re.IGNORECASE
)
# What keeps gradients from something that the same line does not tell.
_FREEZES = re.compile(r"freez|frozen|set_grad_enabled|inference_mode|toggle_grad|requires_grad\(", re.IGNORECASE)


def unfrozen(evaluation: Evaluation, flow: Flow) -> Iterator[Fact[str | None]]:
    """Of each call of `encode` whose latents are trained on whether its VAE gathers gradients, by the name it has.

    None as a value where no gradient reaches the VAE. Nothing is said of a VAE that was not loaded here, that may be
    frozen or trained by what is not understood, or through which something is trained that it is given. A call without
    gradients that no loss is made of, as in a validation, says nothing of the calls that a model is trained on.
    """
    losses = list(minimised(evaluation))
    trained_on = {end.call for end in flow.encoded if end.use is Use.TRAINED}
    if not losses or not trained_on:
        return
    reaching, below = reached(losses), {node.uid for node in walk(*losses)}
    silent: list[Fact[str | None]] = []
    is_open = False
    for uid, (call, owner) in flow.encodes.items():
        if not owner.model.kind or origin(call) not in trained_on or any(map(may_be_trained, walk(call.args[1]))):
            continue
        if is_without_gradient(call.site):
            silent += [Fact(None, origin(call))] * (uid in below)
        elif uid in reaching and any(module.read_once(_may_freeze) for module in evaluation.modules()):
            is_open = True
        elif uid in reaching:
            yield Fact(owner.name or owner.model.kind, origin(call))
    if not is_open:
        yield from silent


def _may_freeze(module: Module) -> bool:
    """Whether a file has something that freezes, or trains, what may be a VAE."""
    texts = [cell.text for cell in module.file.cells]
    return any(_FREEZES.search(text) for text in texts) or any(
        not _is_another(given) for text in texts for given in _GIVEN.findall(text)
    )


def _is_another(name: str) -> bool:
    """Whether a name is that of a model beside the VAE, as `noise_model` is one and `vae_model` none."""
    return _ANOTHER.search(name) is not None or (name.endswith("model") and not is_named(name))
