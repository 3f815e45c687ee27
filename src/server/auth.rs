//! Who asks, and what they may do: sessions of a browser, API keys, or the computer itself where there are no accounts.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::{PasswordHasher, PasswordVerifier};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::app::App;
use super::problem::Problem;
use super::store::users;
use crate::error::Result;

/// What a user is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// 管理员: everything, users among it.
    Admin,
    /// 复核员: uploads, decides, keeps cases.
    Reviewer,
    /// 审计员: reads figures and the audit log, changes nothing.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Reviewer, Self::Auditor];

    /// As a person reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "管理员",
            Self::Reviewer => "复核员",
            Self::Auditor => "审计员",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Reviewer => "reviewer",
            Self::Auditor => "auditor",
        }
    }

    /// A role by its name or its key.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| text == role.name() || text.eq_ignore_ascii_case(role.key()))
    }

    pub(crate) fn may(self, right: Right) -> bool {
        match right {
            Right::Look => true,
            Right::Work => self != Self::Auditor,
            Right::Audit => self != Self::Reviewer,
            Right::Manage => self == Self::Admin,
        }
    }
}

impl ToSql for Role {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.key().into())
    }
}

impl FromSql for Role {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().and_then(|text| Self::parse(text).ok_or(FromSqlError::InvalidType))
    }
}

/// What there is to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Classify a text, read the code book, the cases and the figures.
    Look,
    /// Upload, decide, keep cases, download.
    Work,
    /// Read the audit log.
    Audit,
    /// Keep users, withdraw what others decided, delete jobs.
    Manage,
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// A cookie that the browser sends along, whoever made it ask.
    Session,
    /// A key that only its owner can send.
    Key,
    /// Nothing: the server listens on this computer alone and has no accounts.
    Local,
}

/// The name under which work is noted where there are no accounts.
pub(crate) const LOCAL: &str = "本机";
/// The name of the cookie.
const SESSION: &str = "waibao";

/// Who asks. As an argument of a handler that changes something it is only there where the request carries the CSRF token in
/// its `x-csrf-token` header or was made with an API key; forms are read by [`Form`].
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// What forms of this session must bring back.
    pub(crate) csrf: String,
    pub(crate) via: Via,
}

impl Caller {
    /// Goes on only for whoever has the right.
    pub(crate) fn needs(&self, right: Right) -> Result<(), Problem> {
        if self.role.may(right) {
            return Ok(());
        }
        Err(Problem::Forbidden(format!("{}“{}”没有这项权限，请联系管理员", self.role.name(), self.name)))
    }

    /// Who asks, by key, cookie or address; whether the request was their own wish is still to be proved.
    async fn of(parts: &Parts, app: &App) -> Result<Self, Problem> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        if let Some(key) = key(&parts.headers) {
            let user = app.read(move |store| users::of_key(store, &key)).await?.ok_or(Problem::SignIn)?;
            return Ok(Self { name: user.name, role: user.role, csrf: String::new(), via: Via::Key });
        }
        if let Some(token) = cookie(&parts.headers)
            && let Some(session) = app.read(move |store| users::session(store, &token)).await?
        {
            let (name, role) = (session.user.name, session.user.role);
            return Ok(Self { name, role, csrf: session.csrf, via: Via::Session });
        }
        if app.is_local() && !app.read(users::any).await? {
            let csrf = app.local_csrf().to_owned();
            return Ok(Self { name: LOCAL.to_owned(), role: Role::Admin, csrf, via: Via::Local });
        }
        Err(Problem::SignIn)
    }

    fn prove(&self, token: Option<&str>) -> Result<(), Problem> {
        let proved = self.via == Via::Key || token.is_some_and(|token| same(token, &self.csrf));
        if proved { Ok(()) } else { Err(Problem::Forbidden("页面已过期，请刷新后重试".to_owned())) }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = Self::of(parts, app).await?;
        if !safe(&parts.method) {
            caller.prove(parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok()))?;
        }
        Ok(caller)
    }
}

/// The fields of a form, with who sent it: only there where the form brings back the session's CSRF token.
pub(crate) struct Form<T>(pub(crate) Caller, pub(crate) T);

#[derive(Deserialize)]
struct Token {
    csrf: Option<String>,
}

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let caller = Caller::of(&parts, app).await?;
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), app).await;
        let bytes = bytes.map_err(|_| Problem::TooLarge("表单过大".to_owned()))?;
        let header = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
        let field = fields::<Token>(&bytes)?.csrf;
        caller.prove(header.or(field.as_deref()))?;
        Ok(Self(caller, fields(&bytes)?))
    }
}

fn fields<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_urlencoded::from_bytes(bytes).map_err(|error| Problem::Invalid(format!("表单有误：{error}")))
}

