"""What the tests share. Its being here lets every test import the modules beside it."""

import os

from hypothesis import settings

# A compile a case makes any deadline noise; the long profile is `make test-long`.
settings.register_profile("short", deadline=None, max_examples=4, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("STEEPEST_PROFILE", "short"))
