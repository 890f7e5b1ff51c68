"""Processes and pools that tasks start themselves: what may be started where is as the manual of pypushflow has it."""

import pytest

FUNCTIONS = '''
def double(x):
    return 2 * x


def simple():
    return double(2)


def cfpool():
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1) as pool:
        return pool.submit(double, 2).result()


def pool_of(library):
    with library.Pool(1) as pool:
        return pool.apply(double, (2,))


def process_of(library):
    process = library.Process(target=double, args=(2,))
    process.start()
    process.join()
    assert process.exitcode == 0
    return 4


def mppool():
    import multiprocessing

    return pool_of(multiprocessing)


def mpprocess():
    import multiprocessing

    return process_of(multiprocessing)


def bpool():
    import billiard

    return pool_of(billiard)


def bprocess():
    import billiard

    return process_of(billiard)
'''
REFUSED = "daemonic processes are not allowed to have children"
DAEMONIC = ("multiprocessing", "billiard")
POOLS = DAEMONIC + ("process", "ndprocess", "ndmultiprocessing", "scaling", "thread", "gevent", "in_place")


@pytest.mark.parametrize("kind", ["simple", "cfpool", "mppool", "mpprocess", "bpool", "bprocess"])
@pytest.mark.parametrize("pool", POOLS)
def test_what_may_be_started_in_a_task(pool, kind, pushflow, tmp_path, monkeypatch):
    (tmp_path / "starts.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)
    answer = pushflow({"nodes": [{"id": "a", "task_type": "method", "task_identifier": "starts." + kind}]}, pool)
    if pool in DAEMONIC and kind in ("cfpool", "mppool", "mpprocess"):
        assert REFUSED in answer["error"]["message"]
    else:
        assert answer["result"] == {"return_value": 4}, answer
