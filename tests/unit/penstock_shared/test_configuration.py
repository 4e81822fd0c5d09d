"""`penstock.yml`: every mistake is reported with its line, its field and what was expected."""

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


@pytest.mark.parametrize(
    "section",
    [
        "build: {run: make, environment: {A: b}}",
        "deploy: {driver: lambda, function: app, environment: {A: b}}",
        "deploy: {driver: command, run: make, environment: {A: b}}",
    ],
)
def test_variables_have_one_name_in_every_section(section: str) -> None:
    said = mistakes(f"version: 1\ncomponents:\n  app:\n    {section}\n")

    assert [one.rpartition(": ")[2] for one in said] == [
        "is not a known key here; variables are written `env`"
    ]


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
                "penstock.yml:5: gates.unit: give either `run` or `preset`",
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
        ("version: 2\ncomponents: {a: {}}\n", ["penstock.yml:1: version: must be 1, not 2"]),
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
            [("penstock.yml:4: branches.dev: must be 'check' or 'release', not 'preview'")],
        ),
    ],
)
def test_a_mistake_is_told_with_line_and_field(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected


LAMBDA = """\
version: 1
components:
  app: {build: {preset: python-lambda}, deploy: {driver: lambda, function: shop%s}}
environments: {staging: {}, production: {}}
"""


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("gates: {unit: {run: 8080}}", 'gates.unit.run: must be text; put it in quotes: "8080"'),
        ("gates: {unit: {run: true}}", "gates.unit.run: must be text; put it in quotes"),
        ("gates: [unit]", "gates: must be a section with keys of its own, such as {key: value}"),
        (
            "gates: {unit: {run: x, timeout: yes}}",
            "gates.unit.timeout: 'true' is not a duration; write 30s, 15m, 2h or 1d",
        ),
        (
            "gates: {unit: {run: x, timeout: 13h}}",
            "gates.unit.timeout: must be at most 43200",
        ),
        ("gates: {unit: {run: x, retries: two}}", "gates.unit.retries: must be a whole number"),
        (
            "gates: {unit: {run: x, scope: repo}}",
            "gates.unit.scope: must be 'component' or 'repository', not 'repo'",
        ),
        (
            "gates: {unit: {run: x, junit: 'reports/*.xml'}}",
            "gates.unit.junit: 'reports/*.xml' must name one file; patterns are not filled in here",
        ),
        (
            "gates: {unit: {run: x, env: {A B: c}}}",
            (
                "gates.unit.env.A B: 'A B' must be the name of a variable: at most 128 "
                "letters, digits and _, and no digit first"
            ),
        ),
        (
            "gates: {unit: {run: x, components: [ap]}}",
            "gates.unit.components.0: no component matches 'ap'; did you mean 'app'?",
        ),
        (
            "gates: {unit: {run: x, scope: repository, components: [app]}}",
            (
                "gates.unit.components: goes with `scope: component`; a gate of the repository "
                "runs once"
            ),
        ),
        (
            "gates: {unit: {run: x, needs: [lint]}, lints: {run: x}}",
            "gates.unit.needs.0: no gate is named 'lint'; did you mean 'lints'?",
        ),
        (
            "gates: {a: {run: x, needs: [b]}, b: {run: x, needs: [a]}}",
            "gates.a.needs: goes in a circle: a -> b -> a",
        ),
        (
            "gates: {unit: {run: x, env: {A: b}, matrix: {A: [b]}}}",
            "gates.unit.matrix.A: is in `env` too: give the variable one of the two",
        ),
        (
            "gates: {unit: {run: x, matrix: {A: [3.10]}}}",
            'gates.unit.matrix.A.0: must be text; put it in quotes: "3.1"',
        ),
        (
            "gates: {unit: {run: x, matrix: {A: [1,2,3,4,5], B: [1,2,3,4,5], C: [1,2,3,4,5]}}}",
            "gates.unit.matrix: has 125 combinations; the limit is 100",
        ),
        ("gates: {unit: {run: x, preset: ruff}}", "gates.unit: give either `run` or `preset`"),
        ("gates: {unit: {}}", "gates.unit: give either `run` or `preset`"),
        (
            "gates: {unit: {run: x, after: deploy}}",
            ("gates.unit.after: needs a `release` with `from`, the environment that it runs after"),
        ),
        (
            "gates: {unit: {run: x, environment: staging}}",
            "gates.unit.environment: goes with `after: deploy`",
        ),
        (
            "gates: {unit: {run: x}}\nquarantine: {units: {owner: a, until: 2026-12-31}}",
            "quarantine.units: no gate is named 'units'; did you mean 'unit'?",
        ),
        (
            "gates: {unit: {run: x}}\nquarantine: {unit: {owner: a, until: soon}}",
            "quarantine.unit.until: 'soon' is no day; write it as 2026-12-31",
        ),
        (
            "gates: {unit: {run: x}}\nquarantine: {unit (app): {until: 2026-12-31}}",
            "quarantine.unit (app).owner: is missing",
        ),
        ("gates: {unit: {run: x, matrix: {A: []}}}", "gates.unit.matrix.A: must not be empty"),
        (
            "gates: {unit: {run: x, environment: {A: c}}}",
            "gates.unit.environment: is the name of an environment; variables are written `env`",
        ),
        (
            "environments: {staging: {stage: live}, production: {stage: live}}",
            (
                "environments.production.stage: environment 'staging' has stage 'live' already: "
                "each would overwrite what the other deploys"
            ),
        ),
        (
            "environments: {production: }\nrelease: {from: production, to: production}",
            (
                "release.to: is 'production', as `from` is: a release goes from one environment to "
                "another; leave `from` out to release without a bake"
            ),
        ),
        (
            'branches: {"**": check, main: check}',
            "branches.main: is never reached: '**' before it matches every branch",
        ),
        (
            "branches: {refs/heads/main: check}",
            "branches.refs/heads/main: patterns are of a branch's name alone: write 'main'",
        ),
        ("branches: {main: releese}", "branches.main: must be 'check' or 'release', not 'releese'"),
        ("gates: {unit: !run x}", "gates.unit: the YAML tag '!run' means nothing here"),
        ("gates: {[a]: {}}", "gates: a key must be text, not a list"),
        ("gates: {{a: b}: {}}", "gates: a key must be text, not a mapping"),
        (
            'gates: {unit: {run: "\\0"}}',
            "gates.unit.run: holds the character U+0000, which no text has",
        ),
        ("gates: {unit: {run: x, retries: !!int many}}", "gates.unit.retries: 'many' is no int"),
        (
            f"gates: {{unit: {{run: x, retries: {'9' * 5000}}}}}",
            "gates.unit.retries: has 5000 digits; put it in quotes if it is text",
        ),
    ],
)
def test_a_mistake_says_what_was_expected_in_plain_words(rest: str, expected: str) -> None:
    found = mistakes(f"{SMALL}{rest}\n")

    assert [line.split(": ", 1)[1] for line in found] == [expected]


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ("{watch: a}", "watch: must be a list, such as [one, two]"),
        ("[a]", "must be a section with keys of its own, such as {key: value}"),
        (
            "{build: {run: make, artifact: 'dist/*.zip'}}",
            "build.artifact: 'dist/*.zip' must name one file; patterns are not filled in here",
        ),
        (
            "{build: {run: make, artifact: dist/}}",
            "build.artifact: 'dist/' is a folder; name the one file that the job leaves",
        ),
        (
            "{build: {run: make, artifact: .penstock-artifact.zip}}",
            (
                "build.artifact: '.penstock-artifact.zip': names that begin with .penstock are "
                "Penstock's own"
            ),
        ),
        ("{path: [a]}", "path: a list is not a path; a path is text"),
        ("{deploy: {}}", "deploy: `driver` is missing: write `driver: lambda` or `command`"),
        (
            "{deploy: {driver: lamda}}",
            "deploy: `driver` must be 'lambda' or 'command', not 'lamda'; did you mean 'lambda'?",
        ),
        (
            "{deploy: {driver: lambda, function: f, tiemout: 3}}",
            "deploy.tiemout: is not a known key here; did you mean 'timeout'?",
        ),
    ],
)
def test_a_component_s_mistake_names_its_field_alone(component: str, expected: str) -> None:
    # A component may have the name of a driver: it is no part of the field's name.
    (found,) = mistakes(f"version: 1\ncomponents:\n  lambda: {component}\n")

    assert found.split(": ", 1)[1].removeprefix("components.lambda").lstrip(".: ") == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (", runtime: python9", "'python9' is no runtime of Lambda; did you mean 'python3.13'?"),
        (", runtime: nodejs22.x", "the python-lambda preset makes no function for 'nodejs22.x'"),
        (", memory: much", "must be a whole number"),
        (", memory: 64", "must be at least 128"),
    ],
)
def test_a_function_that_lambda_would_refuse_is_refused(more: str, expected: str) -> None:
    (found,) = mistakes(LAMBDA % more)

    assert found.endswith(f": {expected}")


