from __future__ import annotations

from pathlib import Path

import pytest

from tradeterm.config.load import load_settings
from tradeterm.config.workspace import Workspace
from tradeterm.core.errors import BadConfigFile, BadValue, ConfigError, UnknownKey

REPOSITORY = Path(__file__).parents[2]


def copied(tmp_path: Path) -> Workspace:
    for path in (REPOSITORY / "configs").rglob("*.yaml"):
        target = tmp_path / path.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text())
    return Workspace(tmp_path)


def put(workspace: Workspace, name: str, text: str) -> Path:
    path = workspace.configs / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return copied(tmp_path)


def line_of(workspace: Workspace, name: str, text: str) -> int:
    lines = (workspace.configs / name).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip().startswith(text))


def test_each_layer_overrides_the_one_below_and_says_so(workspace: Workspace) -> None:
    put(
        workspace, "profiles/sample.yaml", "system:\n  band: 0.01\n  seed: 1\n  capital: 1\n  limits:\n    gross: 0.9\n"
    )
    put(workspace, "experiments/try.yaml", "# one\nsystem: {seed: 2, capital: 2, limits: {gross: 0.8}}\n")
    settings = load_settings(
        workspace,
        experiment=Path("try"),
        env={"TRADETERM__SYSTEM__CAPITAL": "3", "TRADETERM__SYSTEM__LIMITS__GROSS": "0.7"},
        sets=["system.limits.gross=0.6"],
    )
    system = settings.config.system
    assert (system.band, system.seed, system.capital, system.limits.gross) == (0.01, 2, 3.0, 0.6)
    assert system.limits.asset == 0.40, "what no layer names comes from the base"
    origins = settings.origins
    assert (
        origins["system.timeframe"] == f"configs/base/system.yaml:{line_of(workspace, 'base/system.yaml', 'timeframe')}"
    )
    assert origins["system.band"] == "configs/profiles/sample.yaml:2"
    assert origins["system.seed"] == "configs/experiments/try.yaml:2"
    assert origins["system.capital"] == "env TRADETERM__SYSTEM__CAPITAL"
    assert origins["system.limits.gross"] == "--set"


def test_mappings_merge_and_lists_are_replaced(workspace: Workspace) -> None:
    put(
        workspace,
        "profiles/sample.yaml",
        "models: {strategies: [{name: Mine, budget: 0.5}]}\nsystem: {costs: {equity: {fee_bp: 9}}}\n",
    )
    config = load_settings(workspace, env={}).config
    assert [entry.name for entry in config.models.strategies] == ["Mine"]
    assert config.system.costs["equity"].fee_bp == 9.0
    assert config.system.costs["equity"].slippage_bp == 2.0
    assert config.system.costs["crypto"].fee_bp == 10.0


