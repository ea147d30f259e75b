"""A batch trained as two halves side by side, one a core.

The products of one timestep, such as (128, 256) by (256, 256), are too small for TensorFlow to
spread well over cores, and each timestep waits for the one before. The two halves of a batch
don't wait for each other: TensorFlow runs them at once where it has two threads, one after the
other where it has one. The arithmetic is the same in both cases, and so are the bits.
"""

from mnist_rnn.backend import keras, tf


class HalvedSequential(keras.Sequential):
    """A Sequential model whose training step is Keras's, computed half a batch at a time."""

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step of the optimizer on x (n, ...) and y (n,); returns the metrics.

        The first half has an example more where n is odd. The loss and its gradient are the sums
        of the halves', each weighted by its share of the batch.
        """
        x, y = data
        n = tf.shape(x)[0]
        middle = (n + 1) // 2
        halves = [self._differentiate(x[:middle], y[:middle], n)]
        halves += [self._differentiate(x[middle:], y[middle:], n)]
        answers, losses, gradients = zip(*halves, strict=True)
        gradients = [tf.add_n(pair) for pair in zip(*gradients, strict=True)]
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self._loss_tracker.update_state(tf.add_n(losses), sample_weight=n)
        return self.compute_metrics(x, y, tf.concat(answers, axis=0))

    def _differentiate(
        self, x: tf.Tensor, y: tf.Tensor, n: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """The answers to a half, and its part of the loss of the batch of n and of its gradient."""
        with tf.GradientTape() as tape:
            answers = self(x, training=True)
            share = tf.cast(tf.shape(x)[0], "float32") / tf.cast(n, "float32")
            loss = self.compute_loss(x, y, answers) * share
        return answers, loss, tape.gradient(loss, self.trainable_variables)
