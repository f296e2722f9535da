"""torch.distributions as expressions: a Normal is its location and scale, a divergence is its closed form."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping

from vae_checked.facts import Likelihood, NoiseLaw, Reduction
from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.expression import NOISE, Expr, Site, const, opaque, strip
from vae_checked.linter.symbols.values import Distribution, Value, as_expr, number_of
from vae_checked.linter.torch_model import diagonals, noise
from vae_checked.linter.torch_model.evaluator import Evaluator
from vae_checked.linter.torch_model.sizes import shape_of, shaped_like
from vae_checked.record import replace

FAMILIES = frozenset(
    "Normal MultivariateNormal LowRankMultivariateNormal Independent Bernoulli ContinuousBernoulli Laplace Categorical "
    "OneHotCategorical RelaxedOneHotCategorical Uniform LogNormal Poisson NegativeBinomial Beta Gamma Dirichlet "
    "TransformedDistribution StudentT Cauchy Multinomial Binomial MixtureSameFamily ZeroInflatedNegativeBinomial "
    "NegativeBinomialMixture Gumbel Weibull HalfNormal HalfCauchy VonMises Kumaraswamy Exponential Geometric".split()
)
PROPERTIES = frozenset(
    "mean loc scale stddev variance mode base_dist covariance_matrix scale_tril logits probs".split()
)

# Those through whose draws a gradient passes to what they are made of, and that are no function of a normal one.
_REPARAMETRISED = frozenset(
    "Laplace Dirichlet Beta Gamma StudentT Cauchy Gumbel Weibull HalfNormal HalfCauchy Kumaraswamy Exponential "
    "MultivariateNormal LowRankMultivariateNormal RelaxedOneHotCategorical RelaxedBernoulli".split()
)

# The one argument of a method, by the name under which it is given where it is not given by its place.
_NAMED = {
    "sample": "sample_shape",
    "rsample": "sample_shape",
    "sample_n": "n",
    "log_prob": "value",
    "to_event": "reinterpreted_batch_ndims",
}

# More axes than tensors have.
_MAX_EVENT = 8


def construct(evaluator: Evaluator, name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    """A distribution, or the divergence of two; None when the call makes neither."""
    if name == "kl_divergence" and len(args) == 2:
        return divergence(args[0], args[1], site)
    if name not in FAMILIES:
        return None
    if name == "Independent":
        base = args[0] if args else kwargs.get("base_distribution")
        if isinstance(base, Distribution):
            count = _axes_of_event(args[1] if len(args) > 1 else kwargs.get("reinterpreted_batch_ndims"))
            return replace(base, site=site, event_dims=base.event_dims + count)
        return None
    if name in ("Normal", "Laplace", "LogNormal"):
        location = args[0] if args else kwargs.get("loc")
        scale = args[1] if len(args) > 1 else kwargs.get("scale")
        return Distribution(name, {"loc": location, "scale": scale}, site)
    if name == "MultivariateNormal":
        return _multivariate(args, kwargs, site)
    return Distribution(name, {**{str(index): value for index, value in enumerate(args)}, **kwargs}, site)


def _multivariate(args: list[Value], kwargs: dict[str, Value], site: Site) -> Distribution:
    location = args[0] if args else kwargs.get("loc")
    given = dict(zip(("covariance_matrix", "precision_matrix", "scale_tril"), args[1:], strict=False)) | kwargs
    for name, op in (("covariance_matrix", "sqrt"), ("precision_matrix", "rsqrt"), ("scale_tril", "")):
        matrix = given.get(name)
        entries = diagonals.diagonal(matrix) if isinstance(matrix, Expr) else None
        if entries is not None:
            scale = entries if not op or number_of(entries) == 1.0 else Expr(op, (entries,), (), site)
            return Distribution("Normal", {"loc": location, "scale": scale}, site, 1)
    return Distribution("MultivariateNormal", {"loc": location}, site, 1)


def parameters(value: Distribution, site: Site) -> tuple[Expr, Expr] | None:
    """Location and scale of a normal distribution, None for any other."""
    if value.family != "Normal" or value.parameters.get("scale") is None:
        return None
    return as_expr(value.parameters["loc"], site), as_expr(value.parameters["scale"], site)


def divergence(left: Value, right: Value, site: Site) -> Expr:
    """KL(left || right); the closed form per element for two normals."""
    if isinstance(left, Distribution) and isinstance(right, Distribution):
        if left.family == right.family == "LogNormal":
            # Both are one function of a normal one, which leaves their divergence as it is.
            left, right = _underlying(left), _underlying(right)
        one, other = parameters(left, site), parameters(right, site)
        if one is not None and other is not None:
            term = _normal_divergence(*one, *other, site)
            return _over_event(term, max(left.event_dims, right.event_dims), site)
    return opaque("kl_divergence", (as_expr(left, site), as_expr(right, site)), site)


def _underlying(value: Distribution) -> Distribution:
    """The normal distribution of which a log-normal one is the exponential."""
    return replace(value, family="Normal")


def _normal_divergence(mean_q: Expr, std_q: Expr, mean_p: Expr, std_p: Expr, site: Site) -> Expr:
    """0.5 * (r + ((mean_q - mean_p) / std_p)^2 - 1) - 0.5 * log(r) for r = (std_q / std_p)^2, in torch's own steps."""
    apart = mean_q if _is_number(mean_p, 0.0) else Expr("sub", (mean_q, mean_p), (), site)
    # Beside N(0, 1) nothing is subtracted or divided: the heads stand in the formula as they are.
    wider, distance = (
        (std_q, apart)
        if _is_number(std_p, 1.0)
        else (Expr("div", (std_q, std_p), (), site), Expr("div", (apart, std_p), (), site))
    )
    ratio = Expr("square", (wider,), (), site)
    squares = Expr("add", (ratio, Expr("square", (distance,), (), site)), (), site)
    half = Expr("mul", (const(0.5), Expr("sub", (squares, const(1.0)), (), site)), (), site)
    logs = Expr("mul", (const(0.5), Expr("log", (ratio,), (), site)), (), site)
    return Expr("sub", (half, logs), (("known", "kl_divergence"),), site)


