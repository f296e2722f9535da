"""The catalogue's judges on facts made by hand: red on each mistake, green on what only looks like one."""

from __future__ import annotations

import math

import pytest
import torch
from planted.facts import (
    CASES,
    KEPT,
    LOG_STD_CURVE,
    LOGVAR,
    LOGVAR_CURVE,
    MEAN,
    MIXED,
    NO_KL,
    STD,
    SUM,
    VAR,
    Values,
    made,
)
from planted.facts_without import NO_MISTAKES, UNDECIDED, WEIGHTED

from vae_checked.catalogue import CATALOGUE, OF_LATENTS, Clean, Found, Mistake, Undecided, Weighted, find, judge
from vae_checked.catalogue.support.ranges import sigmoid
from vae_checked.facts import (
    BYTE,
    REAL,
    SYMMETRIC_UNIT,
    UNIT,
    Axis,
    Density,
    EffectiveBeta,
    Entering,
    Factor,
    Facts,
    HeadSource,
    Interval,
    KLForm,
    Likelihood,
    Noise,
    NoiseLaw,
    NoiseTiming,
    Origin,
    Overflow,
    Quantity,
    Reduced,
    StdCurve,
)
from vae_checked.finding import Place, Provenance
from vae_checked.layout_facts import ShapePair
from vae_checked.record import replace

