"""One VAE as text, read by the linter and measured by the auditor: facts and verdicts side by side.

`observing`   runs both observers on one program
`programs`    the programs: the catalogue, the spellings, the planted mistakes
`comparison`  fact by fact and verdict by verdict
`grammar`     small VAEs put together from pieces, with the facts that these make
"""
