"""Import Keras and TensorFlow with settings that give the specified bits.

XLA compiles the training step with three flags:

- The first flag replaces functions of the system's mathematical library with XLA's own functions.
- The second flag keeps sums over images out of the library YNNPACK, which adds the terms of large
  sums in another order. If the second flag also applied to matrix products, the order of their
  terms would depend on the number of threads.
- The third flag keeps XLA's own code from fusing a multiplication and an addition. Without the
  third flag, the CPU would decide which operations are fused. On x86-64, the third flag limits
  XLA's own code to AVX, which has no fused instructions. On ARM64, the third flag turns off LLVM's
  fusing pass.

Libraries compute the matrix products by fused multiply-add. GPUs are not used, because a GPU would
add the terms of a product in another order. This module overrides user settings that would change
results: Keras's backend, its float type, and its limits on epochs and steps. The function
`probe_step` detects settings that were changed later. `probe_step` also detects whether TensorFlow
was used before this import.

TensorFlow 2.21 writes notices to standard error before its log level takes effect. These
notices would look like warnings in a notebook, so this module discards the output of native code
during the import. Exceptions during the import are still shown.
"""

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from numpy._core._multiarray_umath import __cpu_features__

from mnist_rnn.system.errors import BackendError

ARM64 = platform.machine() in ("aarch64", "arm64")
XLA_FLAGS = (
    "--xla_cpu_enable_platform_dependent_math=false",
    "--xla_cpu_experimental_ynn_fusion_type=-reduce",
    "--xla_backend_extra_options=-aarch64-enable-mcr=false" if ARM64 else "--xla_cpu_max_isa=AVX",
)


def require_avx(features: Mapping[str, bool] = __cpu_features__) -> None:
    """Raise BackendError on x86-64 CPUs without AVX, where importing TensorFlow kills Python."""
    if platform.machine() == "x86_64" and not features["AVX"]:
        raise BackendError(
            "TensorFlow needs AVX, which this CPU does not have. The notebook "
            "05_by_hand computes the same bits without TensorFlow."
        )


@contextmanager
def native_stderr_discarded() -> Iterator[None]:
    """Discard what native code writes to standard error, which is file descriptor 2."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


threads = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
if threads.isdecimal() and int(threads) > 1000:  # TensorFlow would hang
    raise BackendError(f"TF_NUM_INTRAOP_THREADS: expected at most 1000 threads, got {threads}.")
os.environ["XLA_FLAGS"] = " ".join(XLA_FLAGS)  # other XLA flags could change the weights' bits
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


def require_xla(model: keras.Model) -> None:
    """Raise BackendError if Keras has turned XLA off.

    Keras itself only prints a warning.
    """
    if not model.jit_compile:
        raise BackendError(
            "jit_compile: expected True, got False. Keras turns XLA off if op determinism is on, "
            "or if XLA does not support a layer. Without XLA, the weights depend on the CPU."
        )