MSE: Values = {"recon.kind": Likelihood.MSE}
# More facts in which a mistake is made: (code, facts, what the finding says).
ALSO_MISTAKES: list[tuple[str, Values, str]] = [
    ("VAE104", {"data.interval": Interval(0.0, 1 / 255), "output.interval": UNIT}, "0.003922 times"),
    ("VAE104", {"data.interval": BYTE, "output.interval": SYMMETRIC_UNIT}, "255 times"),
    (
        "VAE104",
        {"data.interval": BYTE, "output.interval": REAL, "recon.kind": Likelihood.BCE_WITH_LOGITS},
        "255 times",
    ),
    *(
        ("VAE104", {"data.interval": Interval(0.0, high), "output.interval": UNIT}, says)
        for high, says in (
            (140.0, "140 times"),
            (500.0, "500 times"),
            (1 / 140, "0.007143 times"),
            (1 / 500, "0.002 times"),
        )
    ),
    *(
        ("VAE104", {"data.interval": data, "output.interval": REAL, "data.entering": entering, **MSE}, says)
        for data, entering, says in (
            (UNIT, Entering(1 / 255), "0.003922 times as large as those that the reconstruction is compared with"),
            (UNIT, Entering(2 / 255), "0.007843 times"),
            (SYMMETRIC_UNIT, Entering(1 / 255, normalised=True), "0.003922 times"),
            (Interval(-2.118, 2.64), Entering(1 / 255), "0.003922 times"),
            (BYTE, Entering(1 / 255**2), "1.538e-05 times"),
            (UNIT, Entering(255.0, as_given=True), "255 times"),
        )
    ),
    ("VAE105", {"output.shape": ShapePair("7 1 28 28", "14 784")}, "(14 784)"),
    ("VAE105", {"output.shape": ShapePair("B", "B 1")}, "(B 1)"),
    ("VAE105", {"output.shape": ShapePair("B 3 8 12", "B 3 12 8")}, "(B 3 12 8)"),
    ("VAE105", {"output.shape": ShapePair("B 1 28 28", "B 196")}, "(B 196)"),
    ("VAE201", {"sampler.std": StdCurve(None, ((1.0, 1.3591),)), "kl.form": KLForm(LOGVAR)}, "log variance"),
    (
        "VAE201",
        {"sampler.std": LOG_STD_CURVE, "kl.density": Density(LOGVAR)},
        "the KL at model.py:42 reads s as log variance",
    ),
    ("VAE302", {"kl.density": Density(LOGVAR, opposed=True, of_prior=True)}, "log p(z), is +1"),
    ("VAE302", {"kl.density": Density(LOGVAR, opposed=True), "kl.sign": 1}, "log p(z), is -1"),
    ("VAE202", {"sampler.noise": Noise(NoiseLaw.NORMAL, 1.0, 1.0)}, "mean 1 and"),
    ("VAE202", {"sampler.noise": Noise(NoiseLaw.UNIFORM)}, "mean unknown"),
    ("VAE202", {"sampler.noise": Noise(NoiseLaw.OTHER), "kl.form": KLForm(LOGVAR)}, "not normal"),
    ("VAE203", {"sampler.shared_over": frozenset({Axis.EVENT})}, "event"),
    # tanh on mu: P(|N(0, 1)| > 1) = 0.317.
    (
        "VAE204",
        {"heads.mu": SYMMETRIC_UNIT, "heads.second": REAL, "sampler.std": LOGVAR_CURVE},
        "31.7 % of the mass of N",
    ),
    # ReLU on the log variance: std >= 1; softplus taken twice for a variance: std >= sqrt(ln 2).
    (
        "VAE204",
        {"heads.mu": REAL, "heads.second": Interval(0.0), "sampler.std": LOGVAR_CURVE},
        "log variance in [0, inf)",
    ),
    (
        "VAE204",
        {"heads.mu": REAL, "heads.second": Interval(math.log(2)), "sampler.std": StdCurve(VAR)},
        "std stays in [0.8326, inf)",
    ),
    (
        "VAE204",
        {"heads.mu": SYMMETRIC_UNIT, "heads.second": SYMMETRIC_UNIT, "sampler.std": LOGVAR_CURVE},
        "std stays in [0.6065, 1.649]",
    ),
    (
        "VAE204",
        {"heads.mu": Interval(high=0.5), "heads.second": REAL, "sampler.std": LOGVAR_CURVE},
        "30.9 % of the mass of N",
    ),
    (
        "VAE204",
        {"heads.mu": REAL, "heads.second": Interval(-1.5, -0.5), "sampler.std": StdCurve(STD)},
        "std stays in [0.5, 1.5]",
    ),
    # A sigmoid minus one half, halved again: the prior's width is out of reach.
    (
        "VAE204",
        {
            "heads.mu": REAL,
            "heads.second": Interval(0.0, 0.5),
            "sampler.std": StdCurve(STD),
            "kl.form": KLForm(STD),
        },
        "std stays in [0, 0.5]",
    ),
    # A ReLU on the mean is none of a learned prior's either.
    (
        "VAE204",
        {"heads.mu": Interval(0.0), "heads.second": REAL, "kl.form": KLForm(LOGVAR, learned=True)},
        "keeps its sign",
    ),
    ("VAE205", {"heads.source": HeadSource.SWAPPED}, "in the order in which the sampler takes them"),
    ("VAE205", {"heads.source": HeadSource.OF_ONE_PART}, "in the order in which the sampler takes them"),
    ("VAE205", {"heads.source": HeadSource.OF_ANOTHER}, "both heads of each posterior"),
    ("VAE206", {"sampler.gradient_reaches": frozenset()}, "neither head"),
    ("VAE207", {"sampler.timing": NoiseTiming(without_eps=True)}, "mu + std"),
    ("VAE208", {"heads.overflow": Overflow("exp(s)", 11.09, "float16"), "heads.second": Interval(-30, 20)}, "11.09"),
    ("VAE303", {"kl.factor": Factor(0.501), "recon.kind": Likelihood.BCE_WITH_LOGITS}, "0.501 times"),
    ("VAE304", {"kl.reduced": Reduced(None, MIXED)}, "latents: mixed"),
    # A sum over an axis of length 1, as of (B, 1, L), would change nothing.
    ("VAE304", {"kl.reduced": Reduced(None, MIXED)}, "logvar.exp()).flatten(1), dim=1)"),
    ("VAE304", {"kl.reduced": Reduced(SUM, MEAN)}, "logvar.exp(), dim=1)"),
    ("VAE305", {"kl.in_loss": True, "objective.dead_weights": ("beta",)}, "beta never reaches the loss"),
    # ReLU, then the sigmoid of the loss, leaves [0.5, 1) of the data unreachable from below.
    ("VAE401", {"recon.kind": Likelihood.BCE_WITH_LOGITS, "output.interval": Interval(0.2, 0.9)}, "[0.5498, 0.7109]"),
    ("VAE402", {"recon.kind": Likelihood.BCE, "output.interval": SYMMETRIC_UNIT}, "[-1, 1]"),
    (
        "VAE402",
        {"recon.kind": Likelihood.CROSS_ENTROPY, "recon.takes_logs": True, "output.interval": UNIT},
        "logarithms of probabilities",
    ),
    ("VAE402", {"recon.kind": Likelihood.BCE, "output.interval": Interval(0.0)}, "[0, inf)"),
    (
        "VAE403",
        {"recon.kind": Likelihood.MSE, "output.interval": SYMMETRIC_UNIT, "data.interval": UNIT},
        "half of the output",
    ),
    (
        "VAE403",
        {"recon.kind": Likelihood.L1, "output.interval": SYMMETRIC_UNIT, "data.interval": Interval(-0.424, 2.821)},
        "a linear layer",
    ),
    (
        "VAE403",
        {"recon.kind": Likelihood.MSE, "output.interval": UNIT, "data.interval": Interval(-0.5, 0.5)},
        "a tanh",
    ),
    (
        "VAE403",
        {"recon.kind": Likelihood.BCE, "output.interval": UNIT, "data.interval": SYMMETRIC_UNIT},
        "scale the data to [0, 1]",
    ),
    (
        "VAE403",
        {"recon.kind": Likelihood.BCE_WITH_LOGITS, "output.interval": REAL, "data.interval": SYMMETRIC_UNIT},
        "targets in [0, 1]",
    ),
    (
        "VAE403",
        {"recon.kind": Likelihood.BCE_WITH_LOGITS, "output.interval": Interval(0.0), "data.interval": UNIT},
        "[0.5, 1)",
    ),
    *(
        ("VAE403", {"recon.kind": Likelihood.MSE, "output.interval": output, "data.interval": data}, says)
        for output, data, says in (
            (Interval(0.1, 0.9), UNIT, "part of the data"),
            (SYMMETRIC_UNIT, Interval(-1.0, 0.0), "half of the output"),
            (Interval(-0.6, 1.0), UNIT, "half of the output"),
            (UNIT, Interval(-0.2, 1.2), "a linear layer"),
        )
    ),
    ("VAE403", {"output.interval": Interval(0.0, 1.0, True, True), "data.interval": SYMMETRIC_UNIT}, "a tanh"),
    ("VAE404", {"recon.swapped": True, "recon.kind": Likelihood.BCE_WITH_LOGITS}, "bce with logits"),
    ("VAE404", {"recon.swapped": True, "recon.kind": Likelihood.POISSON}, "poisson nll"),
    ("VAE405", {"output.activations": ("tanh", "sigmoid"), "output.interval": Interval(0.2689, 0.7311)}, "tanh"),
    ("VAE406", {"output.activations": ("softplus", "sigmoid"), "output.interval": Interval(0.5, 1.0)}, "softplus"),
    ("VAE501", {"recon.reduced": Reduced(MEAN, MIXED)}, "axes of a sample: mixed"),
    (
        "VAE502",
        {
            "recon.reduced": Reduced(MEAN, MEAN),
            "kl.reduced": Reduced(MEAN, SUM),
            "objective.effective_beta": EffectiveBeta(1.0, (Quantity("C*H*W", 1, 288.0, "pixels"),)),
        },
        "effective beta: 288 (pixels 288)",
    ),
    *(
        ("VAE502", {"recon.reduced": Reduced(MEAN, MEAN), "kl.reduced": Reduced(MEAN, SUM), path: value}, says)
        for path, value, says in (
            ("kl.factor", Factor(1.0), "the number of elements"),
            ("objective.effective_beta", EffectiveBeta(1.0, (Quantity("C*H*W"),)), "effective beta: C*H*W"),
            ("objective.effective_beta", EffectiveBeta(1.2), "effective beta: 1.2"),
        )
    ),
    (
        "VAE503",
        {
            "recon.reduced": Reduced(SUM, SUM),
            "kl.reduced": Reduced(KEPT, MEAN),
            "objective.effective_beta": EffectiveBeta(0.2),
        },
        "effective beta: 0.2",
    ),
    (
        "VAE405",
        {"output.activations": ("softmax", "softmax"), "output.interval": UNIT, "recon.kind": Likelihood.CROSS_ENTROPY},
        "no class gets more than 2.72 times the probability of another",
    ),
    ("VAE504", {"kl.reduced": Reduced(MEAN, SUM), "recon.reduced": Reduced(SUM, SUM)}, "1 / the batch size"),
    ("VAE504", {"kl.reduced": Reduced(MEAN, MEAN), "recon.reduced": Reduced(SUM, SUM)}, "1 / the batch size"),
    (
        "VAE504",
        {"kl.reduced": Reduced(MEAN, MEAN, explicit=True, constant=True), "recon.reduced": Reduced(SUM, SUM)},
        "1 / the batch size",
    ),
    ("VAE601", {"training.without_gradient": tuple(f"p{i}" for i in range(9))}, "p5, and 3 more"),
    ("VAE601", {"training.without_gradient": tuple(f"p{i}" for i in range(8))}, "p5, and 2 more"),
]

