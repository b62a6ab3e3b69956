import pytest
from support.golden_cases import CASES, answer_of, case_files, dumped, loaded, rendered, split


@pytest.mark.parametrize("path", case_files(), ids=lambda path: str(path.relative_to(CASES).with_suffix("")))
def test_translation_answers_as_the_case_says(path, request):
    given, expected = split(path)
    answer = answer_of(loaded(given))
    if request.config.getoption("--update-golden"):
        path.write_text(rendered(given, answer))
        return
    assert expected is not None, f"{path} has no expected half: run pytest tests/golden --update-golden and review"
    assert expected == loaded(dumped(answer))


def test_every_case_has_a_title_of_its_own():
    titles = [loaded(split(path)[0])["title"] for path in case_files()]
    assert titles
    assert len(titles) == len(set(titles))
