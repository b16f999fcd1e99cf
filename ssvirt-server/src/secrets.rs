//! Things that nobody else may know.

use std::fmt;

use rand::{Rng as _, RngCore as _};
use serde::Deserialize;

use crate::{cli::Failure, config::Config, data_dir::DataDir};

/// Text that does not show itself in logs.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Letters and digits that cannot be taken for each other, and that no shell minds.
const ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// 20 of them hold 116 bits.
const PASSWORD_LENGTH: usize = 20;

/// A password that nobody can guess.
pub(crate) fn random_password() -> String {
    let mut rng = rand::rng();
    (0..PASSWORD_LENGTH).map(|_| ALPHABET[rng.random_range(0..ALPHABET.len())] as char).collect()
}

/// The name of the file with the key that tokens are signed with.
const JWT_KEY_FILE: &str = "jwt.key";
const JWT_KEY_LENGTH: usize = 64;

/// The key that tokens are signed with: the configured one, or one made at the first start and kept, so that
/// logins survive a restart.
pub(crate) fn jwt_key(config: &Config, data_dir: Option<&DataDir>) -> Result<Vec<u8>, Failure> {
    match (&config.jwt_secret, data_dir) {
        (Some(key), _) => Ok(key.expose().as_bytes().to_vec()),
        (None, Some(data_dir)) => kept_key(data_dir),
        (None, None) => Err(Failure::new("there is neither a JWT_SECRET_KEY nor a data folder")),
    }
}

fn kept_key(data_dir: &DataDir) -> Result<Vec<u8>, Failure> {
    if let Some(key) = data_dir.read(JWT_KEY_FILE)? {
        // A file cut short by a full disk would be a weak key.
        if key.len() == JWT_KEY_LENGTH {
            return Ok(key);
        }
        tracing::warn!("the token key in the data folder is damaged; a new one ends all logins");
    }
    let mut key = vec![0; JWT_KEY_LENGTH];
    rand::rng().fill_bytes(&mut key);
    data_dir.write_private(JWT_KEY_FILE, &key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_differ_and_need_no_quotes() {
        let passwords: std::collections::HashSet<_> = (0..100).map(|_| random_password()).collect();
        assert_eq!(passwords.len(), 100);
        assert!(passwords.iter().all(|p| p.len() == 20 && p.chars().all(char::is_alphanumeric)));
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some((secret))");
    }
}