# Facts of a corrected VAE without which the others still rule the mistake out.
RULED_OUT_BY_THE_REST = {
    ("VAE303", "recon.kind"),
    ("VAE405", "output.interval"),
    ("VAE406", "output.interval"),
}

every_mistake = pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda each: each.code)


@every_mistake
def test_a_judge_is_red_on_the_mistake(mistake: Mistake) -> None:
    verdict = mistake.judge(made(CASES[mistake.code].bad))
    assert isinstance(verdict, Found)
    assert verdict.evidence.origin.place == Place("model.py", CASES[mistake.code].at)


@every_mistake
def test_a_judge_is_green_on_the_corrected_facts(mistake: Mistake) -> None:
    case = CASES[mistake.code]
    assert mistake.judge(made({**case.bad, **case.corrected})) == Clean()


@every_mistake
def test_a_judge_misses_every_fact_of_its_mistake(mistake: Mistake) -> None:
    assert mistake.judge(Facts("model.py:VAE")) == Undecided(mistake.needs)
    assert set(CASES[mistake.code].bad) <= set(mistake.needs)


@pytest.mark.parametrize(
    ("mistake", "missing"),
    [pytest.param(each, path, id=f"{each.code}-{path}") for each in CATALOGUE for path in CASES[each.code].bad],
)
def test_without_one_fact_of_a_mistake_nothing_is_clean(mistake: Mistake, missing: str) -> None:
    rest = {path: value for path, value in CASES[mistake.code].bad.items() if path != missing}
    # One confined head is a mistake whatever the other does, and so are data that no loss could reach.
    enough = (("VAE204", "heads.second"), ("VAE403", "recon.kind"))
    expected = Found if (mistake.code, missing) in enough else Undecided
    verdict = mistake.judge(made(rest))
    assert isinstance(verdict, expected)
    assert expected is Found or missing in verdict.missing


