//! `/c/{slug}`: a public or unlisted conversation, read without script.
//!
//! Rendered here from what the public API shows, nothing more. The page loads nothing from elsewhere and runs nothing:
//! its policy allows its own style, by hash, and our own pictures. Private and unknown ones look the same: not there.

mod content;
mod markdown;

use std::fmt::Write as _;
use std::sync::LazyLock;

use actix_web::http::header::{self, ETag, EntityTag, Header, IfNoneMatch};
use actix_web::http::{StatusCode, Uri};
use actix_web::{HttpRequest, HttpResponse, get, web};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use data_encoding::HEXLOWER;
use greenroom_actors::domain::Revision;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use minijinja::{AutoEscape, Environment, context};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa_actix_web::service_config::ServiceConfig;

use super::readers::Reader;
use super::{Conversations, Listed, MessageRange, Readable, Readership};
use crate::error::status_of;
use crate::http::ClientAddress;
use content::RoomPage;

/// Messages of one page.
const PAGE_MESSAGES: usize = 50;
const BRAND: &str = "Greenroom";
const TEMPLATE: &str = "page.html";
const STYLE: &str = include_str!("page/page.css");
/// A page may be shown again for so long without asking; what became private meanwhile too.
const PUBLIC_CACHE: &str = "public, max-age=60";

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(|out, _, value| Ok(write_escaped(out, value)?));
    if let Err(error) = environment.add_template(TEMPLATE, include_str!("page/page.html")) {
        tracing::error!(%error, "the page of conversations cannot be read");
    }
    environment
});

pub fn pages(config: &mut ServiceConfig<'_>) {
    config.service(conversation_page);
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Messages after this offset.
    after: Option<Revision>,
    /// Messages before this offset.
    before: Option<Revision>,
}

impl Which {
    fn range(&self) -> MessageRange {
        match (self.after, self.before) {
            (None, Some(before)) => MessageRange::Before(before.max(0)),
            (after, _) => MessageRange::After(after.unwrap_or(0).max(0)),
        }
    }
}

/// Read a conversation
///
/// A page of HTML, for people: public conversations and, for whoever has the address, unlisted ones.
#[utoipa::path(
    operation_id = "conversationPage",
    tag = "conversations",
    security(()),
    params(("slug" = String, Path, description = "The conversation's slug"), Which),
    responses(
        (status = 200, description = "The page", content_type = "text/html"),
        (status = 304, description = "It has not changed"),
        (status = 308, description = "The conversation has another slug now"),
        (status = 404, description = "There is none that everybody may read", content_type = "text/html"),
    ),
)]
#[get("/c/{slug}")]
async fn conversation_page(
    request: HttpRequest,
    slug: web::Path<String>,
    address: ClientAddress,
    conversations: web::Data<Conversations>,
) -> HttpResponse {
    let which = web::Query::<Which>::from_query(request.query_string()).map(web::Query::into_inner);
    let Ok(which) = which else { return missing(StatusCode::NOT_FOUND, &conversations) };
    match read(&conversations, &request, &slug, which.range(), address).await {
        Ok(response) => response,
        Err(refusal) if refusal.code == RefusalCode::NotFound => {
            missing(StatusCode::NOT_FOUND, &conversations)
        }
        Err(refusal) => missing(status_of(refusal.code), &conversations),
    }
}

async fn read(
    conversations: &Conversations,
    request: &HttpRequest,
    slug: &str,
    range: MessageRange,
    address: ClientAddress,
) -> Result<HttpResponse, Refusal> {
    let readable = conversations.readable(None, slug).await?;
    if readable.slug != slug {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("/c/{}{query}", readable.slug);
        return Ok(HttpResponse::PermanentRedirect().insert_header((header::LOCATION, target)).finish());
    }
    let view = conversations.public_view(readable.room).await?;
    let (messages, names, more) = conversations.public_messages(readable.room, range, PAGE_MESSAGES).await?;
    conversations.viewed(&readable, Reader::guest(address.0));
    let base = &conversations.settings.public_url;
    let room = RoomPage::new(base, &view, &messages, &names, range, more, readable.listed);
    let style = format!("{STYLE}{}", room.tones());
    let values = context! {
        brand => BRAND, heading => view.title, home => format!("{base}/"), style => minijinja::Value::from_safe_string(style.clone()),
        room => minijinja::value::Serde(&room),
    };
    Ok(respond(request, &readable, values, &style))
}

