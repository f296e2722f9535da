"""Classes of other libraries by which code makes and trains a VAE: what their methods do, where code calls them.

torch_geometric's VGAE hands out a sample and keeps its heads for `kl_loss`; MONAI's AutoencoderKL hands out its mean
and its standard deviation, its VarAutoEncoder its mean and its log variance; a registry makes by a name what was put
into it; Pyro trains a model by what a guide draws for it; scvi-tools' Encoder hands out its mean, its variance and its
sample, or a distribution in the place of the first two, and its models are run part by part; fastai and skorch train a
model that they are handed. Each is written here as a class of a project would be, with what is known of it and no more.
What such a class computes stands where it is called.
"""

from __future__ import annotations

from functools import lru_cache

from vae_checked.linter.files import source as reading
from vae_checked.linter.interpreter import known_inference, known_trainers
from vae_checked.linter.symbols.values import Module

_GRAPHS = """
import torch
from torch import nn
from torch_geometric.utils import drawn


class InnerProductDecoder(nn.Module):
    def forward(self, z, edge_index, sigmoid=True):
        ends = z[edge_index[0]] * z[edge_index[1]]
        scores = ends.sum(1)
        return scores.sigmoid() if sigmoid else scores

    def forward_all(self, z, sigmoid=True):
        scores = z @ z.transpose(0, 1)
        return scores.sigmoid() if sigmoid else scores


class GAE(nn.Module):
    def __init__(self, encoder, decoder=None):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder if decoder is not None else InnerProductDecoder()

    def forward(self, *given, **named):
        return self.encoder(*given, **named)

    def encode(self, *given, **named):
        return self.encoder(*given, **named)

    def decode(self, *given, **named):
        return self.decoder(*given, **named)

    def recon_loss(self, z, pos_edge_index, neg_edge_index=None):
        others = drawn(pos_edge_index) if neg_edge_index is None else neg_edge_index
        of_links = torch.log(1e-15 + self.decoder(z, pos_edge_index, sigmoid=True))
        of_others = torch.log(1e-15 + (1 - self.decoder(z, others, sigmoid=True)))
        return -of_links.mean() - of_others.mean()


class VGAE(GAE):
    def reparametrize(self, mu, logstd):
        if not self.training:
            return mu
        eps = torch.randn_like(mu)
        return mu + eps * logstd.exp()

    def encode(self, *given, **named):
        mu, logstd = self.encoder(*given, **named)
        self.__mu__, self.__logstd__ = mu, torch.clamp(logstd, max=10)
        return self.reparametrize(self.__mu__, self.__logstd__)

    def kl_loss(self, mu=None, logstd=None):
        m = self.__mu__ if mu is None else mu
        s = self.__logstd__ if logstd is None else torch.clamp(logstd, max=10)
        rows = 0.5 * (m.square() + torch.exp(2 * s) - 1) - s
        return rows.sum(1).mean()
"""
_PICTURES = """
import torch
from torch import nn


class AutoencoderKL(nn.Module):
    def __init__(self, *given, **named):
        super().__init__()
        self.encoder, self.decoder = nn.Conv3d(1, 8, 3), nn.Conv3d(4, 1, 3)
        self.quant_conv_mu, self.quant_conv_log_sigma = nn.Conv3d(8, 4, 1), nn.Conv3d(8, 4, 1)

    def encode(self, x):
        features = self.encoder(x)
        mean, log_variance = self.quant_conv_mu(features), self.quant_conv_log_sigma(features)
        return mean, (0.5 * log_variance.clamp(-30.0, 20.0)).exp()

    def sampling(self, z_mu, z_sigma):
        return z_mu + z_sigma * torch.randn_like(z_mu)

    def decode(self, z):
        return self.decoder(z)

    def reconstruct(self, x):
        return self.decoder(self.encode(x)[0])

    def forward(self, x):
        mean, std = self.encode(x)
        return self.decoder(self.sampling(mean, std)), mean, std

    def encode_stage_2_inputs(self, x):
        return self.sampling(*self.encode(x))

    def decode_stage_2_outputs(self, z):
        return self.decoder(z)
"""
# What training makes of diffusers' AutoencoderKL: who only uses one reads what it hands out by its own names.
_LATENT_DISTRIBUTIONS = """
import torch
from torch import nn


class DiagonalGaussianDistribution:
    def __init__(self, parameters, deterministic=False):
        self.parameters = parameters
        self.mean, logvar = torch.chunk(parameters, 2, dim=1)
        self.logvar = torch.clamp(logvar, -30.0, 20.0)
        self.std, self.var = torch.exp(0.5 * self.logvar), torch.exp(self.logvar)

    def sample(self, generator=None):
        return self.mean + self.std * torch.randn_like(self.mean)

    def kl(self, other=None):
        if other is None:
            return 0.5 * torch.sum(self.mean.pow(2) + self.var - 1.0 - self.logvar, dim=[1, 2, 3])
        apart = (self.mean - other.mean).pow(2) / other.var + self.var / other.var
        return 0.5 * torch.sum(apart - 1.0 - self.logvar + other.logvar, dim=[1, 2, 3])

    def mode(self):
        return self.mean


class AutoencoderKLOutput:
    def __init__(self, latent_dist):
        self.latent_dist = latent_dist


class DecoderOutput:
    def __init__(self, sample):
        self.sample = sample


class AutoencoderKL(nn.Module):
    def __init__(self, in_channels=3, out_channels=3, *given, latent_channels=4, **named):
        super().__init__()
        self.encoder = nn.Conv2d(in_channels, 2 * latent_channels, 3)
        self.decoder = nn.Conv2d(latent_channels, out_channels, 3)
        # Who trains the encoder and the decoder alone may leave these as they were loaded.
        self.quant_conv, self.post_quant_conv = nn.Identity(), nn.Identity()

    def encode(self, x, return_dict=True):
        posterior = DiagonalGaussianDistribution(self.quant_conv(self.encoder(x)))
        return AutoencoderKLOutput(posterior) if return_dict else (posterior,)

    def decode(self, z, return_dict=True, generator=None):
        decoded = self.decoder(self.post_quant_conv(z))
        return DecoderOutput(decoded) if return_dict else (decoded,)

    def forward(self, sample, sample_posterior=False, return_dict=True, generator=None):
        posterior = self.encode(sample).latent_dist
        return self.decode(posterior.sample() if sample_posterior else posterior.mode(), return_dict=return_dict)
"""
_VARIATIONAL = """
import torch
import torch.nn as nn


class VarAutoEncoder(nn.Module):
    def __init__(self, spatial_dims, in_shape, out_channels, latent_size, channels, *args, use_sigmoid=True, **kwargs):
        super().__init__()
        self.use_sigmoid = use_sigmoid
        self.encoder = nn.Conv3d(1, 8, 3)
        self.to_latents = nn.Flatten()
        self.mu = nn.LazyLinear(latent_size)
        self.logvar = nn.LazyLinear(latent_size)
        self.decodeL = nn.LazyLinear(out_channels)
        self.decoder = nn.ConvTranspose3d(8, 1, 3)

    def encode_forward(self, x):
        h = self.to_latents(self.encoder(x))
        return self.mu(h), self.logvar(h)

    def decode_forward(self, z, use_sigmoid=True):
        x = self.decoder(torch.relu(self.decodeL(z)))
        return torch.sigmoid(x) if use_sigmoid else x

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def forward(self, x):
        mu, logvar = self.encode_forward(x)
        z = self.reparameterize(mu, logvar)
        return self.decode_forward(z, self.use_sigmoid), mu, logvar, z
"""
_CELLS = """
import torch
from torch import nn
from torch.distributions import Normal


class Encoder(nn.Module):
    def __init__(
        self, n_input, n_output, n_cat_list=None, n_layers=1, n_hidden=128, dropout_rate=0.1, distribution="normal",
        var_eps=1e-4, var_activation=None, return_dist=False, **named,
    ):
        super().__init__()
        self.encoder = nn.Linear(n_input, n_hidden)
        self.mean_encoder, self.var_encoder = nn.Linear(n_hidden, n_output), nn.Linear(n_hidden, n_output)
        self.distribution, self.var_eps, self.return_dist = distribution, var_eps, return_dist
        self.var_activation = torch.exp if var_activation is None else var_activation

    def forward(self, x, *cat_list):
        h = self.encoder(x)
        mean, variance = self.mean_encoder(h), self.var_activation(self.var_encoder(h)) + self.var_eps
        dist = Normal(mean, variance.sqrt())
        z = dist.rsample()
        z = torch.softmax(z, dim=-1) if self.distribution == "ln" else z
        return (dist, z) if self.return_dist else (mean, variance, z)


class BaseModuleClass(nn.Module):
    def forward(self, tensors, *given, compute_loss=True, **named):
        inferred = self.inference(**self._get_inference_input(tensors))
        generated = self.generative(**self._get_generative_input(tensors, inferred))
        if compute_loss:
            return inferred, generated, self.loss(tensors, inferred, generated)
        return inferred, generated
"""
_REGISTRIES = """
class Registry:
    def __init__(self, name, *args, **kwargs):
        self._kept = {}

    def register_module(self, name=None, force=False, module=None):
        return self.register(module, name)

    def register(self, obj=None, name=None):
        def keep(made):
            self._kept[made.__name__ if name is None else name] = made
            return made

        return keep if obj is None else keep(obj)

    def build(self, cfg, *args, **kwargs):
        return self._kept[cfg["type"]](*args, **kwargs)

    def get(self, key):
        return self._kept[key]
"""
_MAKING = frozenset(("AutoencoderKL", "from_pretrained", "from_config", "from_single_file"))
# How the model is called where it trains.
TRAINED = ("diffusers", "trained", "AutoencoderKL")
# By the package and a part of the path to the class: what is written of it.
_KNOWN = {
    ("torch_geometric", "nn", "GAE"): _GRAPHS,
    ("torch_geometric", "nn", "VGAE"): _GRAPHS,
    ("torch_geometric", "nn", "InnerProductDecoder"): _GRAPHS,
    ("monai", "nets", "AutoencoderKL"): _PICTURES,
    ("generative", "nets", "AutoencoderKL"): _PICTURES,
    TRAINED: _LATENT_DISTRIBUTIONS,
    ("monai", "nets", "VarAutoEncoder"): _VARIATIONAL,
    ("scvi", "nn", "Encoder"): _CELLS,
    ("scvi", "module", "BaseModuleClass"): _CELLS,
    ("mmengine", "", "Registry"): _REGISTRIES,
    ("mmcv", "", "Registry"): _REGISTRIES,
    ("fvcore", "registry", "Registry"): _REGISTRIES,
    ("fastai", "", "Learner"): known_trainers.LEARNER,
    ("skorch", "", "NeuralNet"): known_trainers.NET,
    **{("pyro", part, name): known_inference.TEXT for part, name in known_inference.NAMES},
}


@lru_cache(maxsize=2048)
def written(dotted: str) -> str:
    """What is known of a class or a function by its dotted name; empty of any other."""
    parts = dotted.split(".")
    return next((text for (top, part, name), text in _KNOWN.items() if _is(parts, top, part, name)), "")


def may_be_trained(dotted: str) -> bool:
    """Whether a name is that of a class whose objects may be trained, or of what loads one of them."""
    top, _, name = TRAINED
    return dotted.startswith(f"{top}.") and name in dotted.split(".")[-2:] and dotted.rpartition(".")[2] in _MAKING


def _is(parts: list[str], top: str, part: str, name: str) -> bool:
    return parts[0] == top and part in ("", *parts) and parts[-1] == name


def module(text: str) -> Module:
    """A file that nobody has, with what is written of some classes."""
    made = Module("<known>", reading.parse("<known>", text))
    made.given, made.known = False, True
    return made
