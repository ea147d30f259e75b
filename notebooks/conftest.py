"""Compare the pictures in the outputs of notebooks."""

from nbval_pictures import pytest_runtest_call  # noqa: F401