@pytest.mark.parametrize(
    ("mistake", "missing"),
    [
        pytest.param(each, path, id=f"{each.code}-{path}")
        for each in CATALOGUE
        for path in {**CASES[each.code].bad, **CASES[each.code].corrected}
    ],
)
def test_without_one_fact_of_a_corrected_vae_the_mistake_is_not_made(mistake: Mistake, missing: str) -> None:
    case = CASES[mistake.code]
    rest = {path: value for path, value in {**case.bad, **case.corrected}.items() if path != missing}
    verdict = mistake.judge(made(rest))
    if (mistake.code, missing) in RULED_OUT_BY_THE_REST:
        assert verdict == Clean()
    else:
        assert isinstance(verdict, Undecided)
        assert missing in verdict.missing


READ, DERIVED, MEASURED = Provenance


@pytest.mark.parametrize(
    ("of_mistake", "of_rest", "how"),
    [
        (MEASURED, MEASURED, MEASURED),
        (MEASURED, DERIVED, DERIVED),
        (DERIVED, READ, DERIVED),
        (READ, MEASURED, READ),
    ],
)
def test_a_finding_is_measured_where_all_of_it_is(of_mistake: Provenance, of_rest: Provenance, how: Provenance) -> None:
    facts = made(CASES["VAE201"].bad).come_by({"sampler.std": of_mistake}, of_rest)
    (finding,) = judge(facts, [find("201")]).findings
    assert finding.how is how
    assert finding.grounds.startswith(f"{how}: std at s")


