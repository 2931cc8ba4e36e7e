"""ops doctor: why a deployment stopped half way, or a node never joined. Reads only."""
