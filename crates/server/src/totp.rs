//! Codes of an authenticator app (RFC 6238): six digits, half a minute each.

use crate::secrets;
use domain::At;
use totp_rs::{Builder, Secret, Totp};

/// A new secret, in base32: 160 random bits.
pub fn secret() -> String {
    let random = secrets::bytes();
    Secret::from(random.iter().take(20).copied().collect::<Vec<u8>>()).to_base32()
}

fn totp(secret: &str) -> Option<Builder> {
    let secret = Secret::try_from_base32(secret).ok()?;
    Some(Builder::new().with_secret(secret))
}

/// The step that the code is of, where it is of this one or of a neighbour: clocks differ.
pub fn step(secret: &str, code: &str, now: At) -> Option<i64> {
    let totp: Totp = totp(secret)?.build().ok()?;
    let seconds = u64::try_from(now.0 / 1_000_000).ok()?;
    let step = totp.check(code.trim(), seconds)?;
    i64::try_from(step).ok()
}

/// What an authenticator app reads, as a link and as a QR code.
pub fn url(secret: &str, account: &str) -> Option<String> {
    let builder = totp(secret)?.with_account_name(account).with_issuer(Some("Kaeru"));
    builder.build().ok()?.to_url().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the secret `12345678901234567890`, the last six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")]
        {
            let at = |seconds: i64| At(seconds * 1_000_000);
            let step = seconds / 30;
            assert_eq!(super::step(secret, code, at(seconds)), Some(step), "{seconds}");
            assert_eq!(super::step(secret, code, at(seconds + 30)), Some(step), "a slow clock");
            assert_eq!(super::step(secret, code, at(seconds + 90)), None, "too late");
            assert_eq!(super::step(secret, "000000", at(seconds)), None, "a guess");
        }
        assert_eq!(super::step(secret, "", At(0)), None);
    }

    #[test]
    fn a_new_secret_is_read_by_apps() {
        let secret = secret();
        let url = url(&secret, "sato@example.test").unwrap();
        assert!(url.starts_with("otpauth://totp/Kaeru:sato"), "{url}");
        assert!(url.contains(&secret), "{url}");
    }
}
