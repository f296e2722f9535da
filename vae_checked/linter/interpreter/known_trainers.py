"""Trainers of libraries that are given a model and its loss, as a class of a project would write them.

fastai's Learner hands its loss what the model makes of a batch's first part, with the second; skorch's NeuralNet makes
the model by its class, and hands the loss to a method that code may write itself.
"""

LEARNER = """
import torch


class Learner:
    def __init__(self, dls, model, loss_func=None, *given, **named):
        self.dls, self.model, self.loss_func = dls, model, loss_func

    def fit(self, *given, **named):
        optimizer = torch.optim.Adam(self.model.parameters())
        for x, y in self.dls:
            predicted = self.model(x)
            loss = self.loss_func(predicted, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def fit_one_cycle(self, *given, **named):
        self.fit()

    def fit_flat_cos(self, *given, **named):
        self.fit()

    def fit_sgdr(self, *given, **named):
        self.fit()

    def fine_tune(self, *given, **named):
        self.fit()
"""
NET = """
import torch
from torch import nn
from skorch.utils import params_for


class NeuralNet:
    def __init__(self, module, criterion=None, *given, **named):
        self.kinds, self.named = (module, criterion), named

    def _made(self, kind, prefix):
        if isinstance(kind, nn.Module):
            return kind
        return kind(**params_for(prefix, self.named))

    def initialize(self):
        self.module_ = self._made(self.kinds[0], "module")
        self.criterion_ = self._made(self.kinds[1], "criterion")
        return self

    def infer(self, x, **named):
        return self.module_(x)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        return self.criterion_(y_pred, y_true)

    def fit(self, X, y=None, **named):
        self.initialize()
        optimizer = torch.optim.SGD(self.module_.parameters())
        for part, answer in zip(X, X if y is None else y):
            loss = self.get_loss(self.infer(part), answer, X=part, training=True)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return self
"""
