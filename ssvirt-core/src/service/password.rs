//! Password hashes: Argon2id, at most two at a time, in memory that is kept.
//!
//! Each takes a core for some 20 ms and 7 MiB. The memory is used again rather than given back: between two
//! hashes the allocator would find other uses for parts of it, and the process would grow with every login.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Longer passwords are refused: hashing them would cost the server, not the guesser.
const MAX_LENGTH: usize = 1024;
/// Memory of a hash in KiB, and how often it is gone through. As strong as 19 MiB twice, by OWASP's table, for as
/// much CPU.
const MEMORY: u32 = 7 * 1024;
const PASSES: u32 = 5;
/// Most hashes at a time. More would hold more memory for good, and logins are not what cores are for.
const PARALLEL: usize = 2;

/// Makes and checks hashes.
pub(super) struct Passwords {
    permits: Arc<Semaphore>,
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Passwords {
    /// On a machine with so many cores.
    pub(super) fn new(cores: usize) -> Self {
        let permits = Arc::new(Semaphore::new(cores.clamp(1, PARALLEL)));
        Self { permits, memory: Arc::default() }
    }

    /// The hash of a password, in PHC form.
    ///
    /// # Errors
    /// `BadRequest` for one that is empty or too long.
    pub(super) async fn hash(&self, password: String) -> Result<String> {
        if password.is_empty() || password.len() > MAX_LENGTH {
            return Err(Error::bad_request("A password has 1 to 1024 bytes."));
        }
        self.off_thread(move |memory| {
            let params = Params::new(MEMORY, PASSES, 1, None).map_err(failed)?;
            let hash = hash(memory, &password, &Salt::generate(), &params)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether the password is the one hashed. Takes as long where there is no hash.
    pub(super) async fn verify(&self, hash_of: Option<String>, password: String) -> Result<bool> {
        if password.len() > MAX_LENGTH {
            return Ok(false);
        }
        self.off_thread(move |memory| {
            let Some(expected) = hash_of else {
                let params = Params::new(MEMORY, PASSES, 1, None).map_err(failed)?;
                return hash(memory, &password, &Salt::generate(), &params).map(|_| false);
            };
            let expected = PasswordHash::new(&expected).map_err(failed)?;
            let salt = expected.salt.ok_or_else(|| Error::internal("a hash without salt"))?;
            // Those of the time when it was made.
            let params = Params::try_from(&expected).map_err(failed)?;
            // Compared in constant time.
            Ok(hash(memory, &password, &salt, &params)?.hash == expected.hash)
        })
        .await
    }

    /// Does work that takes long, with memory for it. The permit goes with the work: a client that hangs up
    /// does not make room for another.
    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Error::internal)?;
        let kept = Arc::clone(&self.memory);
        let done = tokio::task::spawn_blocking(move || {
            let mut memory = lock(&kept).pop().unwrap_or_default();
            let done = work(&mut memory);
            lock(&kept).push(memory);
            drop(permit);
            done
        });
        done.await.map_err(Error::internal)?
    }
}

fn lock(kept: &Mutex<Vec<Vec<Block>>>) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hash(
    memory: &mut Vec<Block>,
    password: &str,
    salt: &Salt,
    params: &Params,
) -> Result<PasswordHash> {
    let needed = params.block_count();
    if memory.len() < needed {
        // Not `resize`, which would copy what is there.
        *memory = vec![Block::new(); needed];
    }
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password.as_bytes(), salt, &mut output, memory)
        .map_err(failed)?;
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(failed)?,
        salt: Some(*salt),
        hash: Some(Output::new(&output).map_err(failed)?),
    })
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_hashed_is_known_again_and_nothing_else() {
        let passwords = Passwords::new(1);
        let first = passwords.hash("one".to_owned()).await.unwrap();
        let second = passwords.hash("two".to_owned()).await.unwrap();
        assert!(first.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{first}");
        for (hash, password, correct) in [
            (Some(&first), "one", true),
            (Some(&second), "two", true),
            (Some(&first), "two", false),
            (Some(&first), "", false),
            (None, "one", false),
        ] {
            let known = passwords.verify(hash.cloned(), password.to_owned()).await.unwrap();
            assert_eq!(known, correct, "{password}");
        }
        // One at a time needs memory once.
        assert_eq!(lock(&passwords.memory).len(), 1);
    }

    #[tokio::test]
    async fn hashes_are_those_of_the_algorithm_whatever_the_memory_held_before() {
        use argon2::PasswordVerifier as _;
        let passwords = Passwords::new(1);
        passwords.hash("something else".to_owned()).await.unwrap();
        let hash = passwords.hash("secret".to_owned()).await.unwrap();
        let hash = PasswordHash::new(&hash).unwrap();
        Argon2::default().verify_password(b"secret", &hash).unwrap();
    }

    #[tokio::test]
    async fn hashes_with_other_parameters_stay_valid() {
        use argon2::PasswordHasher as _;
        let made = Argon2::default().hash_password(b"secret").unwrap().to_string();
        assert!(made.contains("m=19456,t=2"), "{made}");
        let passwords = Passwords::new(1);
        assert!(passwords.verify(Some(made.clone()), "secret".to_owned()).await.unwrap());
        assert!(!passwords.verify(Some(made), "other".to_owned()).await.unwrap());
    }

    #[tokio::test]
    async fn passwords_have_an_end() {
        let passwords = Passwords::new(1);
        assert!(passwords.hash(String::new()).await.is_err());
        assert!(passwords.hash("x".repeat(1025)).await.is_err());
        assert!(!passwords.verify(None, "x".repeat(1025)).await.unwrap());
    }
}
