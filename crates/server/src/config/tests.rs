use super::*;

const EXAMPLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../kaeru.example.toml"));

fn parse(text: &str, variables: &[(&str, &str)]) -> anyhow::Result<Config> {
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::parse(text, variables)
}

fn till(config: &Config) -> &crate::points::http::Settings {
    match &config.shops[0].points {
        crate::points::Settings::Http(settings) => settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_parses() {
    let config = parse(EXAMPLE, &[]).unwrap();
    assert_eq!(config.shops.len(), 1);
    assert_eq!(till(&config).horizon, Duration::from_secs(600));
    assert_eq!(config.database, Location::Sqlite(PathBuf::from("kaeru.db")));
}

#[test]
fn the_environment_wins() {
    let config = parse(
        EXAMPLE,
        &[
            ("KAERU__SERVER__LISTEN", "127.0.0.1:9"),
            ("KAERU__SHOP__0__RULES__UNIT", "50"),
            ("KAERU__SHOP__0__POINTS__LOOKUP", "true"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.port(), 9);
    assert_eq!(config.shops[0].rules.unit.get(), 50);
    assert!(till(&config).lookup);
}

#[test]
fn mistakes_name_their_key() {
    for (from, to, named) in [
        ("listen = \"127.0.0.1:8080\"", "listen = \"nowhere\"", "listen"),
        ("[database]", "[database]\ncolour = 1", "colour"),
        ("sqlite://kaeru.db", "mysql://x", "database.url"),
        ("Asia/Tokyo", "Asia/Edo", "timezone"),
        ("\"JPY\"", "\"YEN\"", "currency"),
        ("kind = \"http\"", "kind = \"telex\"", "kind"),
        ("\"10m\"", "\"soon\"", "horizon"),
        ("unit = 100", "unit = 0", "unit"),
        ("daily_limit = 10000", "daily_limit = 50", "daily_limit"),
        ("money_per_point = \"1\"", "money_per_point = \"0.001\"", "money_per_point"),
        ("money_per_point = \"1\"", "money_per_point = \"-1\"", "money_per_point"),
        ("pos_id = \"shopify_id\"", "pos_id = \"name\"", "pos_id"),
        ("horizon = \"10m\"", "valid_days = 1", "valid_days"),
        ("access_token = \"shpat_example\"", "", "access_token"),
        ("token = \"change-me\"", "token_file = \"/nowhere\"", "/nowhere"),
        ("change-me-0123456789", "short", "jwt_secret"),
        ("base_url = \"https://pos", "base_url = \"ftp://pos", "base_url"),
    ] {
        let text = EXAMPLE.replacen(from, to, 1);
        assert_ne!(text, EXAMPLE, "{from}");
        let error = parse(&text, &[]).map(|_| ()).unwrap_err();
        assert!(format!("{error:#}").contains(named), "{to}: {error:#}");
    }
}

#[test]
fn the_points_may_be_kaerus_own() {
    let start = EXAMPLE.find("[shop.points]").unwrap();
    let end = EXAMPLE.find("[shop.rules]").unwrap();
    for (keys, named) in [
        ("", ""),
        ("valid_days = 365\nreturn_days = 10\ntoken = \"a-till-shows-this\"", ""),
        ("valid_days = 0", "valid_days"),
        ("return_days = 0", "return_days"),
        ("token = \"short\"", "token"),
        ("base_url = \"https://pos.example.test\"", "base_url"),
        ("lookup = false", "lookup"),
        ("horizon = \"10m\"", "horizon"),
    ] {
        let mut text = EXAMPLE.to_owned();
        let points = format!("[shop.points]\nkind = \"builtin\"\n{keys}\n\n");
        text.replace_range(start..end, &points);
        match parse(&text, &[]) {
            Ok(config) => {
                assert_eq!(named, "", "{keys}");
                let points = &config.shops[0].points;
                assert!(matches!(points, crate::points::Settings::Builtin(_)), "{points:?}");
            }
            Err(error) => {
                let error = format!("{error:#}");
                assert!(!named.is_empty() && error.contains(named), "{keys}: {error}");
            }
        }
    }
}
