"""What Kubernetes runs."""
