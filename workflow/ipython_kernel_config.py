"""Configure the notebooks' kernel; `make` copies this file to `etc/ipython` in the environment.

Without these settings, each kernel warns at its start that its connection is not encrypted, but a
local kernel needs no encryption. At the end, some kernels report an interruption by Jupyter.
"""

import logging

from ipykernel.ipkernel import IPythonKernel

c.IPKernelApp.log_level = "ERROR"  # noqa: F821
logging.getLogger("IPKernelApp").addFilter(
    lambda record: "KeyboardInterrupt" not in record.getMessage()
)
IPythonKernel.language_info["version"] = "3"  # or JupyterLab asks to save what it opens
