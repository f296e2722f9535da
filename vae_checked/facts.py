"""What one VAE does: the plain values on which every observer and every judge works.

An observer (the linter, the auditor) fills a `Facts`; a judge in the catalogue reads it. A field that is None was not
observed, which is never a fault. No torch here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TypeVar

from vae_checked.fact import Fact, Origin
from vae_checked.finding import Place, Provenance
from vae_checked.interval import BYTE, REAL, SYMMETRIC_UNIT, UNIT, Interval
from vae_checked.latent_facts import Latents
from vae_checked.layout_facts import AxisOrder, BatchMixing, Entering, ShapePair
from vae_checked.record import dataclass, field, fields, replace
from vae_checked.training_facts import Training, Ungiven

T = TypeVar("T")
# What a fact is, and where its values lie, is known by these names here as well.
__all__ = ["BYTE", "REAL", "SYMMETRIC_UNIT", "UNIT", "Fact", "Interval", "Latents", "Origin", "Training", "Ungiven"]


# -------------------------------------------------------------------------------------- the head for std


class Parametrisation(StrEnum):
    """What the head for std s stands for; sigma is the standard deviation of q(z|x)."""

    LOGVAR = "logvar"
    LOG_STD = "log_std"
    STD = "std"
    VAR = "var"

    @property
    def formula(self) -> str:
        """Sigma as it is written in code."""
        return _FORMULA[self]

    @property
    def meaning(self) -> str:
        """The field's words for s."""
        return _MEANING[self]


_FORMULA = {
    Parametrisation.LOGVAR: "exp(0.5 * s)",
    Parametrisation.LOG_STD: "exp(s)",
    Parametrisation.STD: "s",
    Parametrisation.VAR: "sqrt(s)",
}
_MEANING = {
    Parametrisation.LOGVAR: "log variance",
    Parametrisation.LOG_STD: "log standard deviation",
    Parametrisation.STD: "standard deviation",
    Parametrisation.VAR: "variance",
}


@dataclass(frozen=True, slots=True)
class StdCurve:
    """How std follows from the head for std s: pairs (s, std), and the parametrisation that fits them, if one does."""

    parametrisation: Parametrisation | None
    points: tuple[tuple[float, float], ...] = ()


class NoiseLaw(StrEnum):
    """The distribution that eps is drawn from."""

    STANDARD_NORMAL = "standard normal"
    NORMAL = "normal with another mean or scale"
    UNIFORM = "uniform"
    CONSTANT = "constant"
    OTHER = "not normal"
    POSTERIOR = "the posterior itself, so that z is scaled and shifted twice"


@dataclass(frozen=True, slots=True)
class Noise:
    """The law of eps with its mean and standard deviation (exact when read, estimates when measured).

    `shares` are the parts of the draws in equal bins from -4 to 4; empty where none were made. `setting` is what scales
    eps as it is where nobody sets it; empty where nothing does that can be set.
    """

    law: NoiseLaw
    mean: float | None = None
    std: float | None = None
    shares: tuple[float, ...] = ()
    setting: str = ""


class Axis(StrEnum):
    """The axes that a VAE's tensors have; EVENT stands for every axis of a sample that is not distinguished."""

    BATCH = "batch"
    LATENT = "latent"
    EVENT = "event"


class Head(StrEnum):
    """The two heads of the posterior."""

    MU = "mu"
    SECOND = "second"


class HeadSource(StrEnum):
    """What the two heads are computed by."""

    DISTINCT = "distinct"
    DUPLICATED = "duplicated"
    SWAPPED = "swapped"
    REPEATED = "repeated"
    HANDED_TWICE = "one value in the place of both"
    HANDED_OVER = "returned in another order than the loss takes them"
    OF_ONE_PART = "both means, or both widths, to the KL"
    OF_ANOTHER = "in part those of another posterior, to the KL"


class Misplaced(StrEnum):
    """A z that noise takes part in, or something in its place, and that is no sample of the posterior."""

    STD_ADDED = "mu + std + eps, eps added to std, which should scale it"
    MEAN_SCALED = "mu * std + eps, std scales the mean, and should scale eps"
    BOTH_SCALED = "(mu + eps) * std, std scales the mean as well as eps"
    NO_MEAN = "std * eps, the mean takes no part in it"
    NO_STD = "mu + eps, std takes no part in it"
    EXCHANGED = "std + mu * eps, the mean and std have changed places"
    ANOTHER = "mu + std times what is computed from the heads, with no eps in it"
    OTHERWISE = "made of mu, std and eps in another way than mu + std * eps"


