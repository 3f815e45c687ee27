//! Who asks, and what they may do: sessions of a browser, API keys, or the computer itself where there are no accounts.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderName, ORIGIN, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::app::App;
use super::limits;
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

impl Right {
    /// Who has it, as a person reads it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Look => "任何用户",
            Self::Work => "复核员、管理员",
            Self::Audit => "审计员、管理员",
            Self::Manage => "管理员",
        }
    }
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
/// Bytes of a token that is read.
const LONGEST_TOKEN: usize = 256;
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
        let open = || async { Ok::<_, Problem>(app.is_local() && !app.read(users::any).await?) };
        if let Some(key) = key(&parts.headers) {
            match app.read(move |store| users::of_key(store, &key)).await? {
                Some(user) => return Ok(Self { name: user.name, role: user.role, csrf: String::new(), via: Via::Key }),
                // Clients that cannot do without a key send some key also where there are no accounts.
                None if open().await? => {}
                None => return Err(Problem::SignIn),
            }
        }
        if let Some(token) = cookie(&parts.headers)
            && let Some(session) = app.read(move |store| users::session(store, &token)).await?
        {
            let (name, role) = (session.user.name, session.user.role);
            return Ok(Self { name, role, csrf: session.csrf, via: Via::Session });
        }
        if open().await? {
            let csrf = app.local_csrf().to_owned();
            return Ok(Self { name: LOCAL.to_owned(), role: Role::Admin, csrf, via: Via::Local });
        }
        Err(Problem::SignIn)
    }

    fn prove(&self, token: Option<&str>) -> Result<(), Problem> {
        let proved = self.via == Via::Key || token.is_some_and(|token| same(token, &self.csrf));
        let problem = "页面已过期，请刷新后重试。程序请带 API 密钥；没有账号时请以 application/json 发送";
        if proved { Ok(()) } else { Err(Problem::Forbidden(problem.to_owned())) }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = Self::of(parts, app).await?;
        let own_wish = safe(&parts.method) || caller.via == Via::Local && by_program(&parts.headers);
        if !own_wish {
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
        // Heard out first: a browser that still sends would not see that it is led to sign in.
        let bytes = limits::whole(body).await?;
        let caller = Caller::of(&parts, app).await?;
        let header = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
        let field = fields::<Token>(&bytes)?.csrf;
        caller.prove(header.or(field.as_deref()))?;
        Ok(Self(caller, fields(&bytes)?))
    }
}

fn fields<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_urlencoded::from_bytes(bytes).map_err(|error| Problem::Invalid(format!("表单有误：{error}")))
}

/// The fields of a form of somebody who has not signed in. That no other site sent it is seen by its origin ([`own_site`]).
pub(crate) struct Open<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Open<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Self, Problem> {
        Ok(Self(fields(&limits::whole(request.into_body()).await?)?))
    }
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
                    Some(field) if field.name() == Some("csrf") => token_in(field).await,
                    _ => None,
                }
            }
        };
        caller.prove(token.as_deref())?;
        Ok(Self(caller, form))
    }
}

/// What stands in a field that holds a token; nothing of one that is longer than any.
async fn token_in(mut field: axum::extract::multipart::Field<'_>) -> Option<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.ok()? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST_TOKEN {
            return None;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Refuses what another site makes a browser send, and, where there are no accounts, what comes under another name than this
/// computer's own (DNS rebinding). With accounts a name that points here gets a page for signing in and no cookie.
pub(crate) async fn own_site(
    axum::extract::State(app): axum::extract::State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if app.is_local() && !named_here(request.headers()) && !app.read(users::any).await? {
        return Err(Problem::Forbidden("请用 http://127.0.0.1 打开".to_owned()));
    }
    if !safe(request.method()) && from_another_site(request.headers()) {
        return Err(Problem::Forbidden("请求来自别的网站，已拒绝".to_owned()));
    }
    Ok(next.run(request).await)
}

fn named_here(headers: &HeaderMap) -> bool {
    let host = text(headers, HOST);
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

/// By what a browser adds and a page cannot forge. Older browsers send no `Sec-Fetch-Site`, and none does over plain HTTP to
/// another computer; programs send neither.
fn from_another_site(headers: &HeaderMap) -> bool {
    let origin = text(headers, ORIGIN);
    let other = origin.split_once("://").map_or(!origin.is_empty(), |(_, origin)| origin != text(headers, HOST));
    other || matches!(text(headers, HeaderName::from_static("sec-fetch-site")), "cross-site" | "same-site")
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
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

/// Whether only a program can have sent this, or a page of ours: of these types a browser sends nothing to another site
/// without asking it first (CORS), which we never allow. Forms, plain text and what has no type it does send. Where there are
/// no accounts a program has no key and no token to prove itself by, so it proves itself by this, after [`own_site`].
fn by_program(headers: &HeaderMap) -> bool {
    let essence = text(headers, CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    ["application/json", "application/octet-stream"].iter().any(|known| essence.eq_ignore_ascii_case(known))
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
    Ok(crate::hex(&random::<32>()?))
}

/// So many random bytes of the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    let failed = |error: getrandom::Error| std::io::Error::other(error.to_string());
    getrandom::fill(&mut bytes)
        .map_err(|error| crate::error::Error::Store { path: "系统随机数".into(), source: failed(error).into() })?;
    Ok(bytes)
}