def _is_number(expr: Expr, value: float) -> bool:
    bare = strip(expr)
    return bare.op == "const" and bare.value == value


def attribute(evaluator: Evaluator, owner: Distribution, name: str, site: Site) -> Value:
    """A property of a distribution."""
    normal = parameters(owner, site)
    if normal is not None:
        location, scale = normal
        match name:
            case "mean" | "loc" | "mode":
                return location
            case "scale" | "stddev":
                return scale
            case "variance":
                return Expr("square", (scale,), (), site)
            case "base_dist":
                return replace(owner, event_dims=0)
    if name in owner.parameters:
        return owner.parameters[name]
    return opaque(f"distribution:{name}", (as_expr(owner, site),), site)


def call_method(
    evaluator: Evaluator, owner: Distribution, name: str, args: list[Value], kwargs: Mapping[str, Value], site: Site
) -> Value:
    """sample, rsample, log_prob, entropy and the like."""
    if not args and (named := _NAMED.get(name, "")) in kwargs:
        args = [kwargs[named]]
    normal = parameters(owner, site)
    if name in ("to_event", "independent"):
        # The second is Pyro's older name for it.
        count = _axes_of_event(args[0] if args else None)
        return replace(owner, event_dims=owner.event_dims + count)
    if name in ("expand", "expand_by"):
        return replace(owner, is_expanded=True)
    if name == "mask":
        # Pyro's mask leaves out what a sum would hold of entries that there are not.
        return owner
    if normal is None:
        return _call_on_other(evaluator, owner, name, args, site)
    location, scale = normal
    if name in ("rsample", "sample", "sample_n"):
        return _drawn(evaluator, owner, (location, scale), name, args, site)
    if name == "log_prob" and args:
        return _over_event(_log_prob(location, scale, as_expr(args[0], site), site), owner.event_dims, site)
    if name == "entropy":
        logs = Expr("log", (scale,), (), site)
        entropy = Expr("add", (const(0.5 + 0.5 * math.log(2 * math.pi)), logs), (), site)
        return _over_event(entropy, owner.event_dims, site)
    return opaque(f"Normal.{name}", (location, scale, *(as_expr(item, site) for item in args)), site)


