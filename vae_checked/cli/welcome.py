"""What `vae-checked` says by itself: what one would do next."""

from __future__ import annotations

_WELCOME = """\
vae-checked {version} finds the mistakes that VAE code makes in silence.

  vae-checked lint .                    read the source; nothing is executed
  vae-checked audit package.module:VAE --input "B 3 64 64"
                                        run the model, measure it, and judge it
  vae-checked explain "loss is nan"     from what you see to what it may be
  vae-checked explain VAE201            one mistake in full, and its remedy
  vae-checked shapes lock package.module:VAE --input "B 3 H W"
                                        keep the shapes of a model in a file
  vae-checked doctor                    what works here, and what is missing

vae-checked --help lists all commands, vae-checked COMMAND --help its options.
"""


def welcome() -> str:
    """The page of somebody who has just installed it."""
    from vae_checked import __version__

    return _WELCOME.format(version=__version__)
