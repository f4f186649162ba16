"""Every test starts without the program's own variables: settings come from the test, not from whoever runs it."""

import os

for name in [name for name in os.environ if name.startswith("FRESHLINE_")]:
    del os.environ[name]
