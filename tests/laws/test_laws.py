"""Every law on the reference: it holds at whatever sizes are drawn, and its mutant is caught."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from drawn import drawn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import find as find_example
from hypothesis import strategies as st

from vae_checked import laws
from vae_checked.errors import ModelError, UsageError
from vae_checked.facts import REAL, UNIT, Interval, Likelihood, Parametrisation
from vae_checked.laws import LAWS, InapplicableError, Law, Sizes, Stages, stages_of
from vae_checked.reference import VAE
from vae_checked.strategies import sizes

INFRASTRUCTURE = {"__init__", "closed_forms", "law", "linear_gaussian", "seeding", "stages", "trial"}
DRAWN = drawn(25, suppress=[HealthCheck.too_slow])
LOGVAR_SIZES = Sizes(batch=5, event=(3, 8, 12), latent=(7,))


def build(sizes: Sizes, variant: str) -> Stages:
    """The stages of a small reference VAE with random weights: `logits`, `sigmoid` or `tanh`."""
    torch.manual_seed(0)
    channels, height, width = sizes.event
    choice = {"encoder": "mlp", "decoder": "mlp"}
    if variant == "sigmoid" and height % 2 == 0 and width % 2 == 0:
        choice = {"encoder": "conv", "decoder": "nearest", "base": (height // 2, width // 2), "base_channels": 16}
    model = VAE((channels, height, width), latents=sizes.latent[0], hidden=9, output=variant, **choice)
    return stages_of(model.eval())


def cases(variants: tuple[str, ...] = ("logits", "sigmoid", "tanh")) -> st.SearchStrategy[tuple[Sizes, str, int]]:
    """Sizes, no two alike, a variant of the reference, and a seed."""
    any_size = (1, 12)
    drawn = sizes(B=any_size, C=any_size, H=any_size, W=any_size, L=any_size)
    return st.tuples(
        drawn.map(lambda s: Sizes(s.batch, s.event, s.latent)), st.sampled_from(variants), st.integers(0, 2**31)
    )


def check(law: Law, case: tuple[Sizes, str, int], *, mutated: bool = False) -> laws.Violation | None:
    sizes, variant, seed = case
    stages = build(sizes, variant)
    if mutated:
        stages = law.mutant(stages)
    try:
        return law.check(stages, sizes, seed)
    except InapplicableError:
        return None


# ------------------------------------------------------------------------------------------------ the register


def test_every_file_of_the_room_is_registered() -> None:
    files = {path.stem for path in Path(laws.__file__).parent.glob("*.py")} - INFRASTRUCTURE
    assert {law.name.replace("-", "_") for law in LAWS} == files
    assert len(LAWS) == len(files)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_every_law_says_what_it_is(law: Law) -> None:
    assert law.statement
    assert law.source
    fields = set(Stages.__dataclass_fields__)
    assert [*law.needs, *law.any_of]
    assert {*law.needs, *law.any_of} <= fields
    assert laws.find(law.name) is law


def test_an_unknown_law_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no law 'kl-positive': choose one of kl-nonnegative, "):
        laws.find("kl-positive")


# ---------------------------------------------------------------------------------------------- red and green


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@DRAWN
@given(case=cases())
def test_the_reference_obeys(law: Law, case: tuple[Sizes, str, int]) -> None:
    assert check(law, case) is None


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_the_law_is_put_to_the_reference(law: Law) -> None:
    reasons = []
    for variant in ("logits", "sigmoid", "tanh"):
        try:
            assert law.check(build(LOGVAR_SIZES, variant), LOGVAR_SIZES, seed=3) is None
        except InapplicableError as error:
            reasons.append(str(error))
    assert len(reasons) < 3, reasons


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_the_mutant_is_caught_within_100_examples(law: Law) -> None:
    search = settings(
        max_examples=100, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    case = find_example(
        cases(),
        lambda case: check(law, case, mutated=True) is not None,
        settings=search,
        random=random.Random(1),  # noqa: S311  no secret hangs on it
    )
    violation = check(law, case, mutated=True)
    assert violation.law == law.name
    assert violation.sizes == case[0]
    assert violation.seed == case[2]
    assert violation.got != violation.expected
    assert f"seed {case[2]}" in str(violation)


# --------------------------------------------------------------------------- other conventions that are no mistake


def std_of(second: torch.Tensor, parametrisation: Parametrisation) -> torch.Tensor:
    return {
        Parametrisation.LOGVAR: lambda s: torch.exp(s / 2),
        Parametrisation.LOG_STD: torch.exp,
        Parametrisation.STD: lambda s: s,
        Parametrisation.VAR: torch.sqrt,
    }[parametrisation](second)


def posterior_stages(parametrisation: Parametrisation, axes: int) -> Stages:
    """A sampler and a KL of any parametrisation, over `axes` latent axes."""

    def kl(mu: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        std = std_of(second, parametrisation)
        return (0.5 * (std**2 + mu**2 - 1) - std.log()).sum(dim=tuple(range(1, 1 + axes)))

    return Stages(
        kl=kl,
        reparameterize=lambda mu, second: mu + std_of(second, parametrisation) * torch.randn_like(mu),
        parametrisation=parametrisation,
    )


@pytest.mark.parametrize("parametrisation", list(Parametrisation))
@pytest.mark.parametrize("latent", [(7,), (4, 2, 3)], ids=["vector", "spatial"])
def test_every_parametrisation_is_lawful(parametrisation: Parametrisation, latent: tuple[int, ...]) -> None:
    sizes = Sizes(5, (3, 8, 12), latent)
    stages = posterior_stages(parametrisation, axes=len(latent))
    put = []
    for law in LAWS:
        if law.inapplicable(stages) is None:
            assert law.check(stages, sizes, seed=11) is None, law.name
            put.append(law.name)
    assert {"kl-closed-form", "kl-gradient", "sample-is-affine", "sample-gradient", "elbo-below-evidence"} <= set(put)
    known = {field.name for field in fields(stages) if getattr(stages, field.name) is not None}
    assert put == [
        law.name for law in LAWS if known.issuperset(law.needs) and (not law.any_of or known & {*law.any_of})
    ]


@pytest.mark.parametrize("sampler", [p for p in Parametrisation if p is not Parametrisation.LOGVAR])
def test_a_sampler_that_disagrees_with_the_kl_is_caught(sampler: Parametrisation) -> None:
    stages = replace(
        posterior_stages(Parametrisation.LOGVAR, axes=1),
        reparameterize=lambda mu, second: mu + std_of(second.abs(), sampler) * torch.randn_like(mu),
    )
    assert laws.find("sample-is-affine").check(stages, LOGVAR_SIZES, seed=1) is not None
    assert laws.find("kl-closed-form").check(stages, LOGVAR_SIZES, seed=1) is None


@pytest.mark.parametrize("scale", [1 / 128, 4.0])
def test_a_kl_of_unknown_weight_is_lawful(scale: float) -> None:
    known = posterior_stages(Parametrisation.LOGVAR, axes=1)
    stages = replace(known, kl=lambda mu, second: scale * known.kl(mu, second), kl_scale=None)
    broken = replace(known, kl=lambda mu, second: scale * known.kl(mu, 2 * second), kl_scale=None)
    for law in LAWS:
        try:
            assert law.check(stages, LOGVAR_SIZES, seed=2) is None, law.name
        except InapplicableError:
            assert law.name not in {"kl-nonnegative", "kl-zero-at-prior", "kl-closed-form", "kl-grows-with-mu"}
    with pytest.raises(InapplicableError, match="no term of the loss is known with its weight"):
        laws.find("per-sample-shape").check(stages, LOGVAR_SIZES, seed=2)
    assert laws.find("kl-summed-over-latents").inapplicable(stages) == "the factor of its KL is not known"
    assert laws.find("kl-closed-form").check(broken, LOGVAR_SIZES, seed=2) is not None


@pytest.mark.parametrize("likelihood", [Likelihood.MSE, Likelihood.L1, Likelihood.BCE, Likelihood.BCE_WITH_LOGITS])
@pytest.mark.parametrize("event", [(3, 4, 6), (11,)], ids=["image", "vector"])
def test_every_likelihood_is_lawful(likelihood: Likelihood, event: tuple[int, ...]) -> None:
    element = {
        Likelihood.MSE: torch.nn.functional.mse_loss,
        Likelihood.L1: torch.nn.functional.l1_loss,
        Likelihood.BCE: torch.nn.functional.binary_cross_entropy,
        Likelihood.BCE_WITH_LOGITS: torch.nn.functional.binary_cross_entropy_with_logits,
    }[likelihood]
    stages = Stages(
        recon=lambda x_hat, x: element(x_hat, x, reduction="none").flatten(1).sum(dim=1), likelihood=likelihood
    )
    put = []
    for law in LAWS:
        try:
            assert law.check(stages, Sizes(5, event, (7,)), seed=4) is None, law.name
            put.append(law.name)
        except InapplicableError:
            continue
    assert {"recon-closed-form", "recon-gradient", "recon-least-at-target", "recon-grows-with-error"} <= set(put)


# ------------------------------------------------------------------------------- where a law does not apply


def test_a_law_says_what_it_lacks() -> None:
    with pytest.raises(InapplicableError, match=r"^its KL and what its head for std stands for are not known$"):
        laws.find("kl-nonnegative").check(Stages(), LOGVAR_SIZES, seed=0)
    with pytest.raises(InapplicableError, match=r"^no term of the loss is known with its weight$"):
        laws.find("per-sample-shape").check(Stages(), LOGVAR_SIZES, seed=0)


def test_noise_that_does_not_follow_torchs_seed_is_no_violation() -> None:
    own = torch.Generator().manual_seed(5)
    stages = replace(
        posterior_stages(Parametrisation.LOGVAR, axes=1),
        reparameterize=lambda mu, logvar: mu + torch.exp(logvar / 2) * torch.randn(mu.shape, generator=own),
    )
    with pytest.raises(InapplicableError, match="does not follow torch's seed"):
        laws.find("sample-is-affine").check(stages, LOGVAR_SIZES, seed=6)
    assert laws.find("noise-is-standard-normal").check(stages, LOGVAR_SIZES, seed=6) is None


def test_a_kl_that_is_no_longer_per_sample_is_left_to_the_law_of_shapes() -> None:
    known = posterior_stages(Parametrisation.LOGVAR, axes=1)
    stages = replace(known, kl=lambda mu, second: known.kl(mu, second).mean())
    with pytest.raises(InapplicableError, match=r"kl gives shape \(\) for a batch of 5"):
        laws.find("kl-nonnegative").check(stages, LOGVAR_SIZES, seed=0)
    violation = laws.find("per-sample-shape").check(stages, LOGVAR_SIZES, seed=0)
    assert (violation.got, violation.expected) == ("()", "(5,)")


def test_samples_are_drawn_in_batches_that_the_stages_take() -> None:
    seen = []

    def sample(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
        seen.append(len(mu))
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    stages = Stages(reparameterize=sample, parametrisation=Parametrisation.LOGVAR, batch_limit=300)
    for name in ("noise-is-standard-normal", "noise-is-independent", "sample-moments"):
        assert laws.find(name).check(stages, LOGVAR_SIZES, seed=6) is None
    assert max(seen) == 300
    shared = replace(stages, reparameterize=lambda mu, logvar: mu + torch.exp(logvar / 2) * torch.randn_like(mu[:, :1]))
    assert laws.find("noise-is-independent").check(shared, LOGVAR_SIZES, seed=6) is not None


def test_a_stage_that_raises_is_named() -> None:
    def broken(mu: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return mu @ second

    stages = replace(posterior_stages(Parametrisation.LOGVAR, axes=1), kl=broken)
    with pytest.raises(ModelError, match=r"^kl on shapes \(5, 7\), \(5, 7\) raised RuntimeError: (mm: )?mat1 and mat2"):
        laws.find("kl-nonnegative").check(stages, LOGVAR_SIZES, seed=0)


@pytest.mark.parametrize(("result", "kind"), [(None, "nothing"), ([1.0], "a list")])
def test_a_stage_that_gives_no_tensor_is_named(result: object, kind: str) -> None:
    stages = replace(posterior_stages(Parametrisation.LOGVAR, axes=1), kl=lambda _mu, _second: result)
    with pytest.raises(ModelError, match=f"^kl gives {kind}, not a tensor$"):
        laws.find("kl-nonnegative").check(stages, LOGVAR_SIZES, seed=0)


def test_laws_of_layout_and_of_runs_say_why_they_cannot_be_put() -> None:
    rows = Sizes(5, (11,), (7,))
    nothing = Stages(to_nchw=torch.clone, to_nhwc=torch.clone, encode=lambda x: (x, x), decode=torch.clone, live=None)
    for name, why in {
        "layout-moves-elements": "the samples are no images",
        "layout-round-trip": "the samples are no images",
        "evaluation-is-deterministic": "what its encoder and decoder do when they are called again is not known",
    }.items():
        with pytest.raises(InapplicableError, match=f"^{why}$"):
            laws.find(name).check(nothing, rows, seed=0)


@pytest.mark.parametrize(
    ("encode", "what", "got", "expected"),
    [
        (lambda x: (x[:, :3], x[:, :7]), "the shape of mu", "(5, 3)", "(5, 7)"),
        (lambda x: (x[:, :7], x[:, :8]), "the shape of logvar", "(5, 8)", "(5, 7)"),
        (lambda x: (x[:, :7].log(), x[:, :7]), "mu", "not finite", "a real number for every latent"),
        (lambda x: (x[:, :7], x[:, :7] / 0), "logvar", "not finite", "a real number for every latent"),
    ],
)
def test_a_posterior_of_another_shape_or_without_numbers_is_told(encode, what, got, expected) -> None:
    stages = Stages(encode=encode, draw=lambda count, generator: torch.randn(count, 9, generator=generator))
    violation = laws.find("posterior-shape").check(stages, Sizes(5, (9,), (7,)), seed=0)
    assert (violation.what, violation.got, violation.expected) == (what, got, expected)


def test_a_layout_of_another_shape_is_told() -> None:
    violation = laws.find("layout-moves-elements").check(Stages(to_nchw=torch.clone), LOGVAR_SIZES, seed=0)
    assert (violation.what, violation.got, violation.expected) == (
        "the shape of to_nchw(x_nhwc)",
        "(5, 8, 12, 3)",
        "(5, 3, 8, 12)",
    )


def test_a_kl_that_is_zero_everywhere_is_not_negative() -> None:
    stages = replace(posterior_stages(Parametrisation.LOGVAR, axes=1), kl=lambda mu, _second: 0 * mu.sum(dim=1))
    assert laws.find("kl-nonnegative").check(stages, LOGVAR_SIZES, seed=0) is None


@pytest.mark.parametrize("scale", [0.25, 3.0])
def test_a_reconstruction_of_known_weight_is_compared_with_it(scale: float) -> None:
    def recon(x_hat: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return scale * (x_hat - x).square().flatten(1).sum(dim=1)

    known = Stages(recon=recon, likelihood=Likelihood.MSE, recon_scale=scale)
    assert laws.find("recon-closed-form").check(known, LOGVAR_SIZES, seed=4) is None
    wrong = replace(known, recon_scale=1 / scale)
    assert laws.find("recon-closed-form").check(wrong, LOGVAR_SIZES, seed=4) is not None


@pytest.mark.parametrize(("result", "kind"), [(torch.zeros(5, 7), "a Tensor"), ((torch.zeros(5, 7),), "a tuple")])
def test_an_encoder_that_gives_no_two_heads_is_named(result: object, kind: str) -> None:
    stages = Stages(encode=lambda _x: result, draw=lambda count, _generator: torch.zeros(count, 9))
    with pytest.raises(ModelError, match=rf"^encode\(x\) gives {kind}, not the two tensors \(mu, logvar\)$"):
        laws.find("posterior-shape").check(stages, Sizes(5, (9,), (7,)), seed=0)


# ----------------------------------------------------------------------------------------------- the trial itself


def test_a_check_keeps_torchs_random_state_and_repeats_itself() -> None:
    stages = laws.find("noise-is-standard-normal").mutant(posterior_stages(Parametrisation.LOGVAR, axes=1))
    before = torch.get_rng_state()
    first = laws.find("noise-is-standard-normal").check(stages, LOGVAR_SIZES, seed=8)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12345)
    assert laws.find("noise-is-standard-normal").check(stages, LOGVAR_SIZES, seed=8) == first
    assert laws.find("noise-is-standard-normal").check(stages, LOGVAR_SIZES, seed=9) != first


def test_a_check_leaves_gradients_and_grad_mode_alone() -> None:
    model = VAE((3, 4, 6), latents=5, hidden=7, encoder="mlp", decoder="mlp")
    for law in LAWS:
        if law.inapplicable(stages_of(model)) is None:
            try:
                law.check(stages_of(model), Sizes(2, (3, 4, 6), (5,)), seed=1)
            except InapplicableError:
                continue
    assert torch.is_grad_enabled()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_drawn_inputs_keep_to_the_data() -> None:
    seen = []

    def recon(x_hat: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return (x_hat - x).square().flatten(1).sum(dim=1)

    for data in (UNIT, Interval(-1.0, 1.0), REAL):
        seen.clear()
        stages = Stages(recon=recon, likelihood=Likelihood.MSE, data=data)
        laws.find("recon-zero-at-target").check(stages, LOGVAR_SIZES, seed=1)
        assert data.contains(Interval(seen[0].min().item(), seen[0].max().item()))
        assert seen[0].max() - seen[0].min() > (0.8 * data.width if data.bounded else 4.0)


def test_a_models_own_inputs_are_drawn_where_it_has_some() -> None:
    seen = []

    def encode(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(x)
        return x, x

    stages = Stages(encode=encode, draw=lambda count, generator: torch.rand(count, 7, generator=generator) + 10)
    assert laws.find("posterior-shape").check(stages, LOGVAR_SIZES, seed=1) is None
    assert seen[0].shape == (5, 7)
    assert seen[0].min() >= 10


def test_the_worst_element_is_told() -> None:
    def kl(mu: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        value = 0.5 * (second.exp() + mu**2 - 1 - second).sum(dim=1)
        value[3] = -2.5
        return value

    stages = Stages(kl=kl, parametrisation=Parametrisation.LOGVAR)
    violation = laws.find("kl-nonnegative").check(stages, LOGVAR_SIZES, seed=77)
    assert str(violation) == (
        "kl(mu, logvar) is -2.5 at sample 3, the law says at least 0 (B=5, C=3, H=8, W=12, L=7, seed 77)"
    )


def test_nan_is_a_violation() -> None:
    stages = Stages(kl=lambda mu, _second: torch.full((len(mu),), math.nan), parametrisation=Parametrisation.LOGVAR)
    for name in ("kl-nonnegative", "kl-zero-at-prior", "kl-closed-form", "kl-grows-with-mu"):
        assert laws.find(name).check(stages, LOGVAR_SIZES, seed=1) is not None, name
    # Where both sides are the model's own there is nothing to compare.
    with pytest.raises(InapplicableError, match="is nan, and so is what it is compared with"):
        laws.find("kl-even-in-mu").check(stages, LOGVAR_SIZES, seed=1)


def test_the_sample_whose_reconstruction_shrinks_is_told() -> None:
    stages = build(LOGVAR_SIZES, "sigmoid")
    recon = laws.stages.given(stages.recon)

    def shrinks_for_one(x_hat: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        signs = torch.ones(len(x), dtype=x.dtype)
        signs[3] = -1
        return signs * recon(x_hat, x)

    violation = laws.find("recon-grows-with-error").check(replace(stages, recon=shrinks_for_one), LOGVAR_SIZES, 5)
    assert violation is not None
    assert violation.where.startswith("sample 3,")


def test_a_sample_that_drifts_by_little_is_another_sample() -> None:
    stages = build(LOGVAR_SIZES, "sigmoid")
    sample = laws.stages.given(stages.reparameterize)
    calls = itertools.count()

    def drifts(mu: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return sample(mu, second) + 1e-6 * next(calls) * mu

    law = laws.find("same-noise-same-sample")
    assert law.check(stages, LOGVAR_SIZES, 5) is None
    violation = law.check(replace(stages, reparameterize=drifts), LOGVAR_SIZES, 5)
    assert violation is not None
    assert violation.what == "z with the same noise"


@pytest.mark.parametrize("law", [law for law in LAWS if law.own_batch], ids=lambda law: law.name)
def test_a_law_with_a_batch_of_its_own_says_the_same_at_any_other(law: Law) -> None:
    told = {
        (violation.got, violation.expected)
        for batch in (2, 5, 9)
        if (violation := check(law, (replace(LOGVAR_SIZES, batch=batch), "sigmoid", 13), mutated=True)) is not None
    }
    assert len(told) == 1
