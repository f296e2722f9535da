"""`python -m vae_checked` is the command `vae-checked`."""

from __future__ import annotations

import os
import sys

# `-m` puts the current folder first: a file there that is called ast.py would be executed instead of read. A model that
# is to be run is imported from there all the same.
if sys.path[:1] == [os.getcwd()] and not __file__.startswith(os.path.join(os.getcwd(), "vae_checked")):  # noqa: PTH109, PTH118  pathlib may be such a file
    del sys.path[0]

from vae_checked.cli import main

sys.exit(main())
