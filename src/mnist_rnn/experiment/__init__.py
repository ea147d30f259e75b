"""Define the network and its training, which decide every bit of a run's weights.

In a training step, `fit.batches` yields a batch of images, and Keras's `Dropout` may set pixels to
zero. `layers` computes the hidden states and
the logits, and `optimization` computes the loss. Next, `layers` computes the gradients, and the
optimizer updates the weights. `02_train.ipynb` shows the functions in the order of a training step.
"""