@dataclass(frozen=True, slots=True)
class NoiseTiming:
    """Whether z is random in training and in evaluation; None is not observed.

    `without_eps` marks z = mu + std, which is neither the mean nor a sample; `misplaced` says how noise takes part in a
    z that is no sample either; `repeated` marks a z whose noise is drawn from the same random state at each step.
    """

    training: bool | None = None
    evaluation: bool | None = None
    without_eps: bool = False
    misplaced: Misplaced | None = None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Overflow:
    """The tensor that first stops being finite, and the value of the head for std at which it does."""

    tensor: str
    at: float
    dtype: str


class Family(StrEnum):
    """The distributions that a posterior is chosen from."""

    GAUSSIAN = "gaussian"
    FULL = "gaussian with a full covariance"
    CATEGORICAL = "categorical"


@dataclass(frozen=True, slots=True)
class KLForm:
    """Which KL a formula is.

    `parametrisation` is how it reads the head for std, None when it is the KL of no parametrisation. `points` are
    (s, std that the formula assumes) where a parametrisation fits. `values` are (mu, s, value of the formula, value of
    the nearest closed form). `reversed` is KL(prior || posterior), None where nothing tells which of two Gaussians is
    the posterior, `learned` one that is not N(0, I). `offset` has 1 / K in place of log(1 / K). `written` is what the
    formula is times the KL, where it stands; None where that is not known. `sampled`: a draw takes part in it, so that
    it is an estimate of the KL.
    """

    parametrisation: Parametrisation | None
    points: tuple[tuple[float, float], ...] = ()
    values: tuple[tuple[float, float, float, float], ...] = ()
    reversed: bool | None = False
    family: Family = Family.GAUSSIAN
    offset: bool = False
    learned: bool = False
    written: float | None = field(default=None, compare=False)
    sampled: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Density:
    """How log q(z|x) reads the head for std, beside a prior that is not known to be normal.

    `points` are (s, std that it assumes). `opposed`: log q(z|x) and log p(z) do not stand against each other, so that
    what is minimised is no KL; None where that was not seen. `of_prior` is the one that has the wrong sign then.
    """

    parametrisation: Parametrisation
    points: tuple[tuple[float, float], ...] = ()
    opposed: bool | None = None
    of_prior: bool = False


@dataclass(frozen=True, slots=True)
class Factor:
    """A constant beside the closed form: `explicit` if the author chose it, `claimed` if the term is called the KL.

    `times` is how often the loss adds the term, which is in `value` as well.
    """

    value: float
    explicit: bool = False
    claimed: bool = False
    times: int = 1

    @property
    def once(self) -> float:
        """The constant of the term for each time that it is added."""
        return self.value / self.times


class Reduction(StrEnum):
    """What happens to an axis on the way to the scalar loss; MIXED: to some axes of a sample this, to others that."""

    SUM = "sum"
    MEAN = "mean"
    KEPT = "kept"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Reduced:
    """How a term is reduced over the batch and over the axes of one sample (latents for KL, C H W for reconstruction).

    `over_batch` is how often the term is divided by the batch size beside that. `explicit` when the author divides by a
    count or weighs the term by name: intent, not accident. `constant` when that is by numbers alone, which balance the
    terms at one batch size; `as_kl` when what is no number among them is called the weight of the KL, which is tuned at
    one batch size too. `weights` are those names and numbers as they are written.
    """

    batch: Reduction | None = None
    event: Reduction | None = None
    explicit: bool = False
    constant: bool = False
    over_batch: int = 0
    weights: tuple[str, ...] = ()
    as_kl: bool = False

    @property
    def batch_divisions(self) -> int | None:
        """By which power of the batch size the sum over the batch is divided; None where the batch is left as it is."""
        if self.batch not in (Reduction.SUM, Reduction.MEAN):
            return None
        return self.over_batch + (self.batch is Reduction.MEAN)


