def poll() -> int:
    return 0
