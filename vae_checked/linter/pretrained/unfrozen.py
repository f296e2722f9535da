"""Whether a VAE that a model's latents are encoded with gathers gradients that nothing uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from vae_checked.facts import Fact
from vae_checked.latent_facts import Use
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.pretrained.flow import Flow
from vae_checked.linter.pretrained.loss_terms import may_be_trained
from vae_checked.linter.pretrained.minimised import minimised
from vae_checked.linter.pretrained.vaes import is_named
from vae_checked.linter.pretrained.without_gradient import is_without_gradient
from vae_checked.linter.symbols.expression import origin, walk
from vae_checked.linter.symbols.gradient_flow import reached
from vae_checked.linter.symbols.values import External, Module, settle
from vae_checked.linter.torch_model.optimizers import NAMES

# What has its gradients kept from it, or is handed to an optimizer.
_GIVEN = re.compile(r"(\w+|[)\]])\s*\.\s*(?:requires_grad_?|parameters|named_parameters)\b")
# Models beside the VAE.
_ANOTHER = re.compile(
    r"unet|text_enc|transformer|^model|net|dit|clip|discriminator|lpips|ema|image_encoder|denois", re.IGNORECASE
)
# What keeps gradients from something that the same line does not tell.
_FREEZES = re.compile(r"freez|frozen|set_grad_enabled|inference_mode|toggle_grad|requires_grad\(", re.IGNORECASE)
# Methods that hand out what a model has to be trained, and libraries that change none of it.
_ASKED_FOR = frozenset(("parameters", "named_parameters"))
_HANDING_ON = frozenset(("torch", "itertools", "builtins"))
_MOST_BOUND = 3
_NAMED = (ast.Name, ast.Attribute)


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
            # What is encoded twice is one value, and the other call of it may be the one with a gradient.
            is_open |= uid in reaching
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
    if any(_FREEZES.search(text) for text in texts):
        return True
    if any(not _is_another(given) for text in texts for given in _GIVEN.findall(text)):
        return True
    made = (call for call in module.file.of(ast.Call) if _makes_optimizer(call, module))
    handed = (part for call in made for part in (*call.args[:1], *_as_parameters(call)))
    if any(_is_unread(name, module) for part in handed for name in _named_in(part, module)):
        return True
    return any(_is_made_unread_with_a_vae(each, module) for each in module.file.of(ast.Assign))


def _makes_optimizer(call: ast.Call, module: Module) -> bool:
    """Whether a call makes an optimizer, by its class or by a name that is bound to it."""
    name = syntax.called(call)
    if name in NAMES or not isinstance(call.func, ast.Name):
        return name in NAMES
    return any(_binds(each, name) and syntax.last(each.value) in NAMES for each in module.file.of(ast.Assign))


def _is_made_unread_with_a_vae(assigned: ast.Assign, module: Module) -> bool:
    """Whether an optimizer is what a function that is not read makes of a VAE, and of other models beside it."""
    call = assigned.value
    is_optimizer = any(isinstance(each, _NAMED) and "optim" in syntax.last(each).lower() for each in assigned.targets)
    if not is_optimizer or not isinstance(call, ast.Call):
        return False
    given = [*call.args, *(each.value for each in call.keywords)]
    handed = {syntax.last(part) for each in given for part in ast.walk(each) if isinstance(part, _NAMED)}
    made_by = next((part.id for part in ast.walk(call.func) if isinstance(part, ast.Name)), "")
    return any(map(is_named, handed)) and _is_unread(made_by, module)


def _as_parameters(call: ast.Call) -> list[ast.expr]:
    return [each.value for each in call.keywords if each.arg == "params"]


def _named_in(given: ast.AST, module: Module, depth: int = 0) -> Iterator[str]:
    """The names in what an optimizer is handed, but for those of models that are asked for their parameters."""
    if isinstance(given, ast.Call) and syntax.called(given) in _ASKED_FOR and isinstance(given.func, ast.Attribute):
        return
    if isinstance(given, ast.Name):
        yield given.id
        bound = (each for each in module.file.of(ast.Assign) if depth < _MOST_BOUND and _binds(each, given.id))
        for each in bound:
            yield from _named_in(each.value, module, depth + 1)
    for inner in ast.iter_child_nodes(given):
        yield from _named_in(inner, module, depth)


def _binds(assigned: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in assigned.targets)


def _is_unread(name: str, module: Module) -> bool:
    """Whether a name is of code that was not read, and of no library that only hands on what it is given."""
    value = settle(module.scope.names, name) if name in module.scope.names else None
    if value is None:
        # What a function imports is not followed here.
        return any(package.partition(".")[0] not in _HANDING_ON for package in _imported_as(name, module))
    return isinstance(value, External) and value.dotted.partition(".")[0] not in _HANDING_ON


def _imported_as(name: str, module: Module) -> Iterator[str]:
    """The packages from which a file imports something by a name, or that it imports as one."""
    for each in module.file.of(ast.ImportFrom):
        if name in {alias.asname or alias.name for alias in each.names}:
            yield each.module or ""
    for plain in module.file.of(ast.Import):
        yield from (alias.name for alias in plain.names if name == (alias.asname or alias.name.partition(".")[0]))


def _is_another(name: str) -> bool:
    """Whether a name is that of a model beside the VAE, as `noise_model` is one and `vae_model` none."""
    return _ANOTHER.search(name) is not None or (name.endswith("model") and not is_named(name))
