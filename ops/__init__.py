"""Commands around a deployment."""