class Likelihood(StrEnum):
    """The reconstruction losses."""

    MSE = "mse"
    L1 = "l1"
    SMOOTH_L1 = "smooth l1"
    BCE = "bce"
    BCE_WITH_LOGITS = "bce with logits"
    GAUSSIAN_NLL = "gaussian nll"
    CROSS_ENTROPY = "cross entropy"
    POISSON = "poisson nll"
    DENSITY = "log density"  # of another distribution

    @property
    def symmetric(self) -> bool:
        """Whether prediction and target may change places."""
        return self in (Likelihood.MSE, Likelihood.L1, Likelihood.SMOOTH_L1)

    @property
    def prediction(self) -> Interval:
        """The interval which the loss needs its prediction in."""
        return UNIT if self is Likelihood.BCE else REAL

    @property
    def target(self) -> Interval:
        """The interval which the loss needs its target in."""
        return UNIT if self in (Likelihood.BCE, Likelihood.BCE_WITH_LOGITS) else REAL


@dataclass(frozen=True, slots=True)
class Quantity:
    """A size or a weight as a factor: its symbol, its power, its value where that is known, and its name."""

    symbol: str
    power: int = 1
    value: float | None = None
    name: str = ""

    @property
    def amount(self) -> float:
        """The value to its power; nan where it is not known."""
        return math.nan if self.value is None else self.value**self.power


@dataclass(frozen=True, slots=True)
class EffectiveBeta:
    """The weight of the summed KL against the summed reconstruction error: a constant times named quantities."""

    constant: float = 1.0
    factors: tuple[Quantity, ...] = ()

    @property
    def value(self) -> float | None:
        """The number that it is; None where a factor has no value, as the batch size has none."""
        found = self.constant * math.prod(factor.amount for factor in self.factors)
        return None if math.isnan(found) else found


@dataclass(frozen=True, slots=True)
class Sampler:
    """z = mu + std * eps, as it was found; `gradient_stopped` is the operation that lets no gradient through z."""

    std: Fact[StdCurve] | None = None
    noise: Fact[Noise] | None = None
    shared_over: Fact[frozenset[Axis]] | None = None
    gradient_reaches: Fact[frozenset[Head]] | None = None
    timing: Fact[NoiseTiming] | None = None
    gradient_stopped: Fact[str] | None = None


@dataclass(frozen=True, slots=True)
class Heads:
    """The posterior's two heads."""

    mu: Fact[Interval] | None = None
    second: Fact[Interval] | None = None
    source: Fact[HeadSource] | None = None
    overflow: Fact[Overflow] | None = None