def test_unknown_key_names_file_line_and_nearest_key(workspace: Workspace) -> None:
    put(workspace, "profiles/sample.yaml", "# mine\nsystem:\n  seed: 3\n  capitol: 5\n")
    with pytest.raises(UnknownKey) as caught:
        load_settings(workspace, env={})
    assert str(caught.value) == "configs/profiles/sample.yaml:4: unknown key 'system.capitol'; did you mean 'capital'?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("system: {capital: lots}", "system.capital was 'lots'"),
        ("system: {capital: '100'}", "system.capital was '100'"),
        ("system: {capital: yes}", "system.capital was 'yes'"),
        ("system: {seed: 1.5}", "system.seed was 1.5"),
        ("system: {seed: true}", "system.seed was True"),
        ("system: {capital: -1}", "system.capital was -1"),
        ("system: {capital: 1e999}", "system.capital was inf"),
        ("system: {start: 2018}", "system.start was 2018"),
        ("system: {start: 2018-13-01}", "system.start was '2018-13-01'; a date such as 2018-01-01 is needed"),
        ("system: {fill: later}", "system.fill was 'later'; input should be 'next_open' or 'close'"),
        ("system: {ladder: {derisk: 0.05}}", "recovery <= derisk <= halt is needed"),
        ("system: {limits: {classes: {stocks: 1}}}", "one of equity, crypto, macro is needed"),
        (
            "universe: {instruments: [{symbol: spy, asset_class: equity, calendar: XNYS, source: import}]}",
            "symbol was 'spy'; symbol 'spy': upper-case letters",
        ),
        (
            "universe: {instruments: [{symbol: BTC/USDT, asset_class: crypto, calendar: 24/7, source: import}, "
            "{symbol: BTC-USDT, asset_class: crypto, calendar: 24/7, source: import}]}",
            "instruments BTC/USDT and BTC-USDT would share a file; rename one",
        ),
        (
            "universe: {instruments: [{symbol: VOD, asset_class: equity, calendar: XLOM, source: import}]}",
            "calendar was 'XLOM'; calendar 'XLOM': not known; did you mean 'XLON'?",
        ),
        (
            "universe: {instruments: [{symbol: VOD, asset_class: equity, calendar: 7, source: import}]}",
            "calendar was 7; input should be 'XNYS', 'XNAS', 'XLON', 'XETR', 'XTSE', 'XTKS' or '24/7'",
        ),
        (
            "universe: {instruments: [{symbol: BTC/USDT, asset_class: crypto, calendar: XNYS, source: import}]}",
            "calendar of BTC/USDT was 'XNYS'; crypto trades 24/7",
        ),
        ("universe: {roles: {crypto: DOGE}}", "role crypto was 'DOGE', which is no instrument"),
        (
            "models: {strategies: [{name: A, budget: 0.6}, {name: B, budget: 0.5}]}",
            "budgets of the enabled strategies sum to 1.1",
        ),
        ("models: {strategies: [{name: A, budget: 0.6}, {name: A, budget: 0.1}]}", "strategy A was there twice"),
        ("regime_budgets: {rules: [{when: {equity: UP}}]}", "one of BULL, NEUTRAL, BEAR is needed"),
        ("regime_budgets: {rules: [{when: {equity: BEAR, crypto: RISK_ON}}]}", "exactly one axis is needed"),
        ("system: 3", "system was 3"),
        ("system: null", "system was None"),
    ],
)
def test_a_wrong_value_is_one_line_with_its_place(workspace: Workspace, text: str, expected: str) -> None:
    put(workspace, "profiles/sample.yaml", text + "\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(workspace, env={})
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message
    assert message.startswith("configs/")


def test_wrong_types_are_bad_values_with_exit_code_2(workspace: Workspace) -> None:
    with pytest.raises(BadValue) as caught:
        load_settings(workspace, env={"TRADETERM__SYSTEM__SEED": "x"})
    assert str(caught.value).startswith("env TRADETERM__SYSTEM__SEED: system.seed was 'x'")
    assert caught.value.exit_code == 2


def test_a_key_that_is_there_twice_is_an_error(workspace: Workspace) -> None:
    put(workspace, "profiles/sample.yaml", "system:\n  seed: 1\n  band: 0.1\n  seed: 2\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(workspace, env={})
    assert str(caught.value) == "configs/profiles/sample.yaml:4: key 'system.seed' was there on line 2 too; keep one"


@pytest.mark.parametrize(
    "text", ["- a\n", "just text\n", "system: {seed: 1\n", "system: [1\n", "\tsystem: 1\n", "&a *a\n"]
)
def test_a_file_that_is_no_mapping_is_named(workspace: Workspace, text: str) -> None:
    put(workspace, "profiles/sample.yaml", text)
    with pytest.raises(BadConfigFile) as caught:
        load_settings(workspace, env={})
    assert str(caught.value).startswith("configs/profiles/sample.yaml:")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_named(workspace: Workspace) -> None:
    (workspace.configs / "profiles" / "sample.yaml").write_bytes(b"system: \xff\xfe\n")
    with pytest.raises(BadConfigFile, match=r"configs/profiles/sample\.yaml: can't be read"):
        load_settings(workspace, env={})


def test_a_missing_key_is_named_with_the_file_of_its_section(workspace: Workspace) -> None:
    path = workspace.configs / "base" / "system.yaml"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.strip().startswith("capital")))
    with pytest.raises(ConfigError, match=r"configs/base/system\.yaml:4: system\.capital is missing"):
        load_settings(workspace, env={})


