"""The training step itself, seen from the outside: what the forward returned, and the gradients of its backward.

Hooks stand on the model only while a step is looked at. They read and change nothing; the only work they add is one
vector-Jacobian product of the decoder, which parts the reconstruction's gradient at the heads from the KL's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vae_checked.adapters import Inputs, Subject
from vae_checked.auditor.measure.kl_fit import Drawn, close_in, fit
from vae_checked.auditor.measure.recon import fit_likelihood
from vae_checked.facts import Likelihood
from vae_checked.monitor.probe import Heads, Probed
from vae_checked.text import described


class _Away:
    """What a copy or a pickle of a watched model holds in the place of a hook."""

    def __call__(self, *_: Any) -> None:
        return None


class _Hook:
    """A forward hook of the watched model alone: its copies, an average of its weights among them, are not watched."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function

    def __call__(self, *given: Any) -> None:
        self._function(*given)

    def __reduce__(self) -> tuple[type[_Away], tuple[()]]:
        return (_Away, ())


@dataclass(slots=True)
class _Seen:
    """A tensor of the output, the loss's gradient at it, and the part of that which comes by the reconstruction."""

    tensor: Tensor
    total: Tensor | None = None
    by_recon: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Weighed:
    """What one backward showed: the two weights and the likelihood, and the norms of both terms at the heads."""

    weights: tuple[float, float, Likelihood] | None = None
    recon_gradient: float | None = None
    kl_gradient: float | None = None
    batch: int = 0
    seconds: float = 0.0
    unobserved: tuple[str, ...] = ()


