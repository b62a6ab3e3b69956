from ako_runtime.kube.rate import TokenBucket


def test_a_bucket_lets_a_burst_through_and_then_the_rate():
    now = [0.0]
    waits = []
    bucket = TokenBucket(rate=10.0, burst=3, clock=lambda: now[0], pause=waits.append)
    for _ in range(5):
        bucket.take()
    assert waits == [0.1, 0.2]
    now[0] = 10.0
    bucket.take()
    assert waits == [0.1, 0.2]
