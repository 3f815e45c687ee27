//! What a request can fail with, as an answer: RFC 9457 for programs, a page for people.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT, CONTENT_TYPE, LOCATION, REFERER, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::pages;
use super::shown::encoded;
use crate::error::Error;

/// Why a request is not answered as wished. What a person can do about it is said in Chinese.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Nobody has signed in.
    SignIn,
    /// Whoever asks may not do this.
    Forbidden(String),
    /// There is no such thing.
    Missing(String),
    /// The address is not asked in this way; the ways that it is stand in the header `Allow`.
    Method,
    /// The request makes no sense.
    Invalid(String),
    /// Somebody else was faster.
    Conflict(String),
    /// Larger than is taken.
    TooLarge(String),
    /// Too many at once: to be tried again after so many seconds.
    Busy(u64),
    /// It took too long.
    Slow,
    /// Our fault, or the machine's.
    Internal(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Argument(_) | Error::Row { .. } | Error::Encoding { .. } => Self::Invalid(error.to_string()),
            error => Self::Internal(error),
        }
    }
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::QueryReturnedNoRows => Self::Missing("没有这一项，可能已被删除".to_owned()),
            error => Self::Internal(Error::Store { path: "数据文件".into(), source: error.into() }),
        }
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(Error::Store { path: "数据文件".into(), source: error.into() })
    }
}

impl Problem {
    /// As the library and the command line say it.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Internal(error) => error,
            problem => Error::Argument(problem.detail()),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::SignIn => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Slow => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What is wrong and what is to be done. What an internal error says of the machine stays in the log.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::SignIn => "请先登录".to_owned(),
            Self::Forbidden(detail)
            | Self::Missing(detail)
            | Self::Invalid(detail)
            | Self::Conflict(detail)
            | Self::TooLarge(detail) => detail.clone(),
            Self::Method => "这个地址不是这样打开的，请从菜单重新打开；程序可用的方法见 Allow 标头".to_owned(),
            Self::Busy(seconds) => format!("请求太多，请 {seconds} 秒后再试"),
            Self::Slow => "处理时间过长，已放弃。请减少每次的文字".to_owned(),
            Self::Internal(_) => "服务器内部出错，详情见服务器日志".to_owned(),
        }
    }
}

/// A problem on its way through the layers, so that the last can put it as its reader wants it.
#[derive(Clone)]
struct Unsaid(StatusCode, String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Self::Internal(error) = &self {
            let causes = std::iter::successors(std::error::Error::source(error), |&cause| cause.source());
            let causes: String = causes.map(|cause| format!("：{cause}")).collect();
            eprintln!("内部错误：{error}{causes}");
        }
        let (status, detail) = (self.status(), self.detail());
        let problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": detail,
        });
        let mut response = (status, problem.to_string()).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Self::Busy(seconds) = self {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Unsaid(status, detail));
        response
    }
}

/// Puts a problem as a page where a person asks with a browser: whoever has not signed in is led to where they can. What the
/// router itself refuses (an address that is none, a method that is not meant) is put so as well.
pub(crate) async fn as_page(request: Request, next: Next) -> Response {
    let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let person = accepted.contains("text/html") && !request.uri().path().starts_with("/v1/");
    let place = sign_in(&request);
    let response = next.run(request).await;
    let unsaid = response.extensions().get::<Unsaid>().cloned();
    let status = response.status();
    let refused = unsaid
        .or_else(|| status.is_client_error().then(|| Unsaid(status, "地址或表单有误，请从菜单重新打开".to_owned())));
    let is_page = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let Some(Unsaid(status, detail)) = refused.filter(|_| person && !is_page) else { return response };
    let (mut parts, _) = response.into_parts();
    parts.extensions.remove::<Unsaid>();
    if status == StatusCode::UNAUTHORIZED
        && let Ok(place) = HeaderValue::from_str(&place)
    {
        parts.status = StatusCode::SEE_OTHER;
        parts.headers.insert(LOCATION, place);
    }
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Response::from_parts(parts, Body::from(pages::problem(status, &detail)))
}

/// Where whoever asks can sign in, and go on. What was sent and not only asked for is lost; its sender goes on where it was.
fn sign_in(request: &Request) -> String {
    let lost = request.method() != Method::GET;
    let referer = || request.headers().get(REFERER)?.to_str().ok()?.parse::<Uri>().ok();
    let wanted = if lost { referer() } else { Some(request.uri().clone()) };
    let wanted = wanted.as_ref().and_then(Uri::path_and_query).map_or("/".to_owned(), ToString::to_string);
    format!("/login?to={}{}", encoded(&wanted), if lost { "&lost=1" } else { "" })
}
