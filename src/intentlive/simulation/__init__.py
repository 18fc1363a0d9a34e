"""Made-up traffic that looks like the real thing: sessions drawn from measured figures."""