/// The five signs that mean something in HTML, in text and in quoted attributes; an address stays one that people can read.
fn write_escaped(out: &mut minijinja::Output<'_>, value: &minijinja::Value) -> std::fmt::Result {
    if value.is_undefined() || value.is_none() {
        return Ok(());
    }
    let text = value.to_string();
    if value.is_safe() {
        return out.write_str(&text);
    }
    text.chars().try_for_each(|sign| match sign {
        '&' => out.write_str("&amp;"),
        '<' => out.write_str("&lt;"),
        '>' => out.write_str("&gt;"),
        '"' => out.write_str("&quot;"),
        '\'' => out.write_str("&#39;"),
        sign => out.write_char(sign),
    })
}

fn respond(
    request: &HttpRequest,
    readable: &Readable,
    values: minijinja::Value,
    style: &str,
) -> HttpResponse {
    let Some(html) = render(values) else { return HttpResponse::InternalServerError().finish() };
    let hash = Sha256::digest(html.as_bytes());
    let tag = EntityTag::new_weak(HEXLOWER.encode(&hash[..16]));
    let cache = match (readable.listed, readable.readership) {
        (Listed::Yes, Readership::Reader) => PUBLIC_CACHE,
        _ => "private, no-cache",
    };
    let known = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(&tag)),
        Ok(IfNoneMatch::Any) | Err(_) => false,
    };
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::CACHE_CONTROL, cache))
        .insert_header(ETag(tag))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy(style)));
    if known { response.finish() } else { response.content_type("text/html; charset=utf-8").body(html) }
}

/// The page that says that there is none.
fn missing(status: StatusCode, conversations: &Conversations) -> HttpResponse {
    let (heading, explained) = if status == StatusCode::NOT_FOUND {
        ("There is nothing here", "This conversation does not exist, or is not shown to everybody.")
    } else {
        (
            "This cannot be shown now",
            "Something does not work on our side. Please try again in a little while.",
        )
    };
    let base = &conversations.settings.public_url;
    let values = context! {
        brand => BRAND, heading => heading, explained => explained, home => format!("{base}/"),
        style => minijinja::Value::from_safe_string(STYLE.to_owned()),
    };
    let html = render(values).unwrap_or_default();
    HttpResponse::build(status)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy(STYLE)))
        .content_type("text/html; charset=utf-8")
        .body(html)
}

fn render(values: minijinja::Value) -> Option<String> {
    let rendered = TEMPLATES.get_template(TEMPLATE).and_then(|template| template.render(values));
    rendered.map_err(|error| tracing::error!(%error, "the page of a conversation cannot be made")).ok()
}

/// No script, no frame, no form, nothing of others; one style, known by its hash.
fn policy(style: &str) -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(style.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src 'self'; media-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
}

/// Whether a URL leads to this very server: only from there anything is loaded.
fn own_url(base: &str, url: &str) -> bool {
    let local = url.starts_with('/') && !url.starts_with("//") && !url.contains('\\');
    let Ok(parsed) = url.parse::<Uri>() else { return false };
    if local {
        return parsed.authority().is_none();
    }
    let Ok(own) = base.parse::<Uri>() else { return false };
    parsed.scheme().is_some() && parsed.scheme() == own.scheme() && parsed.authority() == own.authority()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pictures_are_loaded() {
        let base = "https://chat.example.com";
        for own in ["/media/a.webp", "https://chat.example.com/media/a.webp"] {
            assert!(own_url(base, own), "{own}");
        }
        for foreign in [
            "//evil.example/a",
            "https://evil.example/a",
            "https://chat.example.com.evil.example/a",
            "https://chat.example.com@evil.example/a",
            "http://chat.example.com/a",
            "javascript:alert(1)",
            "data:image/png;base64,x",
            "a.webp",
            "/\\evil.example",
            "",
        ] {
            assert!(!own_url(base, foreign), "{foreign}");
        }
    }

    #[test]
    fn the_template_reads_and_the_policy_names_its_style() {
        assert!(TEMPLATES.get_template(TEMPLATE).is_ok());
        let policy = policy("a{}");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    }
}
