"""Hostile input for the parts that read what strangers send: `make fuzz`."""
