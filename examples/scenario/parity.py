def run(n, **rest):
    return {"even": n % 2 == 0}
