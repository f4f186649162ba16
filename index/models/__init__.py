"""Where models come from: a hub, or packaged weights converted on this machine; and how they are checked."""
