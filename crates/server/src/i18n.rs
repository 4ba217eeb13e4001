//! The languages that people read here, and the texts in them: `i18n/{en,ja,zh-TW}/*.ftl`. A text
//! that a language lacks is read in English; a test keeps the three alike.

use fluent_templates::{LanguageIdentifier, Loader, fluent_bundle::FluentValue, langid};
use loaded::TEXTS;
use std::{borrow::Cow, collections::HashMap};

#[expect(clippy::disallowed_methods, reason = "the loader's own list of languages; no order in it")]
mod loaded {
    fluent_templates::static_loader! {
        pub static TEXTS = {
            locales: "./i18n",
            fallback_language: "en",
            // The marks around what is put in would stand in the customers' plain texts.
            customise: |bundle| bundle.set_use_isolating(false),
        };
    }
}

static ENGLISH: LanguageIdentifier = langid!("en");
static JAPANESE: LanguageIdentifier = langid!("ja");
static CHINESE: LanguageIdentifier = langid!("zh-TW");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Japanese,
    /// Traditional, as read in Taiwan.
    Chinese,
}

impl Language {
    pub const ALL: [Language; 3] = [Language::English, Language::Japanese, Language::Chinese];

    /// What a locale such as `ja`, `en-US` or `zh-TW` asks for, where it is spoken here.
    pub fn named(tag: &str) -> Option<Self> {
        match tag.trim().split(['-', '_', ';']).next()?.to_ascii_lowercase().as_str() {
            "ja" => Some(Self::Japanese),
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// As HTML names it.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Japanese => "ja",
            Self::Chinese => "zh-TW",
        }
    }

    fn id(self) -> &'static LanguageIdentifier {
        match self {
            Self::English => &ENGLISH,
            Self::Japanese => &JAPANESE,
            Self::Chinese => &CHINESE,
        }
    }

    /// The text of that name.
    pub fn text(self, name: &str) -> String {
        TEXTS.lookup(self.id(), name)
    }

    /// The text of that name, if there is one.
    pub fn known(self, name: &str) -> Option<String> {
        TEXTS.try_lookup(self.id(), name)
    }

    /// The same with what is put in by name. Numbers, money and dates come written out already, so
    /// that each mail and page writes them alike.
    pub fn text_with(self, name: &str, values: &[(&'static str, &str)]) -> String {
        let values: HashMap<Cow<'static, str>, FluentValue<'_>> = values
            .iter()
            .map(|(name, value)| (Cow::Borrowed(*name), FluentValue::from(*value)))
            .collect();
        TEXTS.lookup_with_args(self.id(), name, &values)
    }
}

/// A number as it is read, with commas between the thousands.
pub fn grouped(number: &str) -> String {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("−", digits),
        None => ("", whole),
    };
    let mut text = sign.to_owned();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    /// The names in every file of a language, each with the values that it takes.
    fn names(language: Language) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("i18n").join(language.tag());
        let mut names = BTreeSet::new();
        for file in fs::read_dir(folder).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            let mut name = "";
            for line in text.lines() {
                let starts = line.starts_with(|c: char| c.is_ascii_lowercase());
                if let Some((begun, _)) = line.split_once(" =").filter(|_| starts) {
                    name = begun;
                    assert!(names.insert(name.to_owned()), "{name} stands twice");
                }
                for value in line.split("{ $").skip(1) {
                    let value = value.split([' ', '}']).next().unwrap();
                    names.insert(format!("{name} ${value}"));
                }
            }
        }
        names
    }

    #[test]
    fn every_language_has_every_text() {
        let english = names(Language::English);
        assert!(!english.is_empty());
        for language in [Language::Japanese, Language::Chinese] {
            let found = names(language);
            let differing: Vec<_> = found.symmetric_difference(&english).collect();
            assert_eq!(differing, Vec::<&String>::new(), "{language:?}");
        }
    }

    #[test]
    fn locales_find_their_language() {
        for (locale, language) in [
            ("ja", Some(Language::Japanese)),
            ("ja-JP", Some(Language::Japanese)),
            ("EN-us", Some(Language::English)),
            ("zh-TW", Some(Language::Chinese)),
            ("zh_Hant", Some(Language::Chinese)),
            ("fr", None),
            ("", None),
        ] {
            assert_eq!(Language::named(locale), language, "{locale}");
        }
    }

    #[test]
    fn thousands_are_told_apart() {
        for (number, shown) in [
            ("0", "0"),
            ("999", "999"),
            ("1250", "1,250"),
            ("-1250", "−1,250"),
            ("1234567.50", "1,234,567.50"),
        ] {
            assert_eq!(grouped(number), shown);
        }
    }
}
