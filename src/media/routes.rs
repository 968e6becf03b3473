//! `GET /media/{key}`: an object for whoever has an address that opens it. Parts of it too: players seek.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    self, ByteRangeSpec, ContentDisposition, DispositionType, EntityTag, HeaderName, HeaderValue, IfNoneMatch,
};
use actix_web::{HttpRequest, HttpResponse, get, head, web};
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{FileType, Links, Media, ObjectError, ObjectKey, Shut};
use crate::config::Config;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::asks_for_head;

/// Nothing that lies here is a page: should a browser ever take it for one, it may do nothing.
const POLICY: &str = "default-src 'none'; sandbox";

/// Whose pages may show it.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const CROSS_ORIGIN: HeaderValue = HeaderValue::from_static("cross-origin");

/// Seconds that an address at a cloud store is good for: who is sent there goes at once, and players ask for more of it.
const SENT_ON_MAX_S: u64 = 900;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(object).service(object_head);
}

/// What opens an address.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Opens {
    /// Unix time in seconds.
    expires: i64,
    signature: String,
}

/// Get a file
///
/// By the address that a message gives, until it expires; no token is asked for. Parts of it by `Range`.
#[utoipa::path(
    operation_id = "getMedia",
    tag = "media",
    params(("key" = String, Path, description = "The object's key, with its folders"), Opens),
    responses(
        (status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The part that was asked for", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 302, description = "It lies at a cloud: the address there, good for a quarter of an hour"),
        (status = 304, description = "The one that the client has is the present one"),
        (status = 403, description = "The address is not signed for this, or has expired", body = ErrorBody),
        (status = 404, description = "There is no such file", body = ErrorBody),
        (status = 416, description = "The file has no such part", body = ErrorBody),
        (status = 503, description = "The store is away", body = ErrorBody),
    ),
)]
#[get("/media/{key:.+}")]
async fn object(
    request: HttpRequest,
    key: web::Path<String>,
    known: web::Header<IfNoneMatch>,
    media: web::Data<Media>,
) -> ApiResult<HttpResponse> {
    answer(&request, &key, &known.0, &media).await
}

/// Ask about a file
///
/// As the file is got, without its bytes.
#[utoipa::path(
    operation_id = "headMedia",
    tag = "media",
    params(("key" = String, Path, description = "The object's key, with its folders"), Opens),
    responses(
        (status = 200, description = "It is there"),
        (status = 302, description = "It lies at a cloud: the address there, good for a quarter of an hour"),
        (status = 304, description = "The one that the client has is the present one"),
        (status = 403, description = "The address is not signed for this, or has expired"),
        (status = 404, description = "There is no such file"),
        (status = 503, description = "The store is away"),
    ),
)]
#[head("/media/{key:.+}")]
async fn object_head(
    request: HttpRequest,
    key: web::Path<String>,
    known: web::Header<IfNoneMatch>,
    media: web::Data<Media>,
) -> ApiResult<HttpResponse> {
    answer(&request, &key, &known.0, &media).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Bytes,
    Head,
}

