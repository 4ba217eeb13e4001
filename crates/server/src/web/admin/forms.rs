//! What the forms of several pages have in common.

use crate::web::{error::ApiError, idempotency};
use engine::store::Request;

/// The key that the form brought, in the staff's own room, and a digest of what it says: the same
/// form sent twice is one act, whoever's thumb it was.
///
/// # Errors
/// Where the form brought no key.
pub fn request(key: &str, subject: &str, said: &[&str]) -> Result<Request, ApiError> {
    let Request { key, fingerprint } = idempotency::of(key, said.join("\u{1f}").as_bytes())?;
    Ok(Request { key: format!("staff {key}"), fingerprint: format!("{subject} {fingerprint}") })
}

/// A path with what is asked of it, without what is blank.
pub fn address(path: &str, asked: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in asked.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_says_is_told_apart() {
        let of = |key, said: &[&str]| request(key, "CODE", said).unwrap();
        assert_eq!(of("k", &["a", "b"]), of("k", &["a", "b"]));
        assert_ne!(of("k", &["a", "b"]), of("k", &["ab", ""]));
        assert_ne!(of("k", &["a"]), of("l", &["a"]));
        assert!(request(" ", "CODE", &[]).is_err());
    }

    #[test]
    fn addresses_leave_out_what_is_blank() {
        let asked = [("q", "山 田&"), ("from", ""), ("status", "used")];
        assert_eq!(address("/a", &asked), "/a?q=%E5%B1%B1+%E7%94%B0%26&status=used");
        assert_eq!(address("/a", &[("q", "")]), "/a");
    }
}
