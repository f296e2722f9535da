"""Pyro's variational inference, as a class of a project would write it: what a step of SVI lowers.

A guide draws under the names by which a model scores what was drawn; what the model observes is its likelihood. The
bound is summed over everything. Where both are normal, the divergence of the guide from the prior stands for the
difference of their densities at the draw, whose mean it is. By what a block is scaled, somebody chose. A guide that is
not read, as one that Pyro makes by itself, leaves the bound unknown. Its first versions had functions for
distributions, whose parameters `sample` was given.
"""

TEXT = """
import torch
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence
from pyro.poutine import asked


class _Run:
    def __init__(self):
        self.is_on, self.drawn, self.terms, self.weights = False, {}, [], []


_run = _Run()


class scale:
    def __init__(self, fn=None, scale=None):
        self.weight = asked(scale)

    def __enter__(self):
        _run.weights = [*_run.weights, self.weight]

    def __exit__(self, *given):
        _run.weights = _run.weights[:-1]


def normal(mu, sigma, *given, **named):
    return Normal(mu, sigma)


def bernoulli(ps, *given, **named):
    return Bernoulli(ps)


def sample(name, fn, *given, obs=None, **named):
    if given:
        fn = fn(*given)
    if obs is not None:
        if _run.is_on:
            _run.terms.append(-_weighted(fn.log_prob(obs), _run.weights).sum())
        return obs
    if not _run.is_on:
        return fn.rsample()
    if name in _run.drawn:
        value, posterior, weights = _run.drawn[name]
        if len(weights) == len(_run.weights):
            term = _weighted(kl_divergence(posterior, fn), weights)
        else:
            term = _weighted(posterior.log_prob(value), weights) - _weighted(fn.log_prob(value), _run.weights)
        _run.terms.append(term.sum())
        return value
    value = fn.rsample()
    _run.drawn[name] = (value, fn, _run.weights)
    return value


def _weighted(term, weights):
    for weight in weights:
        term = weight * term
    return term


def module(name, nn_module, update_module_params=False):
    return nn_module


def config_enumerate(guide=None, *given, **named):
    return guide


def _bound(model, guide, given, named):
    _run.is_on, _run.drawn, _run.weights = True, {}, []
    guide(*given, **named)
    _run.terms = []
    if _run.drawn:
        model(*given, **named)
    _run.is_on = False
    return sum(_run.terms)


class _Traced:
    def __init__(self, bound):
        self.bound = bound


class _Bound(nn.Module):
    def __init__(self, model, guide):
        super().__init__()
        self.model, self.guide = model, guide

    def forward(self, *given, **named):
        return _bound(self.model, self.guide, given, named)


class Trace_ELBO:
    def __init__(self, *given, **named):
        pass

    def __call__(self, model, guide):
        return _Bound(model, guide)

    def _differentiable_loss_particle(self, model_trace, guide_trace):
        return model_trace.bound, model_trace.bound

    def differentiable_loss(self, model, guide, *given, **named):
        traced = _Traced(_bound(model, guide, given, named))
        return self._differentiable_loss_particle(traced, traced)[1]

    def loss_and_grads(self, model, guide, *given, **named):
        total = self.differentiable_loss(model, guide, *given, **named)
        total.backward()
        return total.item()

    def loss(self, model, guide, *given, **named):
        with torch.no_grad():
            return self.differentiable_loss(model, guide, *given, **named).item()


TraceMeanField_ELBO = TraceGraph_ELBO = TraceEnum_ELBO = JitTrace_ELBO = JitTraceMeanField_ELBO = Trace_ELBO


class SVI:
    def __init__(self, model, guide, optim, loss, *given, **named):
        self.model, self.guide, self.elbo = model, guide, Trace_ELBO() if isinstance(loss, str) else loss

    def step(self, *given, **named):
        return self.elbo.loss_and_grads(self.model, self.guide, *given, **named)

    def evaluate_loss(self, *given, **named):
        return self.elbo.loss(self.model, self.guide, *given, **named)
"""
# By a part of the path to each: what is written above.
NAMES = (
    ("infer", "SVI"), ("infer", "Trace_ELBO"), ("infer", "TraceMeanField_ELBO"), ("infer", "TraceGraph_ELBO"),
    ("infer", "TraceEnum_ELBO"), ("infer", "JitTrace_ELBO"), ("infer", "JitTraceMeanField_ELBO"),
    ("infer", "config_enumerate"), ("pyro", "sample"), ("pyro", "module"), ("poutine", "scale"),
    ("distributions", "normal"), ("distributions", "bernoulli"),
)  # fmt: skip