def _drawn_shape(location: Expr, scale: Expr, args: list[Value], site: Site) -> tuple[object, ...] | None:
    """The sizes of a sample: those that are asked for, before those of the parameters; none of two numbers."""
    own, like = noise.sizes_of(location, scale)
    if not args or like is not None or own is None:
        return None if args else own
    # A distribution is asked for a shape, never for a single length.
    several = isinstance(args[0], Expr) and args[0].op != "shape"
    asked = None if several else shape_of(args, site)
    return None if asked is None else (*asked, *own)


def _scale_site(owner: Distribution) -> Site | None:
    """Where the scale of a normal distribution is written, in the call that makes it."""
    call = None if owner.site is None else owner.site.node
    if owner.site is None or not isinstance(call, ast.Call) or ast.unparse(call.func).rpartition(".")[2] != "Normal":
        return None
    given = syntax.given(call, 1, "scale")
    if len(given) != 1 or any(isinstance(each, ast.Starred) for each in call.args):
        return None
    return Site(owner.site.source, given[0])


def _drawn(
    evaluator: Evaluator, owner: Distribution, normal: tuple[Expr, Expr], name: str, args: list[Value], site: Site
) -> Expr:
    """A sample of N(location, scale^2): noise where both are numbers; gradient passes by `rsample` alone."""
    location, scale = normal
    scale_site, mean, std = _scale_site(owner), number_of(location), number_of(scale)
    if mean is not None and std is not None:
        law = NoiseLaw.STANDARD_NORMAL if mean == 0.0 and std == 1.0 else NoiseLaw.NORMAL
        shape = None if owner.is_expanded else _drawn_shape(location, scale, args, site)
        like = shaped_like(args) if args else noise.sizes_of(location, scale)[1]
        return noise.draw(evaluator, law, mean, std, shape, site, like)
    eps = noise.draw(evaluator, NoiseLaw.STANDARD_NORMAL, 0.0, 1.0, None, site, scale)
    spread = (
        Expr("mul", (scale, eps), (), site)
        if scale_site is None
        else Expr("mul", (scale, eps), (("known", "scale"),), scale_site)
    )
    # A shape that is asked for stands in front of that of the parameters.
    several = (("drawn", "several"),) if args and args[0] not in ((), []) else ()
    z = Expr("add", (location, spread), (("known", name), *several), site)
    return z if name == "rsample" else Expr("detach", (z,), (("known", "sample"),), site)


def _call_on_other(evaluator: Evaluator, owner: Distribution, name: str, args: list[Value], site: Site) -> Value:
    """A method of a distribution that is no normal one."""
    if owner.family == "LogNormal" and name in ("sample", "rsample", "sample_n"):
        drawn = call_method(evaluator, _underlying(owner), name, args, {}, site)
        return Expr("exp", (as_expr(drawn, site),), (), site)
    if owner.family == "LogNormal" and name == "log_prob" and args and (x := as_expr(args[0], site)).bits & NOISE:
        logs = Expr("log", (x,), (), site)
        density = call_method(evaluator, _underlying(owner), name, [logs], {}, site)
        return Expr("sub", (as_expr(density, site), _over_event(logs, owner.event_dims, site)), (), site)
    if name in ("sample", "rsample"):
        low = number_of(owner.parameters.get("0", owner.parameters.get("low")))
        high = number_of(owner.parameters.get("1", owner.parameters.get("high")))
        if owner.family == "Uniform" and low is not None and high is not None:
            return noise.uniform(evaluator, low, high, shape_of(args, site), site, None)
        eps = noise.draw(evaluator, NoiseLaw.OTHER, 0.0, 1.0, None, site, None)
        is_followed = name == "rsample" and owner.family in _REPARAMETRISED
        made_of = tuple(as_expr(each, site) for each in owner.parameters.values()) if is_followed else ()
        return opaque(f"draw:{owner.family}:{name}", (eps, *made_of), site)
    if name == "log_prob" and owner.family in ("Bernoulli", "ContinuousBernoulli") and args:
        return _bernoulli_log_prob(owner, as_expr(args[0], site), site)
    if name == "log_prob" and args and not (x := as_expr(args[0], site)).bits & NOISE:
        # What is drawn has a density in a KL by samples; data have one in a likelihood.
        return _data_log_prob(owner, x, site)
    return opaque(f"{owner.family}.{name}", (as_expr(owner, site), *(as_expr(item, site) for item in args)), site)


