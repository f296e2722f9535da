"""Terms of a loss that read a decoded picture, and whether a gradient passes the decode."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping

from vae_checked.facts import Fact
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.pretrained.minimised import minimised
from vae_checked.linter.pretrained.vaes import owner_of
from vae_checked.linter.pretrained.without_gradient import is_without_gradient
from vae_checked.linter.roles.called_losses import called_loss
from vae_checked.linter.symbols.expression import NO_GRAD, Expr, Graph, origin, strip, walk
from vae_checked.linter.symbols.gradient_flow import stops_gradient
from vae_checked.linter.symbols.values import Module

_LOSS = re.compile(r"loss|lpips|percept|criteri|ssim|dists|vgg|metric|l[12]$", re.IGNORECASE)
# What keeps the weights of a VAE as they are, whatever a loss reads of it.
_VAE = r"(?:vae|first_stage|auto_?encoder)\w*"
_KEPT = re.compile(
    rf"{_VAE}(?:\.\w+\([^()\n]*\))*\.requires_grad_\(\s*False"
    rf"|for\s+\w+\s+in\s+[\w.]*{_VAE}\.parameters\(\)\s*:\s*\w+\.requires_grad"
    rf"|freez\w*\(\s*[\w.]*{_VAE}",
    re.IGNORECASE,
)
_REDUCED = frozenset(("mean", "sum", "cast", "squeeze", "view", "reshape"))
# Whose functions make pictures or settings of what they are given, and train nothing.
_LIBRARIES = frozenset(
    "torch torchvision numpy np PIL cv2 einops scipy skimage kornia imageio math random yaml json".split()
)


def cuts(evaluation: Evaluation, decodes: dict[int, Expr]) -> Iterator[Fact[str | None]]:
    """Of each term of the losses that reads one of the `decodes` how it is cut off, None where a gradient passes."""
    seen: set[int] = set()
    seen_with = evaluation.observations.decoded
    if any(module.read_once(_switches_on) for module in evaluation.modules()):
        # What is switched on again within is not followed.
        seen_with = {}
    is_kept = any(module.read_once(_keeps) for module in evaluation.modules())
    # What is assigned may be a number for a log.
    returned = (root.value for root in evaluation.observations.roots if root.kind == "return" and called_loss(root))
    for loss in (*minimised(evaluation), *(each for each in returned if isinstance(each, Expr))):
        terms = list(_terms(loss, decodes))
        for term in terms:
            if term.uid in seen:
                continue
            seen.add(term.uid)
            others = [each for each in terms if each is not term]
            yield from _of_term(term, decodes, _called(loss), others, seen_with, is_kept)


def _switches_on(module: Module) -> bool:
    """Whether a file switches gradients on within what switches them off."""
    return any("enable_grad" in cell.text or "set_grad_enabled" in cell.text for cell in module.file.cells)


def _keeps(module: Module) -> bool:
    """Whether a file keeps gradients from the weights of a VAE."""
    return any(_KEPT.search(cell.text) is not None for cell in module.file.cells)


def _cut_below(latent: Expr) -> Expr | None:
    """What keeps the gradient from all that is trained of which a latent is made; None where it reaches any."""
    stopped: Expr | None = None
    stack, seen = [latent], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.op == "detach":
            stopped = stopped or node
        elif owner_of(node) is not None:
            # The VAE whose factor is asked for.
            continue
        elif _is_made_trainable(node) or may_be_trained(node) or _may_be_anything(node):
            return None
        elif not stops_gradient(node):
            stack.extend(node.args)
    return stopped


def _terms(loss: Expr, decodes: Collection[int]) -> Iterator[Expr]:
    """What a loss is the sum of, weights left out; nothing for a loss of one term."""
    stack, found = [(loss, False)], []
    while stack:
        node, is_reduced = stack.pop()
        if node.op in ("add", "sub"):
            stack.extend((arg, is_reduced) for arg in node.args)
        elif node.op in _REDUCED and node.args:
            stack.append((node.args[0], True))
        elif node.op == "call" and node.get("name") == "scale" and len(node.args) == 2:
            # A scaler of mixed precision.
            stack.append((node.args[1], is_reduced))
        elif node.op == "phi":
            stack.extend((arg, is_reduced) for arg in node.args[1:])
        elif node.op in ("mul", "div") and len(node.args) == 2:
            reading = [arg for arg in node.args if any(inner.uid in decodes for inner in walk(arg))]
            if len(reading) == 1 and not is_reduced and reading[0].op in ("add", "phi"):
                # The whole of a loss, over the number of steps that its gradients are gathered in.
                stack.append((reading[0], False))
            else:
                found += reading if len(reading) == 1 else [node]
        else:
            found.append(node)
    if len(found) > 1:
        yield from found


def _called(loss: Expr) -> frozenset[int]:
    """What is called as a model is, to make a loss."""
    calls = (node for node in walk(loss) if node.op == "opaque" and node.get("name") == "call" and node.args)
    return frozenset(strip(node.args[0]).uid for node in calls)


def _of_term(
    term: Expr,
    decodes: dict[int, Expr],
    called: Collection[int],
    others: Collection[Expr],
    seen_with: Mapping[int, Collection[bool]],
    is_kept: bool,
) -> Iterator[Fact[str | None]]:
    """A term that reads a decode with gradient, or one all of whose ways to a model pass a decode that is cut off.

    A function that is not read and is handed one of those `called` may train it. `seen_with` says of each call of a VAE
    that is loaded whether it was seen with gradient, or without: a picture that is decoded twice, to be shown and for
    the loss, is one value, and which of the two is used is open.
    """
    wanted = next((node.uid for node in walk(term) if node.uid in decodes), None)
    if wanted is None:
        return
    decode = decodes[wanted]
    ways = seen_with.get(decode.uid, ())
    if len(ways) > 1:
        return
    if not (_is_trained(decode.args[1]) or _is_encoded_for(decode.args[1], others)):
        return
    stopped: Expr | None = None
    stack, seen = [term], set[int]()
    above = Graph((term,)).holding(wanted)
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.uid == wanted:
            # The layers of a VAE of the project were followed: what cuts off their picture would have been met.
            if decode.uid != wanted or not (False in ways or is_without_gradient(decode.site)):
                below = None if decode.uid != wanted else _cut_below(decode.args[1])
                if below is None:
                    yield Fact(None, origin(decode))
                elif is_kept:
                    yield Fact("latent", origin(decode))
                return
            stopped = decode
            continue
        if stops_gradient(node):
            if node.op == "detach" and node.uid in above:
                stopped = node
            continue
        if _is_made_trainable(node) or (may_be_trained(node) and not (node.uid in above and _is_called_a_loss(node))):
            return
        if _may_be_anything(node) and node.uid not in above:
            return
        # What is called is no tensor: a loss that is an object, frozen as it mostly is.
        is_call = node.op == "opaque" and node.get("name") == "call"
        if node.op == "opaque" and any(_is_model(arg, called) for arg in node.args[is_call:]):
            return
        stack.extend(node.args[1:] if is_call else node.args)
    if stopped is not None:
        if stopped.op == "detach" and stopped.get("known") != NO_GRAD:
            yield Fact("detach", origin(decode))
        elif stopped is decode or False in ways or is_without_gradient(decode.site):
            yield Fact("no_grad", origin(decode))
        else:
            # The decode has its gradient, and what is done to the picture behind it has none.
            yield Fact("after", origin(stopped.args[0]))


def _is_model(handed: Expr, called: Collection[int]) -> bool:
    """Whether a function is handed a model: what is called elsewhere, or made by a class; not one that is a loss."""
    made = strip(handed)
    by_class = made.op == "opaque" and str(made.get("name")).rpartition(".")[2][:1].isupper()
    return (by_class or made.uid in called) and not _is_called_a_loss(made)


def _may_be_anything(node: Expr) -> bool:
    """Whether a value may be what the code trains: kept under a key that is not read, or made by an unread function.

    A picture that is rendered of what is trained is compared with a decoded one, which is its target.
    """
    name = str(node.get("name"))
    if node.op == "atom":
        return name == "item" or name.startswith("[")
    parts = name.split(".")
    # What a class makes or loads is a model, or a setting.
    is_function = (
        node.op == "opaque" and len(parts) > 1 and all(part.isidentifier() and part[0].islower() for part in parts)
    )
    return is_function and parts[0] not in _LIBRARIES and not _is_called_a_loss(node)


def _is_made_trainable(node: Expr) -> bool:
    """Whether a tensor is moved by the gradient from here on, wherever it comes from."""
    call = None if node.site is None or node.op != "cast" else node.site.node
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    return call.func.attr == "requires_grad_" and all(getattr(arg, "value", None) is True for arg in call.args)


def _is_called_a_loss(node: Expr) -> bool:
    """Whether what is called goes by the name of a loss, where the call is written or by its class."""
    made = node.args[0] if node.get("name") == "call" and node.args else node
    if made.op == "opaque" and _LOSS.search(str(made.get("name")).rpartition(".")[2]) is not None:
        return True
    written = None if node.site is None else node.site.node
    return isinstance(written, ast.Call) and _LOSS.search(syntax.called(written)) is not None


def _is_trained(latent: Expr) -> bool:
    """Whether a model made the latent that is decoded: a model that is called by itself."""
    return any(may_be_trained(node) for node in walk(latent))


def _is_encoded_for(latent: Expr, others: Collection[Expr]) -> bool:
    """Whether another term, as a KL, trains the VAE by what it encodes with gradient, of which the latent is made."""
    encoded = {node.uid for node in walk(latent) if _encodes(node) and not is_without_gradient(node.site)}
    return bool(encoded) and any(node.uid in encoded for node in walk(*others))


def _encodes(node: Expr) -> bool:
    return node.op == "call" and node.get("name") == "encode" and owner_of(node.args[0]) is not None


def may_be_trained(node: Expr) -> bool:
    """Whether a value is what a model makes that is no VAE, or a parameter."""
    if node.op in ("layer", "parameter"):
        return True
    if node.op != "opaque" or not node.args:
        return False
    name = str(node.get("name"))
    if name != "call" and not name.startswith("method:"):
        return False
    return owner_of(node.args[0]) is None
