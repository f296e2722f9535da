"""Facts made by hand that make no mistake: what only looks like one, what decides nothing, what a weight settles."""

from __future__ import annotations

from dataclasses import replace

from planted.facts import (
    KEPT,
    LOG_STD,
    LOG_STD_CURVE,
    LOGVAR,
    LOGVAR_CURVE,
    MEAN,
    MIXED,
    NO_KL,
    REVERSED_KL,
    STD,
    SUM,
    Values,
)
from vae_checked.facts import (
    BYTE,
    REAL,
    SYMMETRIC_UNIT,
    UNIT,
    Density,
    EffectiveBeta,
    Entering,
    Factor,
    HeadSource,
    Interval,
    KLForm,
    Likelihood,
    Noise,
    NoiseLaw,
    NoiseTiming,
    Overflow,
    Parametrisation,
    Reduced,
    StdCurve,
)
from vae_checked.layout_facts import AxisOrder, ShapePair

# Reductions that put the terms out of balance, as each mistake has them: (reconstruction, KL).
UNBALANCED = {
    "VAE502": (Reduced(MEAN, MEAN), Reduced(MEAN, SUM)),
    "VAE503": (Reduced(MEAN, SUM), Reduced(MEAN, MEAN)),
    "VAE504": (Reduced(MEAN, SUM), Reduced(SUM, SUM)),
}

