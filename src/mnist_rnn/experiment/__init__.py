"""Define the network and its training: the code that decides a run's bits.

A step: `fit.batches` gives a batch; `layers` computes the hidden states, row by row, and the
logits; `optimization` the loss. Then the gradients pass back through `layers`, and the optimizer
updates the weights. `02_train.ipynb` shows these functions in this order.

`records.digest` computes the digest of this code.
"""