@every_mistake
def test_a_mistake_has_one_name(mistake: Mistake) -> None:
    judgement = judge(made(CASES[mistake.code].bad))
    assert [finding.code for finding in judgement.findings] == [mistake.code]


@pytest.mark.parametrize(
    ("code", "values", "says"),
    [pytest.param(*each, id=f"{each[0]}-{each[2]}") for each in ALSO_MISTAKES],
)
def test_a_judge_is_red_on_the_mistake_in_another_form(code: str, values: Values, says: str) -> None:
    findings = {each.code: each for each in judge(made(values)).findings}
    assert code in findings
    words = findings[code]
    assert says in f"{words.message}\n{words.evidence}\n{words.fix}"


def test_a_confined_mean_is_no_mistake_where_the_kl_may_be_unread() -> None:
    facts = made({"heads.mu": SYMMETRIC_UNIT, "heads.second": REAL, "sampler.std": LOGVAR_CURVE})
    assert isinstance(find("VAE204").judge(facts), Found)
    assert isinstance(find("VAE204").judge(replace(facts, cut_at=Place("net.py", 7))), Undecided)


@pytest.mark.parametrize(
    ("code", "values"), [pytest.param(code, values, id=f"{code}-{why}") for code, values, why in NO_MISTAKES]
)
def test_a_judge_is_green_on_what_looks_wrong(code: str, values: Values) -> None:
    assert find(code).judge(made(values)) == Clean()


@pytest.mark.parametrize(
    ("code", "values", "says"), [pytest.param(*each, id=f"{each[0]}-{each[2]}") for each in UNDECIDED]
)
def test_what_is_seen_may_not_decide(code: str, values: Values, says: str) -> None:
    verdict = find(code).judge(made(values))
    assert isinstance(verdict, Undecided)
    assert says in (verdict.missing or verdict.reason)


@pytest.mark.parametrize(
    ("code", "values"), [pytest.param(code, values, id=f"{code}-{why}") for code, values, why in WEIGHTED]
)
def test_a_balance_that_the_author_chose_is_not_judged(code: str, values: Values) -> None:
    assert isinstance(find(code).judge(made(values)), Weighted)
    assert code in judge(made(values)).weighted


def test_each_code_is_clean_found_or_unexamined() -> None:
    facts = made({"kl.sign": -1, "kl.form": KLForm(LOGVAR), "recon.kind": Likelihood.MSE})
    judgement = judge(facts)
    assert [finding.code for finding in judgement.findings] == ["VAE302"]
    assert judgement.clean == ("VAE301", "VAE306", "VAE401", "VAE402")
    assert judgement.undecided["VAE201"] == Undecided(("sampler.std",))
    assert judgement.undecided["VAE403"] == Undecided(("output.interval", "data.interval"))
    assert len(judgement.findings) + len(judgement.clean) + len(judgement.undecided) == len(CATALOGUE) - len(OF_LATENTS)


def test_only_the_mistakes_asked_for_are_judged() -> None:
    judgement = judge(made({"kl.sign": -1, "recon.sign": -1}), [find("505")])
    assert [finding.code for finding in judgement.findings] == ["VAE505"]
    assert not judgement.undecided


@pytest.mark.parametrize(
    ("interval", "low", "high"),
    [(REAL, 0.0, 1.0), (UNIT, 0.5, 0.7310586), (SYMMETRIC_UNIT, 0.2689414, 0.7310586), (Interval(0.0), 0.5, 1.0)],
)
def test_the_sigmoid_of_an_interval(interval: Interval, low: float, high: float) -> None:
    image = sigmoid(interval)
    assert (image.low, image.high) == pytest.approx((low, high), abs=1e-7)
    assert (image.low_open, image.high_open) == (math.isinf(interval.low), math.isinf(interval.high))


