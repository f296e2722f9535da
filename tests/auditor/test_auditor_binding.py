"""What the arguments of a loss are bound to: by the names of both sides, by order where these say nothing, or given."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from bound_losses import codes, is_bound
from small_vaes import spellings as zoo
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit
from vae_checked.errors import ModelError, UsageError
from vae_checked.facts import Likelihood

FEATURES, LATENTS, CLASSES = 42, 6, 10


class Model(nn.Module):
    """A VAE on rows of features; `returned` says what its forward makes of reconstruction, heads and z."""

    def __init__(self, returned: Callable[..., Any], *, squashed: bool = False) -> None:
        super().__init__()
        self.returned, self.squashed = returned, squashed
        self.encoder = nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU())
        self.fc_mu, self.fc_logvar = nn.Linear(32, LATENTS), nn.Linear(32, LATENTS)
        self.decoder = nn.Linear(LATENTS, FEATURES)

    def parts(self, x: Tensor) -> Any:
        h = self.encoder(x)
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        x_hat = self.decoder(z)
        x_hat = torch.sigmoid(x_hat) if self.squashed else x_hat
        return self.returned(x_hat=x_hat, mu=mu, logvar=logvar, z=z)

    def forward(self, x: Tensor) -> Any:
        return self.parts(x)


def in_order(x_hat: Tensor, mu: Tensor, logvar: Tensor, **_: Tensor) -> Any:
    return x_hat, mu, logvar


def kl(mu: Tensor, logvar: Tensor, sign: float = 1.0) -> Tensor:
    return -0.5 * sign * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()


def elbo(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, sign: float = 1.0) -> Tensor:
    return (x_hat - x).pow(2).sum(1).mean() + kl(mu, logvar, sign)


def audited(model: nn.Module, loss: Any, spec: str = f"B {FEATURES}", **options: Any) -> AuditReport:
    torch.manual_seed(3)
    return audit(model, spec, loss, **options)


class Output(NamedTuple):
    reconstruction: Tensor
    q_m: Tensor
    q_v: Tensor


ORDERS: dict[str, Callable[..., Any]] = {
    "in order": in_order,
    "heads first": lambda x_hat, mu, logvar, **_: (mu, logvar, x_hat),
    "with z": lambda x_hat, mu, logvar, z, **_: (x_hat, mu, logvar, z),
    "nested": lambda x_hat, mu, logvar, **_: (x_hat, (mu, logvar)),
    "a list": lambda x_hat, mu, logvar, **_: [x_hat, mu, logvar],
    "a dictionary": lambda x_hat, mu, logvar, **_: {"spec": x_hat, "m": mu, "s": logvar},
    "a named tuple": lambda x_hat, mu, logvar, **_: Output(x_hat, mu, logvar),
}
# Losses with the names that people give: each takes the sign of its KL, so that it is right or wrong.
NAMES: dict[str, Callable[[float], Callable[..., Tensor]]] = {
    "the field's": lambda s: lambda recon_x, x, mu, logvar: elbo(recon_x, x, mu, logvar, s),
    "of the data": lambda s: lambda spec_hat, spec, mu, logvar: elbo(spec_hat, spec, mu, logvar, s),
    "video": lambda s: lambda video, video_hat, mu, logvar: elbo(video_hat, video, mu, logvar, s),
    "counts": lambda s: lambda counts_hat, counts, qz_m, qz_v: elbo(counts_hat, counts, qz_m, qz_v, s),
    "suffixes": lambda s: lambda recon, target, mu_x, logvar_x: elbo(recon, target, mu_x, logvar_x, s),
    "numbers": lambda s: lambda rec, inputs, mean1, logvar1: elbo(rec, inputs, mean1, logvar1, s),
    "y for x_hat": lambda s: lambda mu, logvar, y, x: elbo(y, x, mu, logvar, s),
    "x and y": lambda s: lambda x, y, mu, logvar: elbo(y, x, mu, logvar, s),
    "a weight": lambda s: lambda recon_x, x, mu, logvar, beta: elbo(recon_x, x, mu, logvar, s) + 0 * beta,
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_loss_is_bound_whatever_the_order_of_the_output(order: str) -> None:
    right, wrong = (audited(Model(ORDERS[order]), NAMES["of the data"](sign)) for sign in (1.0, -1.0))
    assert is_bound(right)
    assert codes(right) == []
    assert codes(wrong) == ["VAE302"]


@pytest.mark.parametrize("names", NAMES)
def test_a_loss_is_bound_whatever_its_arguments_are_called(names: str) -> None:
    right, wrong = (audited(Model(in_order), NAMES[names](sign)) for sign in (1.0, -1.0))
    assert is_bound(right)
    assert set(codes(right)) <= ({"VAE305"} if names == "a weight" else set())
    assert "VAE302" in codes(wrong)


def nameless(sign: float) -> Callable[..., Tensor]:
    return lambda a, b, c, d: elbo(a, b, c, d, sign)


@pytest.mark.parametrize("order", ["in order", "heads first", "with z", "nested"])
def test_names_that_say_nothing_are_bound_by_order_and_shape(order: str) -> None:
    loss = nameless if order != "heads first" else lambda sign: lambda a, b, c, d: elbo(c, d, a, b, sign)
    right, wrong = (audited(Model(ORDERS[order]), loss(sign)) for sign in (1.0, -1.0))
    assert codes(right) == []
    assert codes(wrong) == ["VAE302"]
    assert any("by order and shape, as no name says" in line for line in right.recognised)


# ---------------------------------------------------------------------------------------------- what is guessed


def test_a_guess_is_judged_only_where_every_reading_of_it_agrees() -> None:
    def cross_entropy(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
        return F.binary_cross_entropy(a.clamp(1e-6, 1 - 1e-6), b, reduction="none").sum(1).mean() + kl(c, d, -1.0)

    report = audited(Model(in_order, squashed=True), cross_entropy, data_range=(0, 1))
    assert codes(report) == ["VAE302"], "the KL is the same in both orders"
    assert report.facts[0].recon.swapped is None
    reason = report.facts[0].unobserved["recon.swapped"]
    assert "no name tells which is meant" in reason
    assert 'bind="a=output[0],b=input,c=output[1],d=output[2]"' in reason
    assert "VAE404" not in report.judgements[0].clean


def test_a_binding_that_is_given_settles_a_guess() -> None:
    def cross_entropy(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
        return F.binary_cross_entropy(a.clamp(1e-6, 1 - 1e-6), b, reduction="none").sum(1).mean() + kl(c, d)

    right = audited(Model(in_order, squashed=True), cross_entropy, bind="a=output[0], b=input", data_range=(0, 1))
    wrong = audited(Model(in_order, squashed=True), cross_entropy, bind={"a": "input", "b": "output[0]"})
    assert "VAE404" in right.judgements[0].clean
    assert codes(right) == []
    assert codes(wrong) == ["VAE404"]


def test_a_binding_names_numbers_keys_attributes_and_the_model() -> None:
    def loss(out: Any, x: Tensor, net: nn.Module, scale: float) -> Tensor:
        assert isinstance(net, Model)
        return elbo(out, x, net.last[0], net.last[1]) * scale

    class Keeps(Model):
        def forward(self, x: Tensor) -> Any:
            found = self.parts(x)
            self.last = (found["mu"], found["logvar"])
            return found

    model = Keeps(lambda x_hat, mu, logvar, **_: {"picture": x_hat, "mu": mu, "logvar": logvar})
    report = audited(model, loss, bind="out=output['picture'], net=model, scale=2")
    assert is_bound(report)
    assert codes(report) == []


BAD_BINDINGS = {
    "no value": ("recon_x", "binds nothing"),
    "twice": ("x=input,x=input", "twice"),
    "no root": ("x=batch[0]", "nothing that a run has"),
    "no such entry": ("recon_x=output[7]", "there is no output[7] in this run"),
    "no such parameter": ("recons=output[0]", "takes no recons"),
}


@pytest.mark.parametrize("case", BAD_BINDINGS)
def test_a_binding_that_cannot_be_meant_is_refused(case: str) -> None:
    bind, words = BAD_BINDINGS[case]
    with pytest.raises((UsageError, ModelError)) as caught:
        audited(Model(in_order), NAMES["the field's"](1.0), bind=bind)
    assert words in str(caught.value)


def test_a_parameter_that_nothing_is_known_for_is_named_with_its_binding() -> None:
    def loss(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, labels: Tensor) -> Tensor:
        return elbo(recon_x, x, mu, logvar) + 0 * labels.sum()

    with pytest.raises(ModelError) as caught:
        audited(Model(in_order), loss)
    written = "recon_x=output[0],x=input,mu=output[1],logvar=output[2],labels=..."
    assert "nothing is known for labels" in str(caught.value)
    assert f'bind="{written}"' in str(caught.value)


def test_a_reconstruction_and_a_number_are_never_exchanged() -> None:
    def loss(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, epoch: int) -> Tensor:
        return elbo(recon_x, x, mu, logvar) * min(1.0, epoch)

    with pytest.raises(ModelError, match=r"nothing is known for epoch"):
        audited(Model(ORDERS["with z"]), loss)
    assert codes(audited(Model(ORDERS["with z"]), loss, bind="epoch=9")) == []


# ------------------------------------------------------------------------------------------- labels beside x


class Labelled(Model):
    def __init__(self) -> None:
        super().__init__(in_order)
        self.classifier = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor, y: Tensor) -> Any:
        return (*self.parts(x), self.classifier(x))


class Otherwise(Model):
    def forward(self, x: Tensor, label: Tensor) -> Any:
        return self.parts(x)


def semi_supervised(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, logits: Tensor, y: Tensor) -> Tensor:
    return elbo(x_hat, x, mu, logvar) + F.cross_entropy(logits, y)


def test_labels_go_where_their_name_says() -> None:
    report = audited(Labelled(), semi_supervised, f"x: B {FEATURES}, y: int<{CLASSES}> B")
    assert codes(report) == []
    assert any("logits = output[3]" in line and "y = the input y" in line for line in report.recognised)


def test_y_is_the_data_where_the_labels_have_another_name() -> None:
    def loss(logits: Tensor, y: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        error = F.binary_cross_entropy_with_logits(logits, y, reduction="none").sum(1).mean()
        return error + kl(mu, logvar)

    report = audited(Otherwise(in_order), loss, f"x: B {FEATURES}, label: int<{CLASSES}> B", data_range=(0, 1))
    assert codes(report) == []
    assert report.facts[0].recon.kind is not None
    assert report.facts[0].recon.kind.value is Likelihood.BCE_WITH_LOGITS


# ----------------------------------------------------------------------------- wholes, the model, bare names


def test_a_loss_may_take_all_of_the_output_under_any_name() -> None:
    def loss(p: Any, x: Tensor) -> Tensor:
        x_hat, mu, logvar = p
        return elbo(x_hat, x, mu, logvar, -1.0)

    def on_recon(recon: Any, target: Tensor) -> Tensor:
        x_hat, (mu, logvar) = recon
        return elbo(x_hat, target, mu, logvar, -1.0)

    assert codes(audited(Model(in_order), loss)) == ["VAE302"]
    assert codes(audited(Model(ORDERS["nested"]), on_recon)) == ["VAE302"]


@pytest.mark.parametrize(("sign", "expected"), [(1.0, []), (-1.0, ["VAE302"])])
def test_a_free_loss_that_takes_the_model_runs_it(sign: float, expected: list[str]) -> None:
    def loss(model: nn.Module, x: Tensor) -> Tensor:
        x_hat, mu, logvar = model(x)
        return elbo(x_hat, x, mu, logvar, sign)

    report = audited(Model(in_order), loss)
    assert codes(report) == expected
    assert report.facts[0].recon.kind is not None


def test_a_mapping_goes_in_and_out_whole() -> None:
    class FromMapping(Model):
        def forward(self, batch: dict[str, Tensor]) -> Any:
            assert batch["label"].dtype is torch.long
            return self.parts(batch["spec"])

    def loss(out: dict[str, Tensor], batch: dict[str, Tensor], sign: float = 1.0) -> Tensor:
        return elbo(out["recon"], batch["spec"], out["mu"], out["logvar"], sign)

    model = FromMapping(lambda x_hat, mu, logvar, **_: {"recon": x_hat, "mu": mu, "logvar": logvar})
    spec = f"{{spec: B {FEATURES}, label: int<{CLASSES}> B}}"
    assert codes(audited(model, loss, spec)) == []
    assert codes(audited(model, functools.partial(loss, sign=-1.0), spec)) == ["VAE302"]
    with pytest.raises(UsageError, match="an entry without a name"):
        audited(model, loss, f"{{B {FEATURES}}}")


def free_loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return elbo(x_hat, x, mu, logvar, -1.0)


def test_a_bare_name_is_a_function_beside_the_class() -> None:
    assert codes(audited(Model(in_order), "free_loss")) == ["VAE302"]
    with pytest.raises(UsageError, match=r"no method of Model, and no function of"):
        audited(Model(in_order), "another_loss")


def test_another_method_may_be_run_in_the_place_of_forward() -> None:
    class Decodes(Model):
        def forward(self, z: Tensor) -> Tensor:
            found: Tensor = self.decoder(z)
            return found

        def reconstruct(self, x: Tensor) -> Any:
            return self.parts(x)

    report = audited(Decodes(in_order), free_loss, forward="reconstruct")
    assert codes(report) == ["VAE302"]
    with pytest.raises(UsageError, match="is no method of Decodes"):
        audited(Decodes(in_order), free_loss, forward="reconstruction")


class Raising(Model):
    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        raise RuntimeError("needs a trainer")


def test_a_found_training_step_that_raises_is_passed_over() -> None:
    report = audited(Raising(in_order), None)
    assert report.facts[0].sampler.std is not None
    assert any("needs a trainer" in line for line in report.unobserved)


def test_a_head_within_a_nested_output_comes_before_a_z_beside_it() -> None:
    def loss(inp: Tensor, out: Tensor, m: Tensor, s: Tensor) -> Tensor:
        return elbo(out, inp, m, s)

    report = audited(Model(lambda x_hat, mu, logvar, z: (x_hat, (mu, logvar), z)), loss)
    assert codes(report) == []
    assert any("m = output[1][0], s = output[1][1]" in line for line in report.recognised)


def test_what_readings_differ_in_by_rounding_alone_is_no_doubt() -> None:
    def logits(a: Tensor, b: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(a, b, reduction="none").sum(1).mean() + kl(mu, logvar)

    report = audited(Model(in_order), logits, data_range=(0, 1))
    assert report.facts[0].kl.form is not None
    assert report.facts[0].recon.swapped is None


class WithTarget(zoo.Base):
    def forward(self, x: Tensor, epoch: int | None = None, y: Tensor | None = None) -> tuple[Tensor, ...]:
        mu, logvar = self.encode(x)
        return self.decode(self.sample(mu, logvar)), mu, logvar

    def loss_function(self, recons: Tensor, x: Tensor, y: Tensor | None, mu: Tensor, sigma: Tensor) -> Tensor:
        target = x if y is None else y
        error = (recons - target).square().flatten(1).sum(1)
        return (error - 0.5 * (1 + sigma - mu.square() - sigma.exp()).sum(1)).mean()


def test_what_forward_leaves_at_its_default_the_loss_is_given_so() -> None:
    torch.manual_seed(4)
    report = audit(WithTarget(), "B 3 8 12", "loss_function")
    assert [finding.code for finding in report.findings] == []
    assert any("y = forward's own default None" in line for line in report.recognised)
    given = audit(WithTarget(), "B 3 8 12", "loss_function", bind="y=None")
    assert [finding.code for finding in given.findings] == []
