"""The mistakes that tests and benchmarks plant in the small VAEs: one kind a file.

`facts`          facts made by hand in which each mistake of the catalogue is made, and what a finding must say
`facts_without`  facts made by hand without one: what only looks like a mistake, decides nothing, or is settled
`pieces`         the bodies of pieces rewritten, as text and built: both observers see the same
`shapes`         edits of one text that change shapes, and edits that change none
`spelt`          twelve classical mistakes, each in five layouts, as text: bad and good
`stages`         stages of the reference rewritten, for the laws

The modules of the catalogue are planted too, one `bad` and one `good` for each code: `vae_checked.catalogue`.
"""