/// A multipart upload proves itself by its first field.
pub(crate) struct Upload(pub(crate) Caller, pub(crate) axum::extract::Multipart);

impl FromRequest<App> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let caller = Caller::of(&parts, app).await?;
        let header = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let wrong = |detail: String| Problem::Invalid(format!("上传的格式不对：{detail}"));
        let form = axum::extract::Multipart::from_request(Request::from_parts(parts, body), app).await;
        let mut form = form.map_err(|error| wrong(error.body_text()))?;
        let token = match header {
            Some(token) => Some(token),
            None if caller.via == Via::Key => None,
            None => {
                let first = form.next_field().await.map_err(|error| wrong(error.body_text()))?;
                match first {
                    Some(field) if field.name() == Some("csrf") => field.text().await.ok(),
                    _ => None,
                }
            }
        };
        caller.prove(token.as_deref())?;
        Ok(Self(caller, form))
    }
}

/// Refuses what another site makes a browser send, and, on this computer alone, what comes under another name than its own
/// (DNS rebinding).
pub(crate) async fn own_site(
    axum::extract::State(app): axum::extract::State<App>,
    request: Request,
    next: Next,
) -> Response {
    match foreign(&app, request.method(), request.headers()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn foreign(app: &App, method: &Method, headers: &HeaderMap) -> Option<Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = text("host");
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    if app.is_local() && !matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
        return Some(Problem::Forbidden("请用 http://127.0.0.1 打开".to_owned()));
    }
    let origin = text(ORIGIN.as_str());
    let other = origin == "null" || origin.split_once("://").is_some_and(|(_, origin)| origin != host);
    let sent_by_another = matches!(text("sec-fetch-site"), "cross-site" | "same-site") || other;
    (!safe(method) && sent_by_another).then(|| Problem::Forbidden("请求来自别的网站，已拒绝".to_owned()))
}

/// Keeps a session alive while it is used, and changes its cookie from time to time.
pub(crate) async fn renew(
    axum::extract::State(app): axum::extract::State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(token) = cookie(request.headers()) else { return Ok(next.run(request).await) };
    let sent = token.clone();
    let session = app.read(move |store| users::session(store, &sent)).await?;
    let mut fresh = None;
    match session {
        Some(session) if session.due => {
            let new = secret()?;
            let (old, next) = (token, new.clone());
            app.write(move |change| Ok(users::rotate(change, &old, &next)?)).await?;
            fresh = Some(new);
        }
        Some(session) if session.unseen => app.write(move |change| Ok(users::seen(change, &token)?)).await?,
        _ => {}
    }
    let mut response = next.run(request).await;
    // A handler that signs in or out has its own word on the cookie.
    if let Some(fresh) = fresh.filter(|_| !response.headers().contains_key(SET_COOKIE)) {
        response.headers_mut().insert(SET_COOKIE, session_cookie(&fresh));
    }
    Ok(response)
}

/// The cookie that begins a session; an empty token ends it.
pub(crate) fn session_cookie(token: &str) -> HeaderValue {
    let ends = if token.is_empty() { "; Max-Age=0" } else { "" };
    let cookie = format!("{SESSION}={token}; Path=/; HttpOnly; SameSite=Strict{ends}");
    HeaderValue::from_str(&cookie).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The session's token, where the browser sent one.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<String> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    let mut found = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(name, _)| *name == SESSION);
    found.next().map(|(_, token)| token.to_owned())
}

/// The API key of a request: `Bearer`, or, for clients that know nothing else, the password of `Basic`.
fn key(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = text.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(value.trim().to_owned()),
        "basic" => {
            let pair = String::from_utf8(BASE64_STANDARD.decode(value.trim()).ok()?).ok()?;
            Some(pair.split_once(':')?.1.to_owned())
        }
        _ => None,
    }
}

fn safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether two secrets are the same, in a time that tells nothing of where they differ.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// 256 random bits in hexadecimal digits.
pub(crate) fn secret() -> Result<String, Problem> {
    let mut bytes = [0; 32];
    let failed = |error: getrandom::Error| std::io::Error::other(error.to_string());
    getrandom::fill(&mut bytes)
        .map_err(|error| crate::error::Error::Store { path: "系统随机数".into(), source: failed(error).into() })?;
    Ok(crate::hex(&bytes))
}

/// The hash of a password: argon2id with the parameters of OWASP's Password Storage Cheat Sheet (19 MiB, 2 passes).
pub(crate) fn hashed(password: &str) -> Result<String, Problem> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Problem::Invalid(format!("密码不能用：{error}")))
}

/// Whether a password is the one of a hash.
pub(crate) fn verified(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}
