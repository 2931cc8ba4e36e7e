"""What the commands share: AWS, Kubernetes, a stack's outputs and settings, HTTP, threads, and their errors."""
