"""The registry: specs, the hooks that register them, the plugin host, and `lookup`."""
