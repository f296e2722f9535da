"""The catalogue's modules under torch: a good one is the VAE of the paper, a bad one fails in exactly its own way."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from planted.facts import CASES
from torch import nn

from vae_checked.catalogue import CATALOGUE, Mistake, find
from vae_checked.catalogue.support.example import CHANNELS_LAST, EXAMPLE, PIPELINE, edit

B, L = 7, 5
CODES = [each.code for each in CATALOGUE]
every_mistake = pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda each: each.code)


def executed(text: str) -> SimpleNamespace:
    """What the module defines, with its model, a batch within its range, and how its loss reads x_hat."""
    names: dict[str, object] = {"__name__": "module"}
    exec(compile(text, "module.py", "exec"), names)  # noqa: S102 - the catalogue's own text is what is tested
    run = SimpleNamespace(**{key: value for key, value in names.items() if not key.startswith("__")})
    torch.manual_seed(20)
    run.model = run.VAE()
    run.low, run.high = run.DATA_RANGE
    shape = [B if axis == "B" else int(axis) for axis in run.INPUT.partition(",")[0].rpartition(":")[2].split()]
    run.x = run.low + (run.high - run.low) * (0.05 + 0.9 * torch.rand(shape))
    run.logits = "cross_entropy_with_logits" in text
    run.bce = "cross_entropy(" in text
    return run


def seeded(function: Callable[..., torch.Tensor], *args: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(21)
    return function(*args)


def backward(run: SimpleNamespace) -> None:
    run.model.zero_grad()
    x_hat, *posterior = run.model(run.x)
    run.loss_function(x_hat, run.x, *posterior).backward()


def in_data_space(run: SimpleNamespace, x_hat: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(x_hat) if run.logits else x_hat


def gradients(run: SimpleNamespace) -> SimpleNamespace:
    """d loss / d (x_hat, mu, logvar) at random points, and what the closed forms say but for a factor."""
    torch.manual_seed(22)
    mu, logvar = torch.randn(B, L, requires_grad=True), torch.randn(B, L, requires_grad=True)
    x_hat = (0.1 + 0.8 * torch.rand_like(run.x)).requires_grad_()
    found = torch.autograd.grad(
        run.loss_function(x_hat, run.x, mu, logvar), (x_hat, mu, logvar), allow_unused=True, materialize_grads=True
    )
    error = in_data_space(run, x_hat) - run.x
    recon = error if run.logits else error / (x_hat * (1 - x_hat)) if run.bce else 2 * error
    kl = torch.cat([mu, 0.5 * (logvar.exp() - 1)])
    return SimpleNamespace(recon=found[0] / recon, kl=torch.cat(found[1:]) / kl)


def constant(ratio: torch.Tensor) -> bool:
    return torch.allclose(ratio, ratio.mean(), rtol=1e-3, atol=1e-7)


# Each says whether a model obeys one thing that is true of the VAE of Kingma and Welling 2014.


def layout(run: SimpleNamespace) -> bool:
    """The first convolution receives B C H W."""
    received: list[torch.Tensor] = []
    for first in [each for each in run.model.modules() if isinstance(each, nn.Conv2d)][:1]:
        handle = first.register_forward_pre_hook(lambda _, args: received.append(args[0]))
        run.model(run.x)
        handle.remove()
    return all(torch.equal(each, run.x.permute(0, 3, 1, 2)) for each in received)


def shape(run: SimpleNamespace) -> bool:
    return run.model(run.x)[0].shape == run.x.shape


def batch(run: SimpleNamespace) -> bool:
    """Changing sample 2 moves output 2 and no other."""
    changed = run.x.clone()
    changed[2] = run.low + run.high - changed[2]
    moved = (seeded(run.model, run.x)[0] - seeded(run.model, changed)[0]).flatten(1).abs().amax(1) > 1e-6
    return moved.tolist() == [sample == 2 for sample in range(B)]


def data_range(run: SimpleNamespace) -> bool:
    """The decoder reaches the ends of the data and goes no further."""
    torch.manual_seed(23)
    x_hat = in_data_space(run, run.model.decode(1e4 * torch.randn(64, L)))
    return (x_hat.min().item(), x_hat.max().item()) == pytest.approx((run.low, run.high), abs=0.01)


def noise(run: SimpleNamespace) -> bool:
    """At mu = 0 and logvar = 0, z is N(0, 1), independent over batch and latents; bounds are six standard errors."""
    torch.manual_seed(24)
    count = 4000
    z = run.model.reparameterize(torch.zeros(count, L), torch.zeros(count, L))
    covariance = z.T @ z / count
    return bool(
        z.mean(0).abs().max() < 6 / math.sqrt(count)
        and (covariance - torch.eye(L)).abs().max() < 6 * math.sqrt(2 / count)
    )


def width(run: SimpleNamespace) -> bool:
    """z moves away from mu by exp(logvar / 2) times what it does at logvar = 0."""
    ones = torch.ones(B, L)
    at_zero = seeded(run.model.reparameterize, 0 * ones, 0 * ones)
    return all(
        torch.allclose(seeded(run.model.reparameterize, 3 * ones, s * ones) - 3, math.exp(s / 2) * at_zero, atol=0.01)
        for s in (-1.0, 2.0)
    )


def finite(run: SimpleNamespace) -> bool:
    return bool(torch.isfinite(run.model.reparameterize(torch.zeros(B, L), torch.full((B, L), 40.0))).all())


def pathwise(run: SimpleNamespace) -> bool:
    mu, logvar = torch.zeros(B, L, requires_grad=True), torch.zeros(B, L, requires_grad=True)
    z = run.model.reparameterize(mu, logvar)
    return z.requires_grad and all(each.any() for each in torch.autograd.grad(z.pow(3).sum(), (mu, logvar)))


def free_heads(run: SimpleNamespace) -> bool:
    """Both heads reach beyond 2 on both sides, given enough input."""
    torch.manual_seed(25)
    heads = run.model.encode(1e4 * torch.randn(64, *run.x.shape[1:]))
    return all(bool(head.min() < -2 and head.max() > 2) for head in heads)


def two_heads(run: SimpleNamespace) -> bool:
    mu, logvar = run.model.eval().encode(run.x)
    return not torch.equal(mu, logvar)


def kl_form(run: SimpleNamespace) -> bool:
    return constant(gradients(run).kl)


def kl_sign(run: SimpleNamespace) -> bool:
    return bool((gradients(run).kl > 0).float().mean() > 0.5)


def recon_form(run: SimpleNamespace) -> bool:
    return constant(gradients(run).recon)


def recon_sign(run: SimpleNamespace) -> bool:
    return bool((gradients(run).recon > 0).float().mean() > 0.5)


def balance(run: SimpleNamespace) -> bool:
    """One nat of KL weighs as much as one nat of reconstruction."""
    found = gradients(run)
    return math.isclose(found.kl.mean().abs().item(), found.recon.mean().abs().item(), rel_tol=1e-3)


def trained(run: SimpleNamespace) -> bool:
    backward(run)
    return all(each.grad is not None and bool(each.grad.any()) for each in run.model.parameters())


def held(run: SimpleNamespace) -> bool:
    make = getattr(run, "configure_optimizers", lambda model: torch.optim.Adam(model.parameters()))
    inside = {id(each) for group in make(run.model).param_groups for each in group["params"]}
    return all(id(each) in inside for each in run.model.parameters())


def still_in_evaluation(run: SimpleNamespace) -> bool:
    run.model.eval()
    return torch.equal(run.model.encode(run.x)[0], run.model.encode(run.x)[0])


def honest(run: SimpleNamespace) -> bool:
    """A NaN in the posterior shows in the loss."""
    mu = torch.full((B, L), math.nan)
    return bool(run.loss_function(torch.full_like(run.x, 0.5), run.x, mu, torch.zeros(B, L)).isnan())


def condition(run: SimpleNamespace) -> bool:
    """What a decoder draws of one z changes with the class, where the model takes one."""
    if "int<" not in run.INPUT:
        return True
    z = torch.zeros(B, L)
    drawn = [run.model.decode(z, torch.full((B,), label)) for label in (0, 3)]
    return not torch.equal(*drawn)


def commitment(run: SimpleNamespace) -> bool:
    """The loss draws codes to their encoding at least as strongly as that to them, where there are codes."""
    if not hasattr(run.model, "codebook"):
        return True
    generator = torch.Generator().manual_seed(26)
    features, code = (torch.randn(B, L, generator=generator).requires_grad_() for _ in range(2))
    posterior = torch.zeros(B, L), torch.zeros(B, L)
    loss = run.loss_function(torch.full_like(run.x, 0.5), run.x, *posterior, features, code)
    by_features, by_code = torch.autograd.grad(loss, (features, code))
    return bool(by_features.norm() <= by_code.norm())


PROPERTIES = {
    each.__name__: each
    for each in (
        layout,
        shape,
        batch,
        data_range,
        noise,
        width,
        finite,
        pathwise,
        free_heads,
        two_heads,
        kl_form,
        kl_sign,
        recon_form,
        recon_sign,
        balance,
        trained,
        held,
        still_in_evaluation,
        honest,
        condition,
        commitment,
    )
}


def broken(text: str) -> set[str]:
    return {name for name, obeys in PROPERTIES.items() if not obeys(executed(text))}


@every_mistake
def test_a_good_module_is_free_of_every_mistake(mistake: Mistake) -> None:
    assert broken(mistake.good) == set()


@every_mistake
def test_a_bad_module_makes_its_mistake(mistake: Mistake) -> None:
    assert broken(mistake.bad) == set(CASES[mistake.code].breaks)


@pytest.mark.parametrize(
    "text", [EXAMPLE, EXAMPLE + PIPELINE, CHANNELS_LAST], ids=["flat", "pipeline", "channels-last"]
)
def test_an_example_is_free_of_every_mistake(text: str) -> None:
    assert broken(text) == set()


@every_mistake
def test_a_good_module_has_a_finite_loss(mistake: Mistake) -> None:
    run = executed(mistake.good)
    x_hat, *posterior = run.model(run.x)
    assert torch.isfinite(run.loss_function(x_hat, run.x, *posterior))


@every_mistake
def test_only_the_bad_module_is_marked_and_once(mistake: Mistake) -> None:
    marked = [line for line in mistake.bad.splitlines() if line.endswith(f"  # {mistake.code}")]
    assert len(marked) == 1
    assert marked[0].partition("#")[0].strip()
    assert [mistake.bad.count(code) for code in CODES] == [int(code == mistake.code) for code in CODES]
    assert not any(code in mistake.good for code in CODES)
    assert mistake.bad.replace(f"  # {mistake.code}", "") != mistake.good


def test_the_parameters_left_behind_are_those_of_the_line() -> None:
    run = executed(find("601").bad)
    backward(run)
    left = {name for name, each in run.model.named_parameters() if each.grad is None}
    assert left == {"encoder.1.weight", "encoder.1.bias"}


@pytest.mark.parametrize("old", ["torch.relu", "torch"])
def test_an_edit_must_meet_exactly_one_place(old: str) -> None:
    with pytest.raises(ValueError, match=f"'{old}' stands .* times in the example, not once"):
        edit((old, "x"))
