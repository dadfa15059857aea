//! Who sits at the browser: a name for the audit records, and the token that only pages of this console have.
//!
//! The token is in a cookie, and its digest in each form. Another site can make a browser send the cookie, but can't know
//! what to write into the form. Nothing is kept here, so a form also holds after a restart and at another replica.

use axum::http::{HeaderMap, HeaderValue, header};
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use url::form_urlencoded::{byte_serialize, parse};

use super::fields::Fields;

const TOKEN_COOKIE: &str = "tercet-console";
const NAME_COOKIE: &str = "tercet-name";
/// Hexadecimal digits of a token.
const TOKEN_LENGTH: usize = 64;
/// A name that is longer is cut.
const NAME_CHARS_MAX: usize = 64;
/// Metadata that says who asks; see the audit records.
const OPERATOR: &str = "tercet-operator";
/// A year.
const NAME_KEPT_SECONDS: u32 = 365 * 24 * 3_600;

/// Whoever asks for a page.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    token: String,
    is_new: bool,
    /// What they are called, as far as they have said.
    pub(super) name: String,
}

/// A form that no page of this console has made.
#[derive(Debug)]
pub(super) struct Forged;

impl Visitor {
    /// As their cookies tell.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let known = cookie(headers, TOKEN_COOKIE).filter(|token| is_token(token));
        let name = cookie(headers, NAME_COOKIE).map(decoded);
        Self {
            is_new: known.is_none(),
            token: known.map_or_else(made_token, str::to_owned),
            name: clean_name(&name.unwrap_or_default()),
        }
    }

    /// What every form of a page carries.
    pub(super) fn form_token(&self) -> String {
        hexadecimal(&Sha256::digest(format!("form {}", self.token).as_bytes()))
    }

    /// Takes a form of theirs: whether it is one, and what they call themselves in it.
    pub(super) fn submits(&mut self, form: &Fields) -> Result<(), Forged> {
        // Digests of digests: how long the comparison takes says nothing of the token.
        let digest = |text: &str| Sha256::digest(text.as_bytes());
        if self.is_new || digest(form.get("token")) != digest(&self.form_token()) {
            return Err(Forged);
        }
        self.name = clean_name(form.get("name"));
        Ok(())
    }

    /// A call of theirs, as if they had made it over gRPC.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let is_visible = |c: char| c == ' ' || c.is_ascii_graphic();
        let name: String = self
            .name
            .chars()
            .map(|c| if is_visible(c) { c } else { '?' })
            .collect();
        if let Ok(name) = AsciiMetadataValue::try_from(name)
            && !name.is_empty()
        {
            request.metadata_mut().insert(OPERATOR, name);
        }
        request
    }

    /// The cookies that their browser is to keep.
    pub(super) fn remember(&self, headers: &mut HeaderMap) {
        if self.is_new {
            let cookie = format!(
                "{TOKEN_COOKIE}={}; Path=/; HttpOnly; SameSite=Lax",
                self.token
            );
            set(headers, cookie);
        }
    }

    /// The same, with their name.
    pub(super) fn remember_name(&self, headers: &mut HeaderMap) {
        self.remember(headers);
        let name: String = byte_serialize(self.name.as_bytes()).collect();
        set(
            headers,
            format!(
                "{NAME_COOKIE}={name}; Path=/; Max-Age={NAME_KEPT_SECONDS}; HttpOnly; SameSite=Lax"
            ),
        );
    }
}

fn set(headers: &mut HeaderMap, cookie: String) {
    if let Ok(value) = HeaderValue::try_from(cookie) {
        headers.append(header::SET_COOKIE, value);
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter();
    all.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

fn decoded(value: &str) -> String {
    let pair = parse(value.as_bytes()).next();
    pair.map_or_else(String::new, |(name, _)| name.into_owned())
}

/// On one line and of bounded length.
fn clean_name(name: &str) -> String {
    let visible = name.trim().chars().filter(|c| !c.is_control());
    visible.take(NAME_CHARS_MAX).collect()
}

fn is_token(text: &str) -> bool {
    text.len() == TOKEN_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Without randomness there is no token, and a form with an empty one is refused.
fn made_token() -> String {
    let mut bytes = [0; TOKEN_LENGTH / 2];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => hexadecimal(&bytes),
        Err(_) => String::new(),
    }
}

/// Two digits a byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