def test_the_sigmoid_of_an_open_interval_is_open() -> None:
    assert sigmoid(Interval(0.0, 1.0, low_open=True)) == Interval(0.5, sigmoid(UNIT).high, low_open=True)
    assert sigmoid(Interval(0.0, 1.0, high_open=True)) == Interval(0.5, sigmoid(UNIT).high, high_open=True)


def test_a_mean_of_densities_of_another_family_is_left_open() -> None:
    reduced = {"recon.reduced": Reduced(MEAN, MEAN), "kl.reduced": Reduced(MEAN, SUM)}
    judgement = judge(made({**reduced, "recon.kind": Likelihood.DENSITY}))
    assert "log density" in judgement.undecided["VAE502"].reason


def test_beside_a_log_density_the_kl_has_its_half() -> None:
    judgement = judge(made({"kl.factor": Factor(2.0), "recon.kind": Likelihood.DENSITY}))
    assert [finding.code for finding in judgement.findings] == ["VAE303"]


@pytest.mark.parametrize("kind", [kind for kind in Likelihood if kind is not Likelihood.DENSITY])
def test_the_remedy_for_a_mean_is_the_sum_of_the_same_error(kind: Likelihood) -> None:
    reduced = {"recon.reduced": Reduced(MEAN, MEAN), "kl.reduced": Reduced(MEAN, SUM)}
    (finding,) = [each for each in judge(made({**reduced, "recon.kind": kind})).findings if each.code == "VAE502"]
    function = finding.fix.partition("(")[0].removeprefix("F.")
    assert function in dir(torch.nn.functional)
    words = kind.value.replace("nll", "").replace("bce", "binary cross entropy").split()
    assert all(word in function for word in words)


@pytest.mark.parametrize(
    ("scores", "probabilities"),
    [
        (Interval(-math.inf, math.inf, True, True), Interval(0.0, 1.0, True, True)),
        (Interval(-math.inf, 0.0, True, False), Interval(0.0, 0.5, True, False)),
        (Interval(-math.log(3.0), math.log(4.0)), Interval(0.25, 0.8)),
    ],
)
def test_the_sigmoid_of_an_interval_ends_at_0_and_1(scores: Interval, probabilities: Interval) -> None:
    found = sigmoid(scores)
    assert (found.low, found.high) == pytest.approx((probabilities.low, probabilities.high), abs=0.0)
    assert (found.low_open, found.high_open) == (probabilities.low_open, probabilities.high_open)


@pytest.mark.parametrize(
    ("head", "written", "formula"),
    [
        ("sigma", "s - torch.log(sigma)", "0.5 * torch.sum(mu.pow(2) + sigma.pow(2) - 1 - 2 * sigma.log(), dim=1)"),
        ("q.width", "q.width.log() + 1", "0.5 * torch.sum(mu.pow(2) + q.width.pow(2) - 1 - 2 * q.width.log(), dim=1)"),
        ("var", "torch.log( var ) / 2", "0.5 * torch.sum(mu.pow(2) + var - 1 - var.log(), dim=1)"),
        ("sigma", "sigma - sigma.exp()", "-0.5 * torch.sum(1 + sigma - mu.pow(2) - sigma.exp(), dim=1)"),
        ("s", "log(sigma) + s", "-0.5 * torch.sum(1 + s - mu.pow(2) - s.exp(), dim=1)"),
    ],
)
def test_a_head_whose_logarithm_a_kl_takes_is_a_width(head: str, written: str, formula: str) -> None:
    kl = made({"kl.form": NO_KL})
    form = replace(kl.kl.form, origin=Origin(written, Place("model.py", 41)))
    (finding,) = judge(replace(kl, kl=replace(kl.kl, form=form), names={"second": head}), [find("VAE301")]).findings
    assert finding.fix == f"kl = {formula}"
