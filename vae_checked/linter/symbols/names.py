"""What a name says: the last resort, which only breaks ties."""

from __future__ import annotations

_MU = frozenset("mu mean zmean zmu muz meanz loc means m qmu muq latentmean mus qmean zloc".split())
_MU_WORDS = frozenset(("mu", "mean", "mus", "means"))
_SECOND = ("var", "sigma", "std", "sd", "scale", "stddev", "lsgms", "logs")
_OUTPUT = frozenset(
    "recon xhat xrecon reconx output out outputs decoded reconstruction xrec yhat pred recons reconbatch "
    "xreconstructed reconstructed xtilde xprime rec xdecoded reconstructedx reconimages reconstructions "
    "prediction generated xp xr "
    "recx decoding imgrecon reconimg xout outputimg genimg logits xlogits reconlogits".split()
)
_INPUT = frozenset(
    "x input inputs data target targets img image images original batch y originalx xtrue truth xin origin orig imgs "
    "label batchx real realx gt".split()
)


def normal(name: str) -> str:
    """A name without case, underscores and digits at its end."""
    return name.lower().replace("_", "").rstrip("0123456789")


def role_of_name(name: str) -> str | None:
    """What a parameter's name says that it is: mu, second, output, input, z; None when it says nothing."""
    bare = normal(name)
    if bare in _MU or not _MU_WORDS.isdisjoint(normal(word) for word in name.split("_")):
        return "mu"
    if bare in _OUTPUT or bare.startswith("recon"):
        return "output"
    if bare in _INPUT:
        return "input"
    if any(word in bare for word in _SECOND):
        return "second"
    if bare in ("z", "latent", "zsample"):
        return "z"
    return None
