"""From commit to push: how long it takes until an agent is told of a change, by stream and by webhook."""
