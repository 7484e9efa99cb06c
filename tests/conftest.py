"""What the tests share. Its being here lets every test import the modules beside it."""

import os
import signal

from hypothesis import settings

# A shell that starts something in the background has it ignore SIGINT, and so its children: the
# tests of Ctrl-C would wait for what never comes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A compile a case makes any deadline noise; the long profile is `make test-long`.
settings.register_profile("short", deadline=None, max_examples=4, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("STEEPEST_PROFILE", "short"))
