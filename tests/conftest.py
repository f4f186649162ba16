"""Every test starts without the program's own variables: settings come from the test, not from whoever runs it."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")  # the same examples for the same code; at a desk new ones each time

for name in [name for name in os.environ if name.startswith("FRESHLINE_")]:
    del os.environ[name]