@dataclass(frozen=True, slots=True)
class KL:
    """The KL term; `unread` is how a divergence is written whose posterior or prior is of a family that is not read.

    `density` is what is known of that density without a closed form, `uncalled` what has the KL and is never called.
    """

    form: Fact[KLForm] | None = None
    factor: Fact[Factor] | None = None
    sign: Fact[int] | None = None
    reduced: Fact[Reduced] | None = None
    in_loss: Fact[bool | None] | None = None
    unread: Fact[str] | None = None
    density: Fact[Density] | None = None
    uncalled: Fact[str] | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What the decoder hands to the loss; `activations` are the elementwise ones at its end, in order."""

    interval: Fact[Interval] | None = None
    activations: Fact[tuple[str, ...]] | None = None
    shape: Fact[ShapePair] | None = None
    batch_mixing: Fact[BatchMixing | None] | None = None


@dataclass(frozen=True, slots=True)
class Recon:
    """The reconstruction term: `sign` +1 when a larger error makes a larger loss, `ignored_attribute` with its text.

    `unread` is how a loss is written whose kind is not known, though it compares what is decoded with data.
    `weighs_worst`: of several samples the one with the largest error weighs most in the loss. `takes_logs`: a cross
    entropy is handed logarithms of probabilities, as `nll_loss` is, and takes no softmax itself.
    """

    kind: Fact[Likelihood] | None = None
    swapped: Fact[bool] | None = None
    sign: Fact[int] | None = None
    reduced: Fact[Reduced] | None = None
    ignored_attribute: Fact[str | None] | None = None
    weighs_worst: Fact[bool] | None = None
    unread: Fact[str] | None = None
    takes_logs: Fact[bool] | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """The data: its interval as the loss sees it, and its axis order at the first convolution.

    `trained` is the interval of the data that the same layers are trained on, where these are other data. `centred`
    says that their middle was taken away, in units of their spread: they reach both sides of 0, and beyond 1 or -1.
    """

    interval: Fact[Interval] | None = None
    axis_order: Fact[AxisOrder] | None = None
    trained: Fact[Interval] | None = None
    entering: Fact[Entering] | None = None
    centred: Fact[bool] | None = None


@dataclass(frozen=True, slots=True)
class Commitment:
    """What draws the encoding of a quantiser and its codes together.

    `ratio` is the weight of the squared error at the encoding in parts of that at the codes; `on_codes` the number that
    weighs the term of the codes and not that of the encoding, None where there is none.
    """

    ratio: float
    on_codes: float | None = None


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss as a whole; `dead_weights` are names that do not move it, `ignored_conditions` miss the decoder.

    `commitment` is None where nothing is quantised, or where the loss moves only one of encoding and codes.
    """

    effective_beta: Fact[EffectiveBeta] | None = None
    dead_weights: Fact[tuple[str, ...]] | None = None
    ignored_conditions: Fact[tuple[str, ...]] | None = None
    commitment: Fact[Commitment | None] | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything observed of one VAE (one latent of it, where it has several).

    `subject` names it, `names` its parts as the source does. `shapes` are those of `input`, `latent` and
    `reconstruction`, as formulas of the sizes of the input, where they were inferred. `unobserved` says by a fact's
    path (`"kl.form"`) why it is not known, `elsewhere` why it is not on another way: nothing is clean by it;
    `stopped_at` what could not be read. `settings` are the conditions without which a mistake, by its code, is not
    seen. `cut_at` is where the observation ended too early: nothing is clean. `of_function`: the subject is a function.
    """

    subject: str
    sampler: Sampler = Sampler()
    heads: Heads = Heads()
    kl: KL = KL()
    output: Output = Output()
    recon: Recon = Recon()
    data: Data = Data()
    objective: Objective = Objective()
    training: Training = Training()
    latents: Latents = Latents()
    names: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, str] = field(default_factory=dict)
    unobserved: Mapping[str, str] = field(default_factory=dict)
    stopped_at: Mapping[str, Place] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cut_at: Place | None = None
    of_function: bool = False

    def get(self, path: str) -> Fact[object] | None:
        """The fact at a path such as `"kl.form"`, or None if unobserved; AttributeError when there is no such path."""
        group, name = path.split(".")
        fact: Fact[object] | None = getattr(getattr(self, group), name)
        return fact

    def come_by(self, ways: Mapping[str, Provenance], otherwise: Provenance) -> Facts:
        """These facts, each with the way in which it came to be known: that of its path in `ways`, or `otherwise`."""
        groups = {}
        for name in GROUPS:
            group = getattr(self, name)
            changed = {}
            for each in fields(group):
                fact = getattr(group, each.name)
                how = otherwise if fact is None else ways.get(f"{name}.{each.name}", otherwise)
                if fact is not None and fact.origin.how is not how:
                    changed[each.name] = replace(fact, origin=replace(fact.origin, how=how))
            if changed:
                groups[name] = replace(group, **changed)
        return replace(self, **groups) if groups else self

    def known(self) -> Iterator[tuple[str, Fact[object]]]:
        """Every observed fact with its path, in the order of declaration."""
        for name, paths in _PATHS_OF.items():
            group = getattr(self, name)
            for part, path in paths.items():
                fact = getattr(group, part)
                if fact is not None:
                    yield path, fact


GROUPS = {
    "sampler": Sampler,
    "heads": Heads,
    "kl": KL,
    "output": Output,
    "recon": Recon,
    "data": Data,
    "objective": Objective,
    "training": Training,
    "latents": Latents,
}
# Per group the paths of its parts, by their names.
_PATHS_OF = {group: {f.name: f"{group}.{f.name}" for f in fields(kind)} for group, kind in GROUPS.items()}
PATHS: tuple[str, ...] = tuple(path for paths in _PATHS_OF.values() for path in paths.values())
