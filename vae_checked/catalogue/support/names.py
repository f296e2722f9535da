"""What messages call the tensors of a VAE: the names that the source gives them, the field's where it gives none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from string import Formatter

from vae_checked.catalogue.support.readings import reading
from vae_checked.catalogue.support.reduced_as import ReducedAs, reduced_as
from vae_checked.catalogue.support.rewriting import Line, scaled
from vae_checked.facts import Facts, Family, Likelihood, Origin, Parametrisation, Reduction

# The field's names by their roles, the keys of `Facts.names`; what a formula is written of.
FIELD = {
    "x": "x", "x_hat": "x_hat", "mu": "mu", "second": "logvar", "std": "std", "eps": "eps", "z": "z", "kl": "kl",
    "recon": "recon",
}  # fmt: skip
HEAD = {
    Parametrisation.LOGVAR: "logvar",
    Parametrisation.LOG_STD: "log_std",
    Parametrisation.STD: "std",
    Parametrisation.VAR: "var",
}
"""What the head for std is called that is read so."""

_STD = {
    Parametrisation.LOGVAR: "torch.exp(0.5 * {s})",
    Parametrisation.LOG_STD: "torch.exp({s})",
    Parametrisation.STD: "{s}",
    Parametrisation.VAR: "torch.sqrt({s})",
}
# The factor and the terms of the KL to N(0, I), by how the head for std is read.
_KL = {
    Parametrisation.LOGVAR: ("-0.5", "1 + {s} - {m}.pow(2) - {s}.exp()"),
    Parametrisation.LOG_STD: ("-0.5", "1 + 2 * {s} - {m}.pow(2) - (2 * {s}).exp()"),
    Parametrisation.STD: ("0.5", "{m}.pow(2) + {s}.pow(2) - 1 - 2 * {s}.log()"),
    Parametrisation.VAR: ("0.5", "{m}.pow(2) + {s} - 1 - {s}.log()"),
}

_LOSSES = {
    Likelihood.MSE: "F.mse_loss",
    Likelihood.L1: "F.l1_loss",
    Likelihood.SMOOTH_L1: "F.smooth_l1_loss",
    Likelihood.BCE: "F.binary_cross_entropy",
    Likelihood.BCE_WITH_LOGITS: "F.binary_cross_entropy_with_logits",
    Likelihood.GAUSSIAN_NLL: "F.gaussian_nll_loss",
    Likelihood.CROSS_ENTROPY: "F.cross_entropy",
    Likelihood.POISSON: "F.poisson_nll_loss",
}


class Names:
    """The names of one VAE, for the format strings of the catalogue: `{called.mu}`, `{called.kl_formula}`."""

    def __init__(
        self,
        known: Mapping[str, str],
        read_as: Parametrisation | None = None,
        family: Family = Family.GAUSSIAN,
        *,
        reduced_at: Origin | None = None,
        deep: bool = False,
        line: Line | None = None,
    ) -> None:
        # With more axes than the batch and one: which of them are left behind the first may have one entry alone.
        self._deep = deep
        # Read where the formula is asked for: most messages name tensors alone.
        self._reduced_at = reduced_at
        self._line = line or Line()
        self._known = known
        self._read_as = read_as
        self._family = family

    def __getattr__(self, role: str) -> str:
        known = self._known.get(role)
        if known is None and role == "second" and self._read_as is not None:
            return HEAD[self._read_as]
        with suppress(KeyError):
            return known or FIELD[role]
        raise AttributeError(role)

    @property
    def head(self) -> str:
        """The head for std, `s` where it has no name: what a curve is over."""
        return self._known.get("second", "s")

    @property
    def kl_formula(self) -> str:
        """The KL to N(0, I) as it is written for the heads, the second one read as the other remedies do.

        That of a categorical posterior is written of its probabilities q, to the uniform prior of K classes; that of
        one with a full covariance of the distributions q and p themselves.
        """
        return self._formula(1.0)

    @property
    def kl_anew(self) -> str:
        """The line of the KL with its formula written anew, as many times the KL as before but for what was too much.

        The formula alone, for the place of the old one, where the line has more than that.
        """
        return self._line.rewritten(self.kl, self._formula)

    def sum_with(self, weight: str) -> str:
        """The loss, of the error and the KL with its weight; the KL is taken off where its name has minus the KL."""
        return f"loss = ({self.recon} {'-' if self._line.negative else '+'} {weight} * {self.kl}).mean()"

    def _formula(self, scale: float) -> str:
        if self._family is Family.CATEGORICAL:
            return "torch.sum(q * (torch.log(q) - math.log(1 / K)), dim=-1)"
        if self._family is Family.FULL:
            return "torch.distributions.kl_divergence(q, p)"
        # A head that has no name may have made a std that has one.
        std = self._known.get("kl_std") or (None if "second" in self._known else self._known.get("std"))
        read_as = Parametrisation.STD if std is not None else self._read_as or Parametrisation.LOGVAR
        factor, terms = (part.format(m=self.mu, s=self.second if std is None else std) for part in _KL[read_as])
        terms = f"({terms}).flatten(1)" if self._deep else terms
        reduced = ReducedAs.ROWS if self._reduced_at is None else reduced_as(self._reduced_at)
        return scaled(reduced, float(factor) * scale, terms)


def names_of(facts: Facts) -> Names:
    """The names of what these facts are of."""
    form, reduced = facts.kl.form, facts.kl.reduced
    deep = reduced is not None and reduced.value.event is Reduction.MIXED
    place = None if form is None else form.origin.place
    deep = deep or (place is not None and ".flatten(1)" in place.text)
    return Names(
        facts.names,
        reading(facts),
        Family.GAUSSIAN if form is None else form.value.family,
        reduced_at=None if deep or form is None else form.origin,
        deep=deep,
        line=None if form is None else Line.of(form, facts.kl.factor),
    )


def std_formula(read_as: Parametrisation, facts: Facts, head: str | None = None) -> str:
    """Sigma as it is written for the head for std, read as this; by the name `head` where it has another one there."""
    return _STD[read_as].format(s=head or names_of(facts).second)


def loss_function(facts: Facts) -> str | None:
    """The function of torch that is the reconstruction's error, None where there is none; squared if it is unknown."""
    kind = facts.recon.kind
    return _LOSSES.get(Likelihood.MSE if kind is None else kind.value)


def made_by(facts: Facts) -> str:
    """` by tanh`: the activation that makes the range of the output; empty where there is none, or several."""
    chain = facts.output.activations
    return f" by {chain.value[0]}" if chain is not None and len(chain.value) == 1 else ""


def in_general(words: str) -> str | None:
    """A format string of the catalogue in the field's names; None where only a finding has its values."""
    field = Names({})
    parts = []
    for literal, name, _, _ in Formatter().parse(words):
        parts.append(literal)
        if name is not None and name.startswith("called."):
            parts.append(str(getattr(field, name.removeprefix("called."))))
        elif name and name not in ("at_related", "made"):
            return None
    return "".join(parts)