def _axes_of_event(value: Value) -> int:
    """How many axes are declared to make up one event: 1 where that is not known."""
    number = number_of(value)
    return int(number) if number is not None and 0 <= number <= _MAX_EVENT else 1


def _over_event(term: Expr, dims: int, site: Site) -> Expr:
    """What is summed over the last `dims` axes, which make up one event."""
    return Expr("sum", (term,), (("axes", tuple(range(-dims, 0))), ("keepdim", False)), site) if dims > 0 else term


def _bernoulli_log_prob(owner: Distribution, x: Expr, site: Site) -> Expr:
    """Minus torch's binary cross entropy, per element or summed over the event's axes."""
    logits = owner.parameters.get("logits", owner.parameters.get("1"))
    probs = owner.parameters.get("probs", owner.parameters.get("0"))
    kind = Likelihood.BCE if logits is None else Likelihood.BCE_WITH_LOGITS
    attrs = (("kind", kind), ("ignored", ()), ("reduction", Reduction.KEPT))
    loss = Expr("loss", (as_expr(probs if logits is None else logits, site), x), attrs, site)
    return Expr("neg", (_over_event(loss, owner.event_dims, site),), (), site)


def _data_log_prob(owner: Distribution, x: Expr, site: Site) -> Expr:
    """Of a Laplace distribution its log density, of any other minus a loss of what it is made of."""
    if owner.family == "Laplace" and owner.parameters.get("scale") is not None:
        location, scale = (as_expr(owner.parameters[name], site) for name in ("loc", "scale"))
        distance = Expr("div", (Expr("abs", (Expr("sub", (x, location), (), site),), (), site), scale), (), site)
        logs = Expr("log", (Expr("mul", (const(2.0), scale), (), site),), (), site)
        density = Expr("neg", (Expr("add", (distance, logs), (), site),), (), site)
        return _over_event(density, owner.event_dims, site)
    kind = Likelihood.POISSON if owner.family == "Poisson" else Likelihood.DENSITY
    attrs = (("kind", kind), ("ignored", ()), ("reduction", Reduction.KEPT))
    return Expr("neg", (Expr("loss", (as_expr(owner, site), x), attrs, site),), (), site)


def _log_prob(location: Expr, scale: Expr, x: Expr, site: Site) -> Expr:
    """-0.5 * ((x - loc) / scale)^2 - log(scale) - 0.5 * log(2 pi)."""
    distance = Expr("div", (Expr("sub", (x, location), (), site), scale), (), site)
    squared = Expr("mul", (const(-0.5), Expr("square", (distance,), (), site)), (), site)
    logs = Expr("add", (Expr("log", (scale,), (), site), const(0.5 * math.log(2 * math.pi))), (), site)
    return Expr("sub", (squared, logs), (("known", "log_prob"),), site)


def unknown_method(owner: Expr, name: str, site: Site) -> Expr | None:
    """`.rsample()` and `.sample()` of something unknown: a draw whose parameters are not seen."""
    if name in ("rsample", "sample") and owner.op != "const":
        return Expr("draw", (owner,), (("how", name),), site)
    return None
