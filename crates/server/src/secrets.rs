//! Passwords and tokens: made, hashed, compared.

use crate::ids;
use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The least that a password must be.
pub const SHORTEST_PASSWORD: usize = 10;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// 256 random bits.
pub fn bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    for chunk in bytes.chunks_exact_mut(8) {
        chunk.copy_from_slice(&ids::random().to_le_bytes());
    }
    bytes
}

/// The same as text.
pub fn token() -> String {
    hex(&bytes())
}

/// What is stored of a token: it has enough bits of its own to need no salt.
pub fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// The password's hash, made where it may take its time.
///
/// # Errors
/// Where the hash cannot be made.
pub async fn hash(password: String) -> anyhow::Result<String> {
    tokio::task::spawn_blocking(move || {
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|error| anyhow::anyhow!("cannot hash a password: {error}"))
    })
    .await?
}

/// Whether it is the password of that hash.
pub async fn verify(password: String, hash: String) -> bool {
    let check = move || {
        let Ok(parsed) = PasswordHash::new(&hash) else { return false };
        Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok()
    };
    tokio::task::spawn_blocking(check).await.unwrap_or(false)
}

/// Takes as long as [`verify`], so that an unknown address answers no sooner than a known one.
pub async fn pretend(password: String) {
    // Only the time matters.
    drop(hash(password).await);
}

/// In a time that does not tell how much of it fits.
pub fn same(one: &str, other: &str) -> bool {
    digest(one) == digest(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let hashed = hash("kaeru-demo".to_owned()).await.unwrap();
        assert!(hashed.starts_with("$argon2id$"), "{hashed}");
        for (password, hash, fits) in [
            ("kaeru-demo", hashed.as_str(), true),
            ("kaeru-dem", hashed.as_str(), false),
            ("", hashed.as_str(), false),
            ("kaeru-demo", "no hash", false),
        ] {
            assert_eq!(verify(password.to_owned(), hash.to_owned()).await, fits, "{password}");
        }
    }

    #[test]
    fn tokens_are_long_and_differ() {
        let (one, other) = (token(), token());
        assert_eq!((one.len(), one == other), (64, false));
        assert!(same(&one, &one) && !same(&one, &other));
    }
}
