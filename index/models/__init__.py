"""Where models come from: a hub, or a package of weights converted on this machine, and how they are checked."""
