def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected halves of golden cases")
