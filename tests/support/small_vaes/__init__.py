"""The small VAEs that tests and benchmarks share, one kind a file; what is planted in them lies in `planted`.

`any_size`    text: convolutions on pictures of any size, for shapes
`contracted`  built: a function and a module under contract
`digits`      built, and trained: VAEs on digits that collapse in several ways
`fragments`   text: a head, a model, a forward, a KL, of which tests of the linter put modules together
`layouts`     text: five ways to lay out a VAE, with slots for the parts that go wrong
`pieces`      text and built: a VAE in pieces and its designs, one of them around the networks of a real autoencoder
`spellings`   built: correct VAEs, each written in another way, with the loss and input of each
`tiny`        built: the smallest VAE on vectors, for tests that need some VAE
"""