# What looks like a mistake and is none: (code, facts, why).
NO_MISTAKES: list[tuple[str, Values, str]] = [
    *(
        ("VAE104", {"data.interval": data, "output.interval": output, "data.entering": entering}, why)
        for data, output, entering, why in (
            (BYTE, BYTE, Entering(1.0, as_given=True), "raw bytes on both sides"),
            (BYTE, BYTE, Entering(1 / 255), "raw bytes that the encoder divides"),
            (Interval(-2.118, 2.64), UNIT, Entering(1.0), "another mistake: the range"),
            (UNIT, UNIT, Entering(255.0, as_given=True, normalised=True), "bytes into a layer that normalises"),
            (UNIT, UNIT, Entering(255.0), "pixels that the model multiplies itself"),
            (UNIT, UNIT, Entering(1 / 0.2), "pixels over their deviation"),
            (Interval(0.0, 40.0), Interval(0.0, 40.0), Entering(1 / 40), "other units"),
            *(
                (Interval(0.0, high), UNIT, Entering(1.0), f"a scale of {high}")
                for high in (100.0, 1000.0, 1 / 100, 1 / 1000, 0.0)
            ),
        )
    ),
    ("VAE105", {"output.shape": ShapePair("B 1 28 28", "B 784")}, "flattened, as the loss flattens x"),
    ("VAE105", {"output.shape": ShapePair("B C H W", "B C H W")}, "symbols alike"),
    ("VAE201", {"sampler.std": LOG_STD_CURVE, "kl.form": KLForm(LOG_STD)}, "a log std used consistently"),
    ("VAE201", {"sampler.std": LOG_STD_CURVE, "kl.density": Density(LOG_STD)}, "a log std beside a mixture"),
    ("VAE302", {"kl.density": Density(LOGVAR, opposed=False), "kl.sign": 1}, "log q against log p of a flow"),
    (
        "VAE204",
        {"heads.mu": REAL, "heads.second": Interval(-30.0, 20.0), "sampler.std": LOGVAR_CURVE},
        "a clamp that guards exp",
    ),
    (
        "VAE204",
        {"heads.mu": REAL, "heads.second": Interval(high=10.0), "sampler.std": LOGVAR_CURVE},
        "a clamp from above",
    ),
    (
        "VAE204",
        {"heads.mu": REAL, "heads.second": Interval(0.0, low_open=True), "sampler.std": StdCurve(STD)},
        "softplus on a std head",
    ),
    (
        "VAE204",
        {"heads.mu": REAL, "heads.second": REAL, "sampler.std": StdCurve(STD)},
        "a std of either sign: eps is symmetric",
    ),
    (
        "VAE204",
        {"heads.mu": REAL, "heads.second": Interval(high=0.0), "sampler.std": LOGVAR_CURVE},
        "a posterior no wider than the prior, on purpose",
    ),
    (
        "VAE204",
        {"heads.mu": REAL, "heads.second": Interval(high=2000.0), "sampler.std": LOG_STD_CURVE},
        "exp overflows a float at the clamp",
    ),
    ("VAE207", {"sampler.timing": NoiseTiming(training=True, evaluation=True)}, "evaluation is a question of purpose"),
    (
        "VAE208",
        {"heads.overflow": Overflow("std", 22.18, "float16"), "heads.second": Interval(high=22.18)},
        "clamped to where it is finite",
    ),
    ("VAE208", {"heads.overflow": Overflow("std", 177.4, "float32"), "heads.second": REAL}, "out of reach"),
    ("VAE304", {"kl.reduced": Reduced(SUM, SUM)}, "a sum over all: a scale of the whole loss"),
    ("VAE304", {"kl.reduced": Reduced(MEAN, MEAN)}, "a mean over all is VAE503's question"),
    ("VAE304", {"kl.reduced": Reduced(KEPT, SUM)}, "per sample"),
    ("VAE305", {"kl.in_loss": True, "objective.dead_weights": ()}, "every weight moves the loss"),
    (
        "VAE401",
        {"recon.kind": Likelihood.BCE_WITH_LOGITS, "output.interval": SYMMETRIC_UNIT},
        "bounded logits are no probabilities",
    ),
    ("VAE401", {"recon.kind": Likelihood.BCE, "output.interval": UNIT}, "a probability where one is needed"),
    ("VAE402", {"recon.kind": Likelihood.BCE_WITH_LOGITS, "output.interval": REAL}, "logits where they are needed"),
    ("VAE402", {"recon.kind": Likelihood.MSE, "output.interval": REAL}, "an error without a domain"),
    (
        "VAE402",
        {"recon.kind": Likelihood.CROSS_ENTROPY, "recon.takes_logs": True, "output.interval": Interval(high=0.0)},
        "logarithms of probabilities",
    ),
    ("VAE402", {"recon.kind": Likelihood.BCE, "output.interval": Interval(1e-6, 1 - 1e-6)}, "clamped inside"),
    (
        "VAE403",
        {"recon.kind": Likelihood.MSE, "output.interval": REAL, "data.interval": Interval(-2.118, 2.64)},
        "a linear output for normalised data",
    ),
    (
        "VAE403",
        {"recon.kind": Likelihood.MSE, "output.interval": SYMMETRIC_UNIT, "data.interval": Interval(-0.5, 0.5)},
        "nothing is unreachable, and both halves are used",
    ),
    (
        "VAE403",
        {"recon.kind": Likelihood.BCE, "output.interval": UNIT, "data.interval": Interval(0.0, 0.4)},
        "dark pictures",
    ),
    (
        "VAE403",
        {"recon.kind": Likelihood.BCE_WITH_LOGITS, "output.interval": REAL, "data.interval": UNIT},
        "logits reach all of [0, 1]",
    ),
    *(
        ("VAE403", {"recon.kind": Likelihood.MSE, "output.interval": output, "data.interval": UNIT}, why)
        for output, why in (
            (Interval(0.005, 0.995), "a sigmoid as it is measured"),
            (REAL, "a linear output for pixels"),
            (Interval(-0.2, 1.0), "a little room below 0"),
        )
    ),
    ("VAE403", {"recon.kind": Likelihood.MSE, "output.interval": Interval(0.0), "data.interval": UNIT}, "a ReLU"),
    *(
        ("VAE403", {"recon.kind": kind, "output.interval": REAL, "data.interval": data}, why)
        for kind, data, why in (
            (Likelihood.MSE, REAL, "whatever it is"),
            (Likelihood.GAUSSIAN_NLL, Interval(0.0), "counts and amounts"),
            (Likelihood.CROSS_ENTROPY, Interval(0.0, 9.0), "scores of classes"),
        )
    ),
    ("VAE403", {"recon.kind": Likelihood.GAUSSIAN_NLL, "output.interval": REAL}, "a linear mean of whatever it is"),
    ("VAE404", {"recon.swapped": True, "recon.kind": Likelihood.MSE}, "the order of a symmetric loss is nothing"),
    ("VAE405", {"output.activations": ("relu", "sigmoid"), "output.interval": Interval(0.5, 1.0)}, "VAE406's"),
    ("VAE405", {"output.activations": ("sigmoid", "clamp"), "output.interval": UNIT}, "a guard against log 0"),
    ("VAE406", {"output.activations": ("relu", "tanh"), "output.interval": UNIT}, "[0, 1) fits pixels in [0, 1]"),
    ("VAE501", {"recon.reduced": Reduced(MEAN, MEAN)}, "a mean over all is VAE502's question"),
    ("VAE502", {"recon.reduced": Reduced(MEAN, MEAN), "kl.reduced": Reduced(MEAN, MEAN)}, "two means side by side"),
    ("VAE503", {"recon.reduced": Reduced(MEAN, MEAN), "kl.reduced": Reduced(MEAN, MEAN)}, "two means side by side"),
    ("VAE504", {"recon.reduced": Reduced(SUM, SUM), "kl.reduced": Reduced(SUM, SUM)}, "both summed"),
    *(
        (
            code,
            {"recon.reduced": recon, "kl.reduced": kl, "objective.effective_beta": EffectiveBeta(1.0)},
            "they cancel",
        )
        for code, (recon, kl) in UNBALANCED.items()
    ),
    (
        "VAE502",
        {"recon.reduced": Reduced(MEAN, SUM), "kl.reduced": Reduced(MEAN, SUM), "kl.factor": Factor(4.0, True)},
        "a summed error is no mean, whatever weighs the KL",
    ),
    ("VAE303", {"kl.factor": Factor(1.0)}, "no factor, beside whatever error"),
    ("VAE304", {"kl.reduced": Reduced(event=SUM)}, "a sum over the latents is right whatever the batch does"),
    ("VAE401", {"recon.kind": Likelihood.MSE}, "a squared error takes no logits"),
    ("VAE402", {"recon.kind": Likelihood.L1}, "an absolute error takes no probabilities"),
    ("VAE404", {"recon.swapped": False, "recon.kind": Likelihood.GAUSSIAN_NLL}, "in order"),
]