def test_environment_names_find_keys_whatever_their_case(workspace: Workspace) -> None:
    env = {
        "TRADETERM__MODELS__STRATEGIES__EQUITYTRENDMODEL_V1__BUDGET": "0.25",
        "TRADETERM__SYSTEM__LIMITS__CLASSES__EQUITY": "0.9",
    }
    config = load_settings(workspace, env=env).config
    assert config.models.strategies[0].budget == 0.25
    assert config.system.limits.classes == {"crypto": 0.20, "equity": 0.9}


def test_list_items_are_set_by_number_name_or_symbol(workspace: Workspace) -> None:
    sets = [
        "models.strategies.0.budget=0.1",
        "models.strategies.CryptoMomentumModel_v1.enabled=false",
        "universe.instruments.BTC/USDT.lot=0.5",
    ]
    config = load_settings(workspace, sets=sets, env={}).config
    assert config.models.strategies[0].budget == 0.1
    assert config.models.strategies[2].enabled is False
    assert next(item.lot for item in config.universe.instruments if item.symbol == "BTC/USDT") == 0.5
    with pytest.raises(ConfigError, match=r"models\.strategies has no item 'Nobody'"):
        load_settings(workspace, sets=["models.strategies.Nobody.budget=1"], env={})


@pytest.mark.parametrize("text", ["system.capital", "=5", "system.capital=[1"])
def test_a_set_without_key_and_value_is_refused(workspace: Workspace, text: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        load_settings(workspace, sets=[text], env={})


def test_set_cannot_descend_into_a_number(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match=r"--set: system\.capital was 100000, which has no keys"):
        load_settings(workspace, sets=["system.capital.usd=5"], env={})


def test_profile_comes_from_option_environment_or_sample(workspace: Workspace) -> None:
    assert load_settings(workspace, env={}).profile == "sample"
    assert load_settings(workspace, env={"TRADETERM_PROFILE": "paper"}).profile == "paper"
    assert load_settings(workspace, profile="live", env={"TRADETERM_PROFILE": "paper"}).profile == "live"
    with pytest.raises(ConfigError, match="no profile 'papr'; did you mean 'paper'"):
        load_settings(workspace, profile="papr", env={})


def test_every_profile_and_experiment_of_the_repository_is_valid() -> None:
    repository = Workspace(REPOSITORY)
    profiles = [path.stem for path in (REPOSITORY / "configs/profiles").glob("*.yaml")]
    assert sorted(profiles) == ["live", "paper", "sample"]
    for profile in profiles:
        assert load_settings(repository, profile=profile, env={}).config.models.strategies
    for path in (REPOSITORY / "configs/experiments").glob("*.yaml"):
        assert load_settings(repository, experiment=path, env={}).experiment == f"configs/experiments/{path.name}"


def test_the_sample_profile_touches_no_network() -> None:
    config = load_settings(Workspace(REPOSITORY), profile="sample", env={}).config
    assert {item.source for item in config.universe.instruments} == {("sample",)}


def test_real_bars_hold_no_series_that_was_never_found() -> None:
    config = load_settings(Workspace(REPOSITORY), experiment=Path("real-bars"), env={}).config
    assert [item.symbol for item in config.universe.instruments] == ["SPY", "QQQ", "BTC/USDT", "VIX", "T10Y2Y", "CFNAI"]
    assert config.universe.roles.activity == "CFNAI"
    thresholds = config.regime_budgets.thresholds.macro.series["CFNAI"]
    assert (thresholds.expansion, thresholds.recession) == (0.0, -0.7)


def test_an_empty_base_folder_says_how_to_get_one(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    with pytest.raises(ConfigError, match="tradeterm init"):
        load_settings(Workspace(tmp_path), env={})
