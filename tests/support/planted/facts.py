"""Facts made by hand in which each mistake of the catalogue is made, and what a finding must say of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vae_checked.facts import (
    BYTE,
    REAL,
    SYMMETRIC_UNIT,
    UNIT,
    Axis,
    Commitment,
    Entering,
    Fact,
    Factor,
    Facts,
    Head,
    HeadSource,
    Interval,
    KLForm,
    Likelihood,
    Noise,
    NoiseLaw,
    NoiseTiming,
    Origin,
    Overflow,
    Parametrisation,
    Reduced,
    Reduction,
    StdCurve,
)
from vae_checked.finding import Place
from vae_checked.latent_facts import AffineMap, LatentGrid, PretrainedVAE, Term
from vae_checked.layout_facts import AxisOrder, BatchMixing, ShapePair
from vae_checked.mathematics.affine_maps import named

Values = Mapping[str, object]
SCALED = AffineMap(named("scaling_factor"))
NORMALISED = AffineMap((Term(1.0, (("std", -1),)),), (Term(-1.0, (("mean", 1), ("std", -1))),))
SDXL = PretrainedVAE("AutoencoderKL", "stabilityai/sdxl-vae")
UNSCALED = AffineMap((Term(1.0, (("scaling_factor", -1),)),))


def made(values: Values, located: bool = True) -> Facts:
    """Facts that hold these values; each fact is at a line of its own in `model.py`, or at no place."""
    facts = Facts("model.py:VAE")
    for line, (path, value) in enumerate(values.items(), start=41):
        group, name = path.split(".")
        place = Place("model.py", line) if located else None
        origin = Origin(f"<{path}>", place)
        facts = replace(facts, **{group: replace(getattr(facts, group), **{name: Fact(value, origin)})})
    return facts


LOGVAR, LOG_STD, STD, VAR = Parametrisation
SUM, MEAN, KEPT, MIXED = Reduction
POINTS = (-1.0, 0.0, 2.0)
LOG_STD_CURVE = StdCurve(LOG_STD, tuple((s, math.exp(s)) for s in POINTS))
LOGVAR_CURVE = StdCurve(LOGVAR, tuple((s, math.exp(s / 2)) for s in POINTS))
NO_KL = KLForm(None, values=((0.5, -1.0, 0.75, 0.3089), (1.5, 2.0, 5.125, 3.3195)))
REVERSED_KL = KLForm(LOGVAR, values=((0.5, -1.0, 0.6989, 0.3089),), reversed=True)


@dataclass(frozen=True)
class Case:
    """Facts that make a mistake and no more than its needs; the changes that correct them; what a finding must say.

    `breaks` are the properties of a correct VAE, by their names, that the mistake's `bad` module lacks when it is run.
    """

    bad: Values
    corrected: Values
    says: tuple[str, ...]
    at: int = 41
    measures: tuple[str, ...] = field(default=())
    breaks: tuple[str, ...] = ()


CASES: dict[str, Case] = {
    "VAE101": Case(
        {"data.axis_order": AxisOrder.SCRAMBLED},
        {"data.axis_order": AxisOrder.NCHW},
        ("without moving an element",),
        measures=("B H W C relabelled as B C H W",),
        breaks=("layout",),
    ),
    "VAE102": Case(
        {"data.axis_order": AxisOrder.NHWC},
        {"data.axis_order": AxisOrder.NCHW},
        ("channels-last",),
        measures=("B H W C",),
        breaks=("layout",),
    ),
    "VAE103": Case(
        {"data.axis_order": AxisOrder.NCWH},
        {"data.axis_order": AxisOrder.NCHW},
        ("height and width are swapped",),
        measures=("B C W H",),
        breaks=("layout",),
    ),
    "VAE104": Case(
        {"data.interval": BYTE, "output.interval": UNIT},
        {"data.interval": UNIT, "data.entering": Entering(1.0)},
        ("255 times", "model.py:42"),
        measures=("[0, 255]", "[0, 1]"),
        breaks=("data_range",),
    ),
    "VAE105": Case(
        {"output.shape": ShapePair("B 3 8 12", "B 1 8 12")},
        {"output.shape": ShapePair("B 3 8 12", "B 3 8 12")},
        ("(B 1 8 12)", "(B 3 8 12)"),
        breaks=("shape",),
    ),
    "VAE106": Case(
        {"output.batch_mixing": BatchMixing(changed=2, moved=5, amount=0.0625)},
        {"output.batch_mixing": None},
        ("sample 2", "sample 5"),
        measures=("x[2]", "x_hat[5]", "0.0625"),
        breaks=("batch",),
    ),
    "VAE201": Case(
        {"sampler.std": LOG_STD_CURVE, "kl.form": KLForm(LOGVAR)},
        {"sampler.std": LOGVAR_CURVE},
        ("<sampler.std>", "log variance", "model.py:42"),
        measures=("0.368, 1, 7.39", "0.607, 1, 2.72"),
        breaks=("width",),
    ),
    "VAE202": Case(
        {"sampler.noise": Noise(NoiseLaw.UNIFORM, 0.5, 12**-0.5)},
        {"sampler.noise": Noise(NoiseLaw.STANDARD_NORMAL, 0.0, 1.0)},
        ("uniform",),
        measures=("mean 0.5", "std 0.2887"),
        breaks=("noise",),
    ),
    "VAE203": Case(
        {"sampler.shared_over": frozenset({Axis.BATCH, Axis.LATENT})},
        {"sampler.shared_over": frozenset()},
        ("batch, latent",),
        breaks=("noise",),
    ),
    "VAE204": Case(
        {"heads.mu": Interval(0.0, math.inf), "heads.second": REAL},
        {"heads.mu": REAL},
        ("mu in [0, inf)",),
        measures=("50 % of the mass of N",),
        breaks=("free_heads",),
    ),
    "VAE205": Case(
        {"heads.source": HeadSource.DUPLICATED},
        {"heads.source": HeadSource.DISTINCT, "kl.form": KLForm(LOGVAR)},
        ("same layer",),
        measures=("duplicated",),
        breaks=("trained", "two_heads"),
    ),
    "VAE206": Case(
        {"sampler.gradient_reaches": frozenset({Head.MU})},
        {"sampler.gradient_reaches": frozenset({Head.MU, Head.SECOND})},
        ("to: head for std",),
        measures=("reaches mu",),
        breaks=("pathwise",),
    ),
    "VAE207": Case(
        {"sampler.timing": NoiseTiming(training=False, evaluation=True)},
        {"sampler.timing": NoiseTiming(training=True, evaluation=False)},
        ("not random in training",),
        measures=("training: no", "evaluation: yes"),
        breaks=("noise",),
    ),
    "VAE208": Case(
        {"heads.overflow": Overflow("std", 22.18, "float16"), "heads.second": REAL},
        {"heads.second": Interval(-30.0, 20.0)},
        ("std overflows float16", "22.18"),
        measures=("s = 22.18", "(-inf, inf)"),
        breaks=("finite",),
    ),
    "VAE209": Case(
        {"objective.commitment": Commitment(4.0, 0.25)},
        {"objective.commitment": Commitment(0.25)},
        ("0.25", "moves the codes"),
        measures=("4",),
        breaks=("commitment",),
    ),
    "VAE301": Case(
        {"kl.form": NO_KL},
        {"kl.form": KLForm(LOGVAR)},
        ("not the KL to N(0, I)",),
        measures=("mu = 0.5, 1.5", "s = -1, 2", "0.75, 5.12", "0.309, 3.32"),
        breaks=("balance", "kl_form"),
    ),
    "VAE302": Case(
        {"kl.sign": -1}, {"kl.sign": 1}, ("minus the KL is minimised",), measures=("-1",), breaks=("kl_sign",)
    ),
    "VAE303": Case(
        {"kl.factor": Factor(2.0), "recon.kind": Likelihood.BCE},
        {"kl.factor": Factor(1.0), "recon.kind": Likelihood.BCE},
        ("2 times the KL",),
        measures=("2",),
        breaks=("balance",),
    ),
    "VAE304": Case(
        {"kl.reduced": Reduced(SUM, MEAN)},
        {"kl.reduced": Reduced(MEAN, SUM)},
        ("wrong axes",),
        measures=("batch: sum", "latents: mean"),
        breaks=("balance",),
    ),
    "VAE305": Case(
        {"kl.in_loss": False},
        {"kl.in_loss": True, "objective.dead_weights": ()},
        ("never reaches the loss",),
        measures=("d KL = 0",),
        breaks=("balance", "honest", "kl_sign"),
    ),
    "VAE306": Case(
        {"kl.form": REVERSED_KL},
        {"kl.form": KLForm(LOGVAR)},
        ("from the prior to the posterior",),
        measures=("mu = 0.5", "s = -1", "0.699", "0.309"),
        breaks=("balance", "kl_form"),
    ),
    "VAE401": Case(
        {"recon.kind": Likelihood.BCE_WITH_LOGITS, "output.interval": UNIT},
        {"output.interval": REAL},
        ("in [0, 1]", "model.py:42", "sigmoid again"),
        measures=("[0.5, 0.7311]",),
        breaks=("data_range",),
    ),
    "VAE402": Case(
        {"recon.kind": Likelihood.BCE, "output.interval": REAL},
        {"output.interval": UNIT},
        ("needs x_hat in [0, 1]", "model.py:42", "(-inf, inf)"),
        measures=("elements should be between 0 and 1",),
        breaks=("data_range",),
    ),
    "VAE403": Case(
        {"recon.kind": Likelihood.MSE, "output.interval": UNIT, "data.interval": SYMMETRIC_UNIT},
        {"output.interval": SYMMETRIC_UNIT},
        ("part of the data", "model.py:43"),
        at=42,
        measures=("output in [0, 1]", "data in [-1, 1]"),
        breaks=("data_range",),
    ),
    "VAE404": Case(
        {"recon.swapped": True, "recon.kind": Likelihood.BCE},
        {"recon.swapped": False},
        ("bce gets the data as its prediction",),
        breaks=("balance", "recon_form"),
    ),
    "VAE405": Case(
        {"output.activations": ("sigmoid", "sigmoid"), "output.interval": Interval(0.5, 0.7311)},
        {"output.activations": ("sigmoid",), "output.interval": UNIT},
        ("sigmoid and then sigmoid", "[0.5, 0.7311]"),
        breaks=("data_range",),
    ),
    "VAE406": Case(
        {"output.activations": ("relu", "sigmoid"), "output.interval": Interval(0.5, 1.0, False, True)},
        {"output.activations": ("sigmoid",), "output.interval": UNIT},
        ("relu right before the sigmoid", "[0.5, 1)"),
        breaks=("data_range",),
    ),
    "VAE501": Case(
        {"recon.reduced": Reduced(SUM, MEAN)},
        {"recon.reduced": Reduced(MEAN, SUM)},
        ("not the sum",),
        measures=("batch: sum", "sample: mean"),
        breaks=("balance",),
    ),
    "VAE502": Case(
        {"recon.reduced": Reduced(MEAN, MEAN), "kl.reduced": Reduced(MEAN, SUM)},
        {"recon.reduced": Reduced(MEAN, SUM)},
        ("a mean over a sample's elements", "model.py:42"),
        measures=("the number of elements",),
        breaks=("balance",),
    ),
    "VAE503": Case(
        {"kl.reduced": Reduced(MEAN, MEAN), "recon.reduced": Reduced(MEAN, SUM)},
        {"kl.reduced": Reduced(MEAN, SUM)},
        ("a mean over the latents", "model.py:42"),
        measures=("1 / the number of latents",),
        breaks=("balance",),
    ),
    "VAE504": Case(
        {"kl.reduced": Reduced(SUM, SUM), "recon.reduced": Reduced(MEAN, SUM)},
        {"kl.reduced": Reduced(MEAN, SUM)},
        ("the KL is a sum", "model.py:42", "a mean"),
        measures=("the batch size",),
        breaks=("balance",),
    ),
    "VAE505": Case({"recon.sign": -1}, {"recon.sign": 1}, ("maximised",), measures=("-1",), breaks=("recon_sign",)),
    "VAE506": Case(
        {"recon.ignored_attribute": "size_average"},
        {"recon.ignored_attribute": None},
        ("size_average", "ignores it"),
        breaks=("balance",),
    ),
    "VAE601": Case(
        {"training.without_gradient": ("encoder.1.weight", "encoder.1.bias")},
        {"training.without_gradient": ()},
        ("encoder.1.weight, encoder.1.bias",),
        breaks=("trained",),
    ),
    "VAE602": Case(
        {"training.without_optimizer": ("fc_mu.weight",)},
        {"training.without_optimizer": ()},
        ("no optimizer holds fc_mu.weight",),
        breaks=("held",),
    ),
    "VAE801": Case(
        {"objective.ignored_conditions": ("y",)},
        {"objective.ignored_conditions": ()},
        ("takes y", "does not change with it"),
        breaks=("condition",),
    ),
    "VAE603": Case(
        {"training.always_on_dropout": ("F.dropout",)},
        {"training.always_on_dropout": ()},
        ("stays on in evaluation: F.dropout",),
        breaks=("still_in_evaluation",),
    ),
    "VAE604": Case(
        {"training.hidden_nan": "torch.nan_to_num"},
        {"training.hidden_nan": None},
        ("torch.nan_to_num",),
        breaks=("honest",),
    ),
    "VAE701": Case(
        {"latents.encoded": SCALED, "latents.decoded": AffineMap()},
        {"latents.decoded": UNSCALED},
        ("decode does not undo the scale that follows encode",),
        at=42,
        measures=("z -> z * scaling_factor behind encode", "nothing before decode"),
    ),
    "VAE702": Case(
        {"latents.encoded": SCALED, "latents.decoded": AffineMap(UNSCALED.scale, named("shift_factor"))},
        {"latents.decoded": UNSCALED},
        ("the shift of the latents is applied at one end alone",),
        at=42,
        measures=("z -> z / scaling_factor + shift_factor before decode",),
    ),
    "VAE703": Case(
        {"latents.vae": SDXL, "latents.factor": 0.18215},
        {"latents.factor": 0.13025},
        ("0.18215 is the factor of Stable Diffusion 1 and 2, and the VAE is that of Stable Diffusion XL",),
        at=42,
        measures=("0.13025", "https://huggingface.co/stabilityai/sdxl-vae"),
    ),
    "VAE704": Case(
        {"latents.vae": SDXL, "latents.pixels": UNIT},
        {"latents.pixels": SYMMETRIC_UNIT},
        ("pictures in [0, 1] go into a VAE that was trained on [-1, 1]",),
        at=42,
        measures=("pictures in [0, 1]",),
    ),
    "VAE705": Case(
        {"latents.cut": "no_grad"},
        {"latents.cut": None},
        ("this term of the loss has no gradient", "decoded under no_grad"),
    ),
    "VAE706": Case(
        {"latents.unused_gradient": "vae"},
        {"latents.unused_gradient": None},
        ("the loss reaches the encoder of vae", "neither frozen nor given to an optimizer"),
        measures=("no line freezes it",),
    ),
    "VAE707": Case(
        {"latents.clamped": SYMMETRIC_UNIT},
        {"latents.clamped": Interval(-4.0, 4.0)},
        ("latents are clamped to [-1, 1] before decode",),
        measures=("32 %",),
    ),
    "VAE708": Case(
        {"latents.mean": NORMALISED, "latents.second": NORMALISED},
        {"latents.second": AffineMap((Term(1.0),), (Term(-2.0, (("log_std", 1),)),))},
        ("the log variance goes through the map of the mean",),
        at=42,
        measures=("logvar - 2 * log(s)",),
    ),
    "VAE709": Case(
        {"latents.vae": SDXL, "latents.precision": "float16"},
        {"latents.vae": PretrainedVAE("AutoencoderKL", "madebyollin/sdxl-vae-fp16-fix")},
        ("the VAE of Stable Diffusion XL computes in float16",),
        at=42,
        measures=("force_upcast",),
    ),
    "VAE710": Case(
        {"latents.vae": SDXL, "latents.grid": LatentGrid(4, 16)},
        {"latents.grid": LatentGrid(4, 8)},
        ("noise at 1 / 16 of the picture's height and width", "1 / 8 of them"),
        at=42,
        measures=("1 / 8 of them",),
    ),
}