@pytest.mark.parametrize("function", ["Penstock-build", "penstock"])
def test_penstocks_own_functions_cannot_be_deployed_over(function: str) -> None:
    (found,) = mistakes((LAMBDA % "").replace("shop", function))

    assert found == (
        "penstock.yml:3: components.app.deploy.function: names that begin with penstock- are "
        "Penstock's own functions"
    )


def test_two_components_cannot_be_one_function_on_any_stage() -> None:
    text = """\
version: 1
components:
  one: {build: {preset: python-lambda}, deploy: {driver: lambda, function: a}}
  two: {build: {preset: python-lambda}, deploy: {driver: lambda, function: a-b}}
environments: {first: {stage: b-c}, second: {stage: c}}
"""

    assert mistakes(text) == [
        (
            "penstock.yml:4: components.two.deploy.function: component 'one' deploys a function "
            "a-b-c to first already"
        )
    ]


def test_a_function_s_whole_name_fits_into_what_aws_allows() -> None:
    text = (LAMBDA % "").replace("shop", "s" * 50).replace("staging: {}", f"{'e' * 20}: {{}}")

    assert "is longer than the 64 characters of AWS" in mistakes(text)[0]


def test_a_date_is_text_as_it_is_written() -> None:
    configuration = read_configuration(SMALL + "gates: {unit: {run: 2024-13-45}}\n")

    assert configuration.gates["unit"].run == "2024-13-45"


