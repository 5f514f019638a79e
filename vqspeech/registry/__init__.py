"""What can be looked up by name: specs, the hooks that register them, the plugin host, and `lookup`."""
