//! Passwords: what they must be like, how they are kept, and that checking them neither fills the memory nor tells who has
//! an account.

use std::fmt;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde::Deserialize;
use subtle::ConstantTimeEq;
use tokio::sync::{Semaphore, oneshot};

use super::auth::random;
use super::problem::Problem;

/// Characters of the shortest …
const SHORTEST: usize = 10;
/// … and bytes of the longest.
const LONGEST: usize = 256;
/// Bytes of a salt …
const SALT: usize = 16;
/// … and of a hash.
const HASH: usize = 32;
/// Different characters of any.
const DIFFERENT: usize = 5;
/// What everybody tries first, of those that are long enough.
const WORST: [&str; 16] = [
    "0123456789",
    "0987654321",
    "1234567890",
    "12345678900",
    "123456789a",
    "1234567890a",
    "1q2w3e4r5t",
    "1qaz2wsx3edc",
    "a123456789",
    "abcdefghij",
    "admin12345",
    "administrator",
    "password12",
    "password123",
    "qwertyuiop",
    "waibao123456",
];

/// Hashes that are computed at a time: each takes 19 MiB.
const AT_WORK: usize = 2;
/// Hashes that are computed or waited for; what comes on top is told to come again.
static TAKEN: Semaphore = Semaphore::const_new(64);
/// Who computes them: threads that keep their memory.
static HASHERS: LazyLock<Sender<Work>> = LazyLock::new(hashers);

type Work = Box<dyn FnOnce(&mut Memory) + Send>;

/// What hashes are computed in, one after the other. Allocated anew for each, as the crate does where it is not given any, the
/// aligned blocks leave holes that the allocator does not fill again, and every sign-in costs 19 MiB for good.
#[derive(Default)]
pub(crate) struct Memory(Vec<Block>);

impl Memory {
    /// argon2id over a password and a salt.
    fn hash(&mut self, params: &Params, password: &str, salt: &[u8]) -> argon2::Result<[u8; HASH]> {
        let blocks = params.block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::new());
        }
        let mut hash = [0; HASH];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut hash, &mut self.0[..blocks])?;
        Ok(hash)
    }
}

/// No password has this hash. It is what a password of an unknown user is compared with.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IG5vYm9keSBubw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password as it was typed. Nothing shows it.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl From<String> for Password {
    fn from(typed: String) -> Self {
        Self(typed)
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        super::auth::same(&self.0, &other.0)
    }
}

impl Password {
    /// Whether a user of this name may have it.
    pub(crate) fn suits(&self, name: &str) -> Result<(), Problem> {
        let (plain, name) = (self.0.to_lowercase(), name.to_lowercase());
        let different = plain.chars().collect::<std::collections::HashSet<_>>().len();
        let problem = match () {
            () if self.0.chars().count() < SHORTEST => format!("密码太短，至少 {SHORTEST} 个字符"),
            () if self.0.len() > LONGEST => format!("密码太长，最多 {LONGEST} 字节"),
            () if plain.trim() == name || plain == name.repeat(2) => "密码不能就是名称".to_owned(),
            () if different < DIFFERENT || WORST.contains(&plain.as_str()) => {
                "这个密码太常见，请换一个：几个不相干的词连起来就好".to_owned()
            }
            () => return Ok(()),
        };
        Err(Problem::Invalid(problem))
    }

    /// What was typed, without blanks around it: for what is copied from a screen.
    pub(crate) fn trimmed(&self) -> &str {
        self.0.trim()
    }

    /// As it is kept: argon2id with the parameters of OWASP's Password Storage Cheat Sheet (19 MiB, 2 passes).
    pub(crate) fn hash(&self, memory: &mut Memory) -> Result<String, Problem> {
        let salt = random::<SALT>()?;
        let mut hash = || {
            let params = Params::default();
            let hash = memory.hash(&params, &self.0, &salt).ok()?;
            let kept = PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&params).ok()?,
                salt: Some(Salt::new(&salt).ok()?),
                hash: Some(Output::new(&hash).ok()?),
            };
            Some(kept.to_string())
        };
        hash().ok_or_else(|| Problem::Invalid("密码不能用，请换一个".to_owned()))
    }

    /// Whether it is the one that is kept; where there is none it takes as long to say no.
    pub(crate) fn is(&self, kept: Option<&str>, memory: &mut Memory) -> bool {
        let mut right = || {
            let kept = PasswordHash::new(kept.unwrap_or(NOBODY)).ok()?;
            let hash = memory.hash(&Params::try_from(&kept).ok()?, &self.0, &kept.salt?).ok()?;
            Some(bool::from(hash.ct_eq(kept.hash?.as_bytes())))
        };
        right() == Some(true) && kept.is_some()
    }
}

