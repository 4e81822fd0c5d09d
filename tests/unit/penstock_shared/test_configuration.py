"""`penstock.yml`: every mistake is told with its line, its field and what was expected."""

import pytest

from penstock_shared.configuration import InvalidConfigurationError, read_configuration
from penstock_shared.contracts.change import Intent

SMALL = """\
version: 1
components:
  app: {path: app}
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(InvalidConfigurationError) as caught:
        read_configuration(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_small_file_has_sensible_defaults() -> None:
    configuration = read_configuration(SMALL)

    assert configuration.components["app"].depends_on == ()
    assert configuration.intent_of("main") is Intent.CHECK


def test_durations_are_written_as_people_say_them() -> None:
    release = "release: {to: production, bake: 2h}\nenvironments: {production: }\n"
    configuration = read_configuration(SMALL + release)

    assert configuration.release
    assert configuration.release.bake == 7200


def test_the_first_branch_pattern_that_matches_wins() -> None:
    rest = """\
branches: {"release/*": release, "**": check}
release: {to: production}
environments: {production: {stage: prod}}
"""
    configuration = read_configuration(SMALL + rest)

    assert configuration.intent_of("release/1") is Intent.RELEASE
    assert configuration.intent_of("main") is Intent.CHECK


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "version: 1\ncomponents:\n  a:\n    pth: x\n",
            ["penstock.yml:4: components.a.pth: is not a known key here; did you mean 'path'?"],
        ),
        (
            "version: 1\ncomponents:\n  a: {depends_on: [b]}\n  bb: {}\n",
            [
                (
                    "penstock.yml:3: components.a.depends_on.0: no component is named 'b'; "
                    "did you mean 'bb'?"
                )
            ],
        ),
        (
            "version: 1\ncomponents:\n  a: {depends_on: [b]}\n  b: {depends_on: [a]}\n",
            ["penstock.yml:3: components.a.depends_on: goes in a circle: a -> b -> a"],
        ),
        (
            "version: 1\ncomponents:\n  a: {path: ../etc}\n",
            [
                (
                    "penstock.yml:3: components.a.path: '../etc' must be a relative path inside "
                    "the repository"
                )
            ],
        ),
        (
            SMALL + "gates:\n  unit: {}\n  lint: {run: x, timeout: soon}\n",
            [
                "penstock.yml:5: gates.unit.run: is missing",
                (
                    "penstock.yml:6: gates.lint.timeout: 'soon' is not a duration; "
                    "write 30s, 15m, 2h or 1d"
                ),
            ],
        ),
        (
            SMALL + "release: {to: produktion}\nenvironments: {production: }\n",
            [
                (
                    "penstock.yml:4: release.to: no environment is named 'produktion'; "
                    "did you mean 'production'?"
                )
            ],
        ),
        ("version: 2\ncomponents: {a: {}}\n", ["penstock.yml:1: version: Input should be 1"]),
        ("- a\n", ["penstock.yml:1: file: must be a mapping that starts with `version: 1`"]),
        (
            "version: 1\ncomponents:\n  a: {}\n  a: {}\n",
            ["penstock.yml:4: a: is there twice"],
        ),
        (
            "version: 1\ncomponents:\n  a: {deploy: {driver: lambda, function: f}}\n",
            [
                (
                    "penstock.yml:3: components.a.deploy: the lambda driver needs an artifact: "
                    "give `build` a `preset` or an `artifact`"
                )
            ],
        ),
        (
            SMALL + "branches: {main: release}\n",
            ["penstock.yml:4: branches.main: is for `release`, but there is no `release` section"],
        ),
        (
            SMALL + "branches: {dev: preview}\n",
            [
                (
                    "penstock.yml:4: branches.dev: `preview` is not available yet; "
                    "use `check` or `release`"
                )
            ],
        ),
    ],
)
def test_a_mistake_is_told_with_line_and_field(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected


def test_broken_yaml_names_the_line() -> None:
    assert mistakes("version: 1\ncomponents: [\n")[0].startswith(
        "penstock.yml:3: file: is not YAML"
    )


def test_a_few_lines_cannot_become_billions() -> None:
    text = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{name}: &{name} [{','.join(f'*{before}' for _ in range(10))}]\n"
        for before, name in zip("abcdef", "bcdefg", strict=True)
    )

    assert "values with its aliases written out" in mistakes(text)[0]


def test_an_alias_to_itself_is_refused() -> None:
    assert "nested in itself" in mistakes("a: &a\n  b: *a\n")[0]


def test_a_huge_file_is_refused_before_it_is_read() -> None:
    assert "the limit is" in mistakes("#" * 300_000)[0]
