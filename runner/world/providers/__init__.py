"""Model providers: who answers a model call."""
