"""Import Keras and TensorFlow, set up to compute the same bits on every CPU.

XLA compiles the training step, with three flags:

- The first replaces functions of the system's mathematical library.
- The second keeps XLA from passing sums over images to the library YNNPACK, which adds the terms of
  large sums in another order. It must not cover products: their order would depend on the threads.
- The third keeps XLA's own code from fusing a multiplication and an addition into one operation.
  Which operations it would fuse depends on the CPU. On x86-64, XLA may use no instructions later
  than AVX, which has no fused ones. On ARM64, LLVM's fusing pass is left out.

Matrix products are computed by libraries, not by XLA's own code, with fused multiply-add on every
CPU. A GPU would add their terms in another order, and is not used. A user's settings that would
change results are overruled here: the backend and the float type in `keras.json`, and limits to the
number of epochs and steps. `probe_step` detects settings that are changed later, or too late for
TensorFlow.

TensorFlow 2.21 writes notices to the process's standard error before its log level takes effect.
In a notebook they would look like a wall of warnings, so they are discarded; exceptions are not.
"""

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from numpy._core._multiarray_umath import __cpu_features__

from mnist_rnn.errors import BackendError

ARM64 = platform.machine() in ("aarch64", "arm64")
XLA_FLAGS = (
    "--xla_cpu_enable_platform_dependent_math=false",
    "--xla_cpu_experimental_ynn_fusion_type=-reduce",
    "--xla_backend_extra_options=-aarch64-enable-mcr=false" if ARM64 else "--xla_cpu_max_isa=AVX",
)


def require_avx(features: Mapping[str, bool] = __cpu_features__) -> None:
    """Raise BackendError on x86-64 without AVX, where importing TensorFlow ends the process."""
    if platform.machine() == "x86_64" and not features["AVX"]:
        raise BackendError(
            "TensorFlow needs AVX, which this CPU does not have. The notebook "
            "05_by_hand computes the same bits without TensorFlow."
        )


@contextmanager
def native_stderr_discarded() -> Iterator[None]:
    """Discard the output of native code to file descriptor 2."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


os.environ["XLA_FLAGS"] = " ".join(XLA_FLAGS)  # other flags could change bits
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
require_avx()
with native_stderr_discarded():
    import keras
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")
if keras.config.backend() != "tensorflow":
    raise BackendError(
        f"Keras's backend: expected tensorflow, got {keras.config.backend()}, since Keras was "
        "imported before mnist_rnn. Import mnist_rnn first."
    )
keras.config.set_floatx("float32")
keras.config.set_max_epochs(None)
keras.config.set_max_steps_per_epoch(None)

__all__ = ["keras", "require_xla", "tf"]


def require_xla(model: keras.Model) -> None:
    """Raise BackendError if Keras has turned XLA off, of which it only warns."""
    if not model.jit_compile:
        raise BackendError(
            "jit_compile: expected True, got False. Keras turns XLA off when op determinism is on, "
            "or for a layer that XLA does not support. Without XLA, bits depend on the CPU."
        )