def test_sections_can_be_merged_as_yaml_has_it() -> None:
    text = SMALL.replace("app: {path: app}", "app: &app {path: app}\n  web: {<<: *app, watch: [x]}")

    assert read_configuration(text).components["web"].path == "app"


def test_a_merged_section_s_mistake_has_its_own_line() -> None:
    text = "version: 1\ncomponents:\n  app: &app\n    path: a\n  web:\n    <<: *app\n    path: /\n"

    assert mistakes(text)[0].startswith("penstock.yml:7: components.web.path")


def test_a_branch_s_star_stays_in_its_folder() -> None:
    rest = 'release: {to: production}\nenvironments: {production: }\nbranches: {"v/*": release}\n'
    configuration = read_configuration(SMALL + rest)

    assert configuration.intent_of("v/1") is Intent.RELEASE
    assert configuration.intent_of("v/1/2") is Intent.CHECK


def test_a_pattern_with_an_exclamation_mark_matches_all_but_its_rest() -> None:
    rest = """\
release: {to: production}
environments: {production: }
branches: {"!release/**": check, "release/old/**": check, "**": release}
tags: {"!v*": check, "**": release}
"""
    configuration = read_configuration(SMALL + rest)

    branches = ("main", "release/1", "release/old/1")
    assert [configuration.intent_of(branch) for branch in branches] == [
        Intent.CHECK,
        Intent.RELEASE,
        Intent.CHECK,
    ]
    assert configuration.intent_of_tag("v1") is Intent.RELEASE
    assert configuration.intent_of_tag("nightly") is Intent.CHECK


@pytest.mark.parametrize(
    ("rules", "mistake"),
    [
        ('tags: {"refs/tags/v*": check}', "patterns are of a tag's name alone: write 'v*'"),
        ('tags: {"!refs/tags/v*": check}', "patterns are of a tag's name alone: write '!v*'"),
        ('tags: {"v*": release}', "is for `release`, but there is no `release` section"),
        ('tags: {"**": check, "v*": check}', "is never reached: '**' before it matches every tag"),
        ('branches: {"!": check}', "branches.!"),
        ('branches: {"!!x": check}', "branches.!!x"),
    ],
)
def test_rules_that_cannot_be_meant_are_named(rules: str, mistake: str) -> None:
    assert mistake in "".join(mistakes(f"{SMALL}{rules}\n"))


def test_bytes_that_are_no_text_name_their_line() -> None:
    with pytest.raises(InvalidConfigurationError, match=r"^penstock.yml:3: file: is not UTF-8"):
        read_configuration(b"version: 1\ncomponents:\n  \xff: {}\n")


def test_a_thousand_components_are_enough_and_more_are_refused_by_name() -> None:
    def text(count: int) -> str:
        return "version: 1\ncomponents:\n" + "".join(f"  c{i}: {{}}\n" for i in range(count))

    assert len(read_configuration(text(1000)).components) == 1000
    assert mistakes(text(1001)) == ["penstock.yml:2: components: may have at most 1000 entries"]


def test_more_jobs_than_a_flow_may_have_are_refused_by_name() -> None:
    text = "version: 1\ncomponents:\n" + "".join(f"  c{i}: {{}}\n" for i in range(500))
    gates = "gates:\n" + "".join(f"  g{i}: {{run: x}}\n" for i in range(11))

    assert mistakes(text + gates)[0].endswith(
        "gates: are 5500 jobs, each gate for every component; the limit is 5000"
    )


def test_thousands_of_mistakes_are_told_in_part_and_at_once() -> None:
    names = ", ".join(f"unknown-name-{i}" for i in range(900))
    text = f"version: 1\ncomponents:\n  a: {{depends_on: [{names}]}}\n" + "".join(
        f"  component-number-{i}: {{}}\n" for i in range(900)
    )
    with pytest.raises(InvalidConfigurationError) as caught:
        read_configuration(text)

    assert len(caught.value.problems) == 20
    assert str(caught.value).endswith("and more: these are the first")


