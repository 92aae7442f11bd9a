"""supervise, svc, svok and svstat beside the originals."""