# How a reason names the KL whose axes are open.
THE_KL = "the KL (<kl.reduced> at model.py:41)"
# What neither shows a mistake nor rules it out: (code, facts, the missing fact or words of the reason).
UNDECIDED: list[tuple[str, Values, str]] = [
    ("VAE406", {"output.activations": ("sigmoid", "sigmoid"), "output.interval": Interval(0.5, 0.74)}, "VAE405"),
    *(
        (code, {"recon.reduced": Reduced(SUM, MEAN), "kl.reduced": Reduced(SUM, MEAN)}, "both terms are means")
        for code in ("VAE304", "VAE501")
    ),
    ("VAE403", {"output.interval": REAL, "data.interval": SYMMETRIC_UNIT}, "recon.kind"),
    ("VAE403", {"output.interval": UNIT, "data.interval": Interval(0.0, 9.0)}, "recon.kind"),
    ("VAE403", {"output.interval": UNIT, "data.interval": UNIT}, "recon.kind"),
    ("VAE301", {"kl.density": Density(LOGVAR, opposed=False)}, "kl.form"),
    ("VAE302", {"kl.density": Density(LOGVAR)}, "kl.sign"),
    ("VAE104", {"data.interval": BYTE, "output.interval": REAL}, "recon.kind"),
    ("VAE104", {"data.interval": UNIT, "output.interval": UNIT}, "data.entering"),
    (
        "VAE201",
        {
            "sampler.std": LOG_STD_CURVE,
            "sampler.noise": Noise(NoiseLaw.OTHER),
            "kl.form": KLForm(None),
        },
        "the KL reads the head for std in no way that is known",
    ),
    ("VAE201", {"sampler.std": LOG_STD_CURVE, "kl.form": KLForm(None)}, "VAE301"),
    ("VAE202", {"sampler.noise": Noise(NoiseLaw.CONSTANT, 0.0, 0.0)}, "VAE207"),
    ("VAE205", {"heads.source": HeadSource.DISTINCT}, "kl.form"),
    ("VAE202", {"sampler.noise": Noise(NoiseLaw.OTHER)}, "kl.form"),
    (
        "VAE202",
        {"sampler.noise": Noise(NoiseLaw.OTHER), "kl.form": KLForm(None)},
        "noise and KL are of a posterior that may not be Gaussian at all",
    ),
    (
        "VAE204",
        {"heads.mu": Interval(-10.0, 10.0), "heads.second": Interval(0.0), "sampler.std": StdCurve(None)},
        "std is computed from the head for std by a formula that is not known",
    ),
    (
        "VAE204",
        {
            "heads.mu": Interval(0.0, low_open=True),
            "heads.second": REAL,
            "sampler.std": LOGVAR_CURVE,
            "kl.form": KLForm(Parametrisation.LOGVAR, learned=True),
        },
        "the prior is learned",
    ),
    (
        "VAE204",
        {"heads.mu": REAL, "heads.second": Interval(0.0, 0.5), "sampler.std": StdCurve(STD)},
        "or was not read",
    ),
    (
        "VAE207",
        {"sampler.timing": NoiseTiming(evaluation=False)},
        "whether z is random at each step of training was not seen",
    ),
    ("VAE301", {"kl.form": REVERSED_KL}, "VAE306"),
    ("VAE301", {"sampler.noise": Noise(NoiseLaw.OTHER), "kl.form": KLForm(None)}, "may not be Gaussian"),
    ("VAE301", {"kl.form": KLForm(None, reversed=True)}, "VAE306"),
    (
        "VAE303",
        {"kl.factor": Factor(2.0), "recon.kind": Likelihood.MSE},
        "next to mse, whose own variance is open, a factor of 2 may be meant",
    ),
    ("VAE304", {"kl.reduced": Reduced(KEPT, KEPT)}, f"{THE_KL} is not reduced where it was seen"),
    ("VAE304", {"kl.reduced": Reduced()}, f"how {THE_KL} is reduced over a sample's axes is not known"),
    ("VAE306", {"kl.form": NO_KL}, "VAE301"),
    ("VAE306", {"kl.form": KLForm(LOG_STD, reversed=None)}, "which of the two learned Gaussians is the posterior"),
    (
        "VAE403",
        {"recon.kind": Likelihood.BCE, "output.interval": SYMMETRIC_UNIT, "data.interval": UNIT},
        "VAE402",
    ),
    (
        "VAE403",
        {"recon.kind": Likelihood.MSE, "output.interval": UNIT, "data.interval": REAL},
        "data in (-inf, inf) have no range to compare",
    ),
    (
        "VAE403",
        {"recon.kind": Likelihood.MSE, "output.interval": UNIT, "data.interval": Interval(0.5, 0.5)},
        "data in [0.5, 0.5] have no range to compare",
    ),
    ("VAE403", {"recon.kind": Likelihood.MSE, "output.interval": UNIT, "data.interval": BYTE}, "VAE104"),
    (
        "VAE403",
        {"recon.kind": Likelihood.BCE_WITH_LOGITS, "output.interval": UNIT, "data.interval": UNIT},
        "VAE401",
    ),
    ("VAE403", {"recon.kind": Likelihood.BCE, "output.interval": REAL, "data.interval": UNIT}, "VAE402"),
    (
        "VAE403",
        {
            "recon.kind": Likelihood.MSE,
            "output.interval": Interval(0.5, 1.0),
            "data.interval": UNIT,
            "output.activations": ("relu", "sigmoid"),
        },
        "VAE406",
    ),
    (
        "VAE403",
        {
            "recon.kind": Likelihood.MSE,
            "output.interval": Interval(0.5, 0.7311),
            "data.interval": UNIT,
            "output.activations": ("sigmoid", "sigmoid"),
        },
        "VAE405",
    ),
    (
        "VAE403",
        {"recon.kind": Likelihood.CROSS_ENTROPY, "output.interval": UNIT, "data.interval": Interval(0.0, 9.0)},
        "cross entropy takes its prediction on another scale than the data",
    ),
    ("VAE502", {"recon.reduced": Reduced(SUM, MEAN), "kl.reduced": Reduced(MEAN, SUM)}, "VAE501"),
    ("VAE503", {"recon.reduced": Reduced(MEAN, SUM), "kl.reduced": Reduced(SUM, MEAN)}, "VAE304"),
    ("VAE504", {"recon.reduced": Reduced(MEAN, SUM), "kl.reduced": Reduced(SUM, MEAN)}, "VAE304"),
    (
        "VAE504",
        {"recon.reduced": Reduced(event=SUM), "kl.reduced": Reduced(SUM, SUM)},
        "how the reconstruction (<recon.reduced> at model.py:41) is reduced over the batch is not known",
    ),
    ("VAE102", {"data.axis_order": AxisOrder.SCRAMBLED_CLASSES}, "not into the first convolution"),
    ("VAE103", {"data.axis_order": AxisOrder.SCRAMBLED_CLASSES}, "not into the first convolution"),
    ("VAE103", {"data.axis_order": AxisOrder.NC_OPEN}, "not on the way into the convolution"),
    ("VAE102", {"data.axis_order": AxisOrder.SCRAMBLED_ARRAY}, "VAE101"),
    ("VAE103", {"data.axis_order": AxisOrder.SCRAMBLED_ARRAY}, "VAE101"),
    ("VAE104", {"data.interval": REAL, "output.interval": UNIT}, "no bounds"),
    ("VAE204", {"heads.mu": REAL, "heads.second": Interval(high=0.5)}, "sampler.std"),
    ("VAE304", {"kl.reduced": Reduced(event=MEAN)}, "over the batch is not known"),
    ("VAE304", {"kl.reduced": Reduced(MEAN)}, "over a sample's axes is not known"),
    # Who is handed it may sum it, or it has one entry.
    ("VAE304", {"kl.reduced": Reduced(SUM, KEPT)}, f"how {THE_KL} is reduced over a sample's axes is not known"),
    (
        "VAE501",
        {"recon.reduced": Reduced(MEAN, KEPT)},
        "how the reconstruction (<recon.reduced> at model.py:41) is reduced over",
    ),
    ("VAE305", {"kl.in_loss": True}, "objective.dead_weights"),
    ("VAE401", {"recon.kind": Likelihood.BCE_WITH_LOGITS}, "output.interval"),
    ("VAE404", {"recon.swapped": True, "recon.kind": Likelihood.GAUSSIAN_NLL}, "not judged"),
    ("VAE501", {"recon.reduced": Reduced(MEAN)}, "over a sample's axes is not known"),
    ("VAE502", {"recon.reduced": Reduced(MEAN), "kl.reduced": Reduced(MEAN, SUM)}, "over a sample's axes is not known"),
    ("VAE503", {"recon.reduced": Reduced(MEAN, SUM), "kl.reduced": Reduced(MEAN, MIXED)}, "VAE304"),
    ("VAE504", {"recon.reduced": Reduced(KEPT, SUM), "kl.reduced": Reduced(SUM, SUM)}, "over the batch is not known"),
    *(
        (code, {"recon.reduced": recon, "kl.reduced": kl, "kl.factor": Factor(0.0)}, "multiplied by 0")
        for code, recon, kl in (
            ("VAE502", Reduced(MEAN, MEAN), Reduced(MEAN, SUM)),
            ("VAE503", Reduced(MEAN, SUM), Reduced(MEAN, MEAN)),
            ("VAE504", Reduced(MEAN, SUM), Reduced(SUM, SUM)),
        )
    ),
]

