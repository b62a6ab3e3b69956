from ako_runtime.model.names import Namer, fnv1a


def test_plain_and_hashed_names_are_the_official_ones():
    assert Namer(cluster="cluster-a").l4("red", "web") == "cluster-a--red-web"
    assert Namer(cluster="cluster-a").l4_pool("red", "web", protocol="TCP", port=80) == "cluster-a--red-web-TCP-80"
    # Observed from AKO 2.2.1 in EVH mode.
    assert Namer(cluster="cluster-a", hashed=True).l4("red", "web") == (
        "cluster-a--5a493e758b79f634c1e56b79bedd14e81697ea6f"
    )


def test_fnv_follows_the_published_vectors():
    assert fnv1a("") == 0x811C9DC5
    assert fnv1a("a") == 0xE40C292C
    assert fnv1a("foobar") == 0xBF9CF968