def test_what_the_file_says_cannot_write_to_a_terminal() -> None:
    (found,) = mistakes('version: 1\ncomponents: {app: {"\\e[2J": 1}}\n')

    assert "\x1b" not in found
    assert "components.app.\\x1b[2J" in found


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


def test_secrets_are_named_as_a_list_or_by_the_variable_that_holds_them() -> None:
    configuration = read_configuration(
        """\
version: 1
components:
  app:
    build: {run: make, secrets: [NPM_TOKEN]}
    deploy: {driver: command, run: ./deploy.sh, secrets: {KEY: API_KEY, OTHER: API_KEY}}
gates:
  unit: {run: pytest, secrets: []}
"""
    )
    app, unit = configuration.components["app"], configuration.gates["unit"]
    assert app.build
    assert app.build.secrets == {"NPM_TOKEN": "NPM_TOKEN"}
    assert app.deploy
    assert app.deploy.secrets_of_jobs() == {"KEY": "API_KEY", "OTHER": "API_KEY"}
    assert unit.secrets == {}


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ("[API_KEY,\n    api-key]", "5: gates.unit.secrets.api-key: 'api-key' must be the name"),
        ("{1ST: API_KEY}", "4: gates.unit.secrets.1ST: '1ST' must be the name of a variable"),
        ("{KEY: a/b}", "4: gates.unit.secrets.KEY: 'a/b' must be the name of a secret"),
        ("{KEY: [x]}", "4: gates.unit.secrets.KEY: must be text"),
        ("[[x]]", "4: gates.unit.secrets: must be a list of names, or a section"),
        ("API_KEY", "4: gates.unit.secrets: must be a section"),
        ("[MODE]", "4: gates.unit.secrets.MODE: is in `env` too"),
        ("{PENSTOCK_SHA: X}", "4: gates.unit.secrets.PENSTOCK_SHA: variables that begin with"),
        (f"[{', '.join(f'S{number}' for number in range(21))}]", "4: gates.unit.secrets: may have"),
    ],
)
def test_a_mistake_about_secrets_has_its_line(secrets: str, expected: str) -> None:
    gate = f"gates:\n  unit: {{run: x, env: {{MODE: fast}}, secrets: {secrets}}}\n"
    text = SMALL.replace("components:\n  app: {path: app}", "components: {app: {path: app}}") + gate
    assert mistakes(text)[0].startswith(f"penstock.yml:{expected}")


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        ("{}", "give either `run` or `preset`"),
        ("{preset: python-lambda, run: make}", "the python-lambda preset takes no `run`"),
        ("{preset: none, artifact: a.zip}", "the none preset takes no `artifact`"),
        ("{run: make, include: [libs]}", "the command preset takes no `include`"),
        ("{preset: static-site}", "the static-site preset needs `folder`"),
        ("{preset: command}", "the command preset needs `run`"),
        ("{preset: python-lamda}", "did you mean 'python-lambda'?"),
    ],
)
def test_a_preset_takes_only_what_means_something_to_it(build: str, expected: str) -> None:
    [told] = mistakes(f"version: 1\ncomponents: {{a: {{build: {build}}}}}\n")

    assert expected in told


def test_a_component_that_builds_nothing_has_no_artifact_to_deploy() -> None:
    text = LAMBDA.replace("python-lambda", "none") % ""

    assert "the lambda driver needs an artifact" in mistakes(text)[0]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            "prepare: {run: x, keep: [.venv, ../env], inputs: [lock]}",
            "4: prepare.keep.1: '../env' must be a relative path inside the repository",
        ),
        (
            "prepare: {run: x, keep: [~/.venv], inputs: [lock]}",
            "4: prepare.keep.0: must be in the source; a home is kept with `cache`",
        ),
        (
            "prepare: {run: x, keep: [.venv, .venv/lib], inputs: [lock]}",
            "4: prepare.keep.1: lies in '.venv', which is kept already",
        ),
        (
            "prepare: {run: x, keep: [.venv], inputs: [.]}",
            (
                "4: prepare.inputs: name the whole repository, so that each change prepares "
                "anew: name lock files"
            ),
        ),
        (
            "gates: {types: {run: x, cache: [.git/objects]}}",
            "4: gates.types.cache.0: '.git/objects' is the job's own, and is not kept",
        ),
        (
            "gates: {types: {run: x, cache: [~/.cache, ~/.cache]}}",
            "4: gates.types.cache.1: lies in '~/.cache', which is kept already",
        ),
    ],
)
def test_what_cannot_be_kept_for_later_jobs_is_refused(section: str, expected: str) -> None:
    assert mistakes(f"{SMALL}{section}\n") == [f"penstock.yml:{expected}"]