/// Hashes off the threads that answer, a few at a time, so that many who sign in at once cost no more memory than few.
pub(crate) async fn in_turn<T: Send + 'static>(
    work: impl FnOnce(&mut Memory) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let busy = || Problem::Busy(2);
    let place = TAKEN.try_acquire().map_err(|_| busy())?;
    let (answer, answered) = oneshot::channel();
    let work = move |memory: &mut Memory| {
        // Held by the work itself: a client that goes away makes no room for another while its hash is computed.
        let _held = place;
        if !answer.is_closed() {
            // Whoever has gone since does not hear it.
            let _ = answer.send(work(memory));
        }
    };
    HASHERS.send(Box::new(work)).map_err(|_| busy())?;
    answered.await.map_err(|_| busy())?
}

fn hashers() -> Sender<Work> {
    let (sender, receiver) = channel::<Work>();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..AT_WORK {
        let receiver = Arc::clone(&receiver);
        let next = move || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        std::thread::spawn(move || {
            let mut memory = Memory::default();
            std::iter::from_fn(|| next().ok()).for_each(|work| work(&mut memory));
        });
    }
    sender
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier;

    use super::*;

    fn password(text: &str) -> Password {
        Password::from(text.to_owned())
    }

    #[test]
    fn weak_passwords_are_refused_with_the_reason() {
        for (text, reason) in [
            ("short", "太短"),
            ("九个汉字也还是太短", "太短"),
            ("Zhang.San.Li", "名称"),
            ("1234567890", "常见"),
            ("PassWord123", "常见"),
            ("aaaaaaaaaaaabbb", "常见"),
            (&"长".repeat(86), "太长"),
        ] {
            let problem = password(text).suits("zhang.san.li").unwrap_err();
            assert!(problem.detail().contains(reason), "{text}: {}", problem.detail());
        }
        for text in ["correct horse battery", "春眠不觉晓处处闻啼鸟", &"abcdefgh".repeat(32)] {
            assert!(password(text).suits("zhang.san").is_ok(), "{text}");
        }
    }

    #[test]
    fn only_the_same_password_is_right() {
        let memory = &mut Memory::default();
        let kept = password("correct horse").hash(memory).unwrap();
        assert_ne!(kept, password("correct horse").hash(memory).unwrap());
        assert!(password("correct horse").is(Some(&kept), memory));
        for (wrong, kept) in [("correct horse ", Some(kept.as_str())), ("", Some(&kept)), ("correct horse", None)] {
            assert!(!password(wrong).is(kept, memory));
        }
        assert!(!password("correct horse").is(Some("not a hash"), memory));
        // In whatever memory, and as everybody computes it.
        assert!(password("correct horse").is(Some(&kept), &mut Memory::default()));
        assert!(Argon2::default().verify_password(b"correct horse", kept.as_str()).is_ok());
    }

    #[test]
    fn an_unknown_user_costs_as_much_as_a_known_one() {
        let cost = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        let kept = password("correct horse").hash(&mut Memory::default()).unwrap();
        assert_eq!(cost(NOBODY), cost(&kept));
        let (one, other) = (PasswordHash::new(NOBODY).unwrap(), PasswordHash::new(&kept).unwrap());
        assert_eq!(one.salt.map(|salt| salt.len()), other.salt.map(|salt| salt.len()));
        assert_eq!(one.hash.map(|hash| hash.as_bytes().len()), other.hash.map(|hash| hash.as_bytes().len()));
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(format!("{:?}", password("correct horse")), "Password(…)");
    }
}