# Balances that a weight or a count settles: (code, facts, why).
WEIGHTED: list[tuple[str, Values, str]] = [
    (
        "VAE303",
        {"kl.factor": Factor(0.5, explicit=True), "recon.kind": Likelihood.BCE_WITH_LOGITS},
        "a factor with a name",
    ),
    ("VAE303", {"kl.factor": Factor(1.9), "recon.kind": Likelihood.BCE_WITH_LOGITS}, "no lost half"),
    (
        "VAE303",
        {"kl.factor": Factor(0.00025), "recon.kind": Likelihood.BCE_WITH_LOGITS},
        "a weight that somebody wrote",
    ),
    ("VAE303", {"kl.factor": Factor(4.0), "recon.kind": Likelihood.BCE_WITH_LOGITS}, "a beta of the literature"),
    ("VAE304", {"kl.reduced": Reduced(SUM, MEAN, explicit=True)}, "divided by a count"),
    ("VAE501", {"recon.reduced": Reduced(SUM, MEAN, explicit=True)}, "divided by a count"),
    *(
        (code, {"recon.reduced": recon, "kl.reduced": kl, **more}, why)
        for code, (recon, kl) in UNBALANCED.items()
        for more, why in (
            ({"recon.reduced": replace(recon, explicit=True)}, "the reconstruction is scaled by a count"),
            ({"kl.reduced": replace(kl, explicit=True)}, "the KL is scaled by a count"),
            ({"kl.factor": Factor(0.01, explicit=True)}, "the weight has a name"),
        )
        if code != "VAE504" or why != "the weight has a name"
    ),
    (
        "VAE502",
        {"recon.reduced": Reduced(MEAN, SUM, explicit=True), "kl.reduced": Reduced(MEAN, SUM)},
        "a sum by a count",
    ),
    (
        "VAE504",
        {"recon.reduced": Reduced(SUM, MEAN, explicit=True, constant=True), "kl.reduced": Reduced(MEAN, SUM)},
        "a count beside wrong axes",
    ),
]