class Live:
    """One step of training under observation: `first` is called before its forward, with what that is called with."""

    def __init__(
        self, subject: Subject, watched: nn.Module, first: Callable[[tuple[Any, ...], dict[str, Any]], Probed | None]
    ) -> None:
        self._subject = subject
        self._first = first
        self._probed: Probed | None = None
        self._data: Tensor | None = None
        self._parts: dict[str, _Seen] = {}
        self._trouble: list[str] = []
        self._passes: set[int] = set()
        self._seconds = 0.0
        self._busy = False
        self._handles: list[RemovableHandle] = [
            watched.register_forward_pre_hook(_Hook(self._before), with_kwargs=True),
            watched.register_forward_hook(_Hook(self._after), with_kwargs=True),
        ]

    def remove(self) -> None:
        """Take the hooks off, and let go of what they saw.

        A hook of a tensor is held by the tensor's graph and holds what was seen, the tensor among it: no collector
        finds that circle, so each is taken off by its handle.
        """
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._parts, self._data = {}, None

    @property
    def probed(self) -> Probed | None:
        """What the pass before the forward showed; None when no forward came."""
        return self._probed

    def _ignores(self) -> bool:
        training = self._subject.model.training and torch.is_grad_enabled()
        return self._busy or not training or torch.compiler.is_compiling()

    def _before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._probed is not None or self._ignores():
            return
        self._busy = True  # the pass runs the same modules
        try:
            self._probed = self._first(args, kwargs)
        finally:
            self._busy = False
        tensors = [tensor for _, tensor in Inputs(args, kwargs).tensors()]
        self._data = next((tensor for tensor in tensors if tensor.is_floating_point()), None)

    def _after(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if self._probed is None or self._parts or self._ignores():
            return
        tensors = {part.path: part.tensor for part in self._subject.parts(output)}
        wanted = [self._probed.x_hat, *(path for heads in self._probed.heads for path in (heads.mu, heads.second))]
        for path in wanted:
            tensor = tensors.get(path or "")
            if path is not None and tensor is not None and tensor.requires_grad:
                self._parts[path] = _Seen(tensor)
        heads = {path: seen for path, seen in self._parts.items() if path != self._probed.x_hat}
        for path, seen in self._parts.items():
            hook = self._parting(heads) if path == self._probed.x_hat else self._adding(seen)
            self._handles.append(seen.tensor.register_hook(hook))  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def _adding(self, seen: _Seen) -> Callable[[Tensor], None]:
        def add(gradient: Tensor) -> None:
            if self._busy:
                return
            seen.total = gradient.detach() if seen.total is None else seen.total + gradient.detach()

        return add

    def _parting(self, heads: Mapping[str, _Seen]) -> Callable[[Tensor], None]:
        def part(gradient: Tensor) -> None:
            if self._busy:  # the product below passes the same hooks
                return
            self._passes.add(torch._C._current_graph_task_id())
            x_hat = self._parts[str(self._probed.x_hat if self._probed is not None else "")]
            x_hat.total = gradient.detach() if x_hat.total is None else x_hat.total + gradient.detach()
            if not heads:
                return
            begun, self._busy = time.perf_counter(), True
            try:
                found = torch.autograd.grad(
                    x_hat.tensor,
                    [seen.tensor for seen in heads.values()],
                    gradient,
                    retain_graph=True,
                    allow_unused=True,
                )
            except Exception as error:  # the step's own backward goes on
                self._trouble.append(f"the reconstruction's gradient at the heads: {described(error)}")
                return
            finally:
                self._busy = False
                self._seconds += time.perf_counter() - begun
            for seen, slope in zip(heads.values(), found, strict=True):
                if slope is not None:
                    seen.by_recon = slope if seen.by_recon is None else seen.by_recon + slope

        return part

    def weigh(self) -> Weighed:
        """What the step's backward showed."""
        if self._probed is None:
            return Weighed(
                unobserved=("the step's gradients: the model's forward was not called in training since the last step",)
            )
        x_hat = self._parts.get(self._probed.x_hat or "")
        if x_hat is None:
            return Weighed(unobserved=("the step's gradients: the forward does not return the reconstruction",))
        if x_hat.total is None:
            return Weighed(
                unobserved=(
                    "the step's gradients: no backward went through x_hat before monitor.step()",
                    *self._trouble,
                )
            )
        if len(self._passes) > 1:
            return Weighed(unobserved=("the step's gradients: x_hat was differentiated more than once",))
        pairs = [pair for heads in self._probed.heads if (pair := self._pair(heads)) is not None]
        if not pairs or len(pairs) < len(self._probed.heads):
            return Weighed(unobserved=("the KL's gradient: the forward does not return mu and the head for std",))
        recon: float | None = _norm([seen.by_recon for _, mu, second in pairs for seen in (mu, second)])
        kl = _norm([_kl_part(seen) for _, mu, second in pairs for seen in (mu, second)])
        if self._trouble:
            return Weighed(unobserved=tuple(self._trouble))
        weights, reasons = self._weights(x_hat, pairs)
        if recon == 0 and self._probed.reaches_encoder:
            recon = None
            reasons += (
                "the reconstruction's gradient at the heads: it stays inside compiled code or a custom function",
            )
        batch = 0 if self._data is None else len(self._data)
        rows = {len(seen.tensor) for _, *heads in pairs for seen in heads}
        if batch and batch not in rows:
            first = min(rows)
            reasons += (f"the batch: the data have {batch} rows and the heads {first}, so that no size is named",)
            batch = 0
        return Weighed(weights, recon, kl, batch, self._seconds, reasons)

    def _pair(self, heads: Heads) -> tuple[Heads, _Seen, _Seen] | None:
        mu, second = self._parts.get(heads.mu or ""), self._parts.get(heads.second or "")
        return None if mu is None or second is None else (heads, mu, second)

    def _weights(
        self, x_hat: _Seen, pairs: list[tuple[Heads, _Seen, _Seen]]
    ) -> tuple[tuple[float, float, Likelihood] | None, tuple[str, ...]]:
        data = self._data
        if data is None or x_hat.total is None or data.numel() != x_hat.tensor.numel():
            return None, ("the effective beta: x_hat has not the size of the input",)
        error = fit_likelihood(x_hat.tensor, data, x_hat.total)
        if error is None:
            return None, (
                "the effective beta: the gradient at x_hat is that of no known error between it and the input",
            )
        kl = [_kl_weight(*pair) for pair in pairs]
        if None in kl:
            return None, (_NO_KL,)
        known = [weight for weight in kl if weight is not None]
        if max(known) - min(known) > 1e-2 * abs(known[0]):
            return None, ("the effective beta: the latents have different ones",)
        return (known[0], error[1], error[0]), ()


_NO_KL = (
    "the effective beta: the rest of the gradient at the heads is that of no closed-form KL to N(0, I), which is the "
    "one that is shown: the loss may have another prior, or free bits"
)


def _kl_part(seen: _Seen) -> Tensor | None:
    if seen.total is None:
        return None
    return seen.total if seen.by_recon is None else seen.total - seen.by_recon


def _kl_weight(heads: Heads, mu: _Seen, second: _Seen) -> float | None:
    """The weight of one latent's KL in the loss, 0 where the loss has none."""
    by_mu, by_second = _kl_part(mu), _kl_part(second)
    if by_mu is None or by_second is None:
        return None
    drawn = Drawn(mu.tensor.detach(), second.tensor.detach(), by_mu, by_second)
    # What is left of a difference of two large gradients is rounding, the more so the smaller the KL's own is.
    whole = max(float(each.total.abs().max()) for each in (mu, second) if each.total is not None)
    own = max(float(by_mu.abs().max()), float(by_second.abs().max()))
    rounding = 8.0 * float(torch.finfo(by_mu.dtype).eps) * whole
    if own <= rounding:
        return 0.0
    found = fit([drawn], heads.positive, max(close_in(by_mu.dtype), rounding / own))
    return None if found is None else found[2]


def _norm(gradients: list[Tensor | None]) -> float:
    known = [gradient.double().square().sum() for gradient in gradients if gradient is not None]
    return float(torch.stack(known).sum().sqrt()) if known else 0.0
