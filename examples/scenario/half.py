def run(n, **rest):
    return {"n": n // 2}