async fn answer(
    request: &HttpRequest,
    key: &str,
    known: &IfNoneMatch,
    media: &Media,
) -> ApiResult<HttpResponse> {
    let wanted = if asks_for_head(request) { Wanted::Head } else { Wanted::Bytes };
    let shut = |shut: Shut| ApiError::forbidden(shut.to_string());
    let Ok(opens) = web::Query::<Opens>::from_query(request.query_string()) else {
        return Err(shut(Shut::Forged));
    };
    let now = Timestamp::now();
    // Signed keys are keys; whatever else a path may hold was signed by nobody.
    let key = ObjectKey::parse(key).map_err(|_| shut(Shut::Forged))?;
    let links = Links::installed().ok_or_else(|| shut(Shut::Forged))?;
    links.open(key.as_str(), opens.expires, &opens.signature, now).map_err(shut)?;
    // Pages of other origins show it, this server's where a CDN stands before it: what opens it is the signature, not the page.
    let crosses = links.has_cdn() || serves_other_pages(request);
    if media.settings().redirect
        && let Some(mut elsewhere) = sent_on(media, &key, wanted, opens.expires, now).await?
    {
        if crosses {
            elsewhere.headers_mut().insert(RESOURCE_POLICY, CROSS_ORIGIN);
        }
        return Ok(elsewhere);
    }
    let stat = media.objects().stat(&key).await.map_err(|error| refused(&error))?;
    let tag = EntityTag::new_strong(stat.tag);
    let same = match known {
        IfNoneMatch::Any => true,
        IfNoneMatch::Items(tags) => tags.iter().any(|known| known.weak_eq(&tag)),
    };
    let mut head = HttpResponse::Ok();
    let whose = if links.has_cdn() { "public" } else { "private" };
    let left = opens.expires.saturating_sub(now.as_second());
    head.insert_header(header::ETag(tag.clone()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        // A compressor would make other bytes under the same tag, and a download that is taken up again joins both.
        .insert_header(header::ContentEncoding::Identity)
        // What was signed for one is for nobody's shared cache but the operator's own. The object of a key never changes.
        .insert_header((header::CACHE_CONTROL, format!("{whose}, max-age={left}, immutable")))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if crosses {
        head.insert_header((RESOURCE_POLICY, CROSS_ORIGIN));
    }
    if same {
        return Ok(head.status(StatusCode::NOT_MODIFIED).finish());
    }
    let file = key.file_type();
    head.content_type(file.mime());
    if file == FileType::Other {
        let disposition = DispositionType::Attachment;
        head.insert_header(ContentDisposition { disposition, parameters: Vec::new() });
    }
    let asked = match wanted {
        Wanted::Bytes => part(request, &tag, stat.size),
        // RFC 9110, 14.2: a range is of what GET answers, and of nothing else.
        Wanted::Head => Part::Whole,
    };
    let range = match asked {
        Part::Whole => None,
        Part::Range(from, to) => {
            head.status(StatusCode::PARTIAL_CONTENT);
            head.insert_header((header::CONTENT_RANGE, format!("bytes {from}-{to}/{}", stat.size)));
            Some(from..to + 1)
        }
        Part::None => {
            let size = format!("bytes */{}", stat.size);
            let error =
                ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "no_such_part", "the file has no such part");
            let value = HeaderValue::from_str(&size).map_err(|_| ApiError::internal())?;
            return Err(error.with_header(header::CONTENT_RANGE, value));
        }
    };
    let length = range.as_ref().map_or(stat.size, |range| range.end - range.start);
    if wanted == Wanted::Head {
        // As long as the object is, though nothing of it is read: the connection sends no body.
        return Ok(head.no_chunking(length).streaming(stream::empty::<Result<Bytes, ObjectError>>()));
    }
    let bytes = media.objects().get(&key, range).await.map_err(|error| refused(&error))?;
    Ok(head.no_chunking(length).streaming(bytes))
}

/// Whether pages of other origins are let in.
fn serves_other_pages(request: &HttpRequest) -> bool {
    request.app_data::<web::Data<Config>>().is_some_and(|config| !config.server.cors_origins.is_empty())
}

/// The way to the object at the store itself, for a while that is no longer than its own; `None` where there is none.
async fn sent_on(
    media: &Media,
    key: &ObjectKey,
    wanted: Wanted,
    expires: i64,
    now: Timestamp,
) -> ApiResult<Option<HttpResponse>> {
    let left = u64::try_from(expires - now.as_second()).unwrap_or(0).clamp(1, SENT_ON_MAX_S);
    // What a cloud signs is signed for one method.
    let method = match wanted {
        Wanted::Bytes => Method::GET,
        Wanted::Head => Method::HEAD,
    };
    let signed = media.objects().signed(method, key, Duration::from_secs(left)).await;
    let Some(url) = signed.map_err(|error| refused(&error))? else { return Ok(None) };
    let answer = HttpResponse::Found()
        .insert_header((header::LOCATION, url.as_str()))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish();
    Ok(Some(answer))
}

enum Part {
    Whole,
    /// First and last byte.
    Range(u64, u64),
    /// What was asked for is not there.
    None,
}

/// One part is given; where several are asked for, the whole is a right answer too. So it is where `If-Range` is of
/// another object.
fn part(request: &HttpRequest, tag: &EntityTag, size: u64) -> Part {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(Ok(range)) = text(header::RANGE).map(str::parse::<header::Range>) else { return Part::Whole };
    let fits = |known: &str| known.parse::<EntityTag>().is_ok_and(|known| known.strong_eq(tag));
    if text(header::IF_RANGE).is_some_and(|known| !fits(known)) {
        return Part::Whole;
    }
    match range {
        header::Range::Bytes(parts) => match parts.as_slice() {
            [only] => satisfied(only, size),
            _ => Part::Whole,
        },
        header::Range::Unregistered(..) => Part::Whole,
    }
}

fn satisfied(asked: &ByteRangeSpec, size: u64) -> Part {
    asked.to_satisfiable_range(size).map_or(Part::None, |(from, to)| Part::Range(from, to))
}

fn refused(error: &ObjectError) -> ApiError {
    match error {
        ObjectError::NotFound => ApiError::not_found("file"),
        error => {
            tracing::error!(%error, "an object cannot be read");
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "dependency_down", "the store of files is away")
        }
    }
}
