//! Lists: `?limit=` with either `?page=` or `?cursor=`, and the page that answers them.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::{ApiError, FieldError};

pub const PAGE_LIMIT_DEFAULT: u32 = 20;
pub const PAGE_LIMIT_MAX: u32 = 100;
/// Pages beyond this are refused: an offset that deep makes the database count millions of rows. Use a cursor.
const PAGE_MAX: u32 = 10_000;
const CURSOR_MAX_BYTES: usize = 512;

/// The cursor of a list that goes by time, in microseconds, and then by id.
#[must_use]
pub fn moment_cursor(time: Timestamp, id: Uuid) -> String {
    format!("{}.{}", time.as_microsecond(), id.simple())
}

/// Which part of a list is wanted. An extractor; made by hand with [`PageQuery::parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// Items of one page, 1 to 100.
    pub limit: u32,
    /// Page number from 1; `None` when going by cursor, or for the first page.
    pub page: Option<u32>,
    /// Opaque: what the page before gave as `nextCursor`.
    pub cursor: Option<String>,
}

impl Default for PageQuery {
    fn default() -> Self {
        Self { limit: PAGE_LIMIT_DEFAULT, page: None, cursor: None }
    }
}

/// The query parameters of every list, for the API's documentation and for reading.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Items of one page, 1 to 100; 20 without it.
    limit: Option<u32>,
    /// Page number from 1. Not together with `cursor`.
    page: Option<u32>,
    /// `nextCursor` of the page before. Not together with `page`.
    cursor: Option<String>,
}

impl PageQuery {
    pub fn parse(limit: Option<u32>, page: Option<u32>, cursor: Option<String>) -> Result<Self, FieldError> {
        let limit = limit.unwrap_or(PAGE_LIMIT_DEFAULT);
        if !(1..=PAGE_LIMIT_MAX).contains(&limit) {
            return Err(FieldError::new("limit", "takes 1 to 100"));
        }
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        if page.is_some() && cursor.is_some() {
            return Err(FieldError::new("page", "does not go together with cursor"));
        }
        if page.is_some_and(|page| !(1..=PAGE_MAX).contains(&page)) {
            return Err(FieldError::new("page", "takes 1 to 10000; go on by cursor after that"));
        }
        if cursor.as_ref().is_some_and(|cursor| cursor.len() > CURSOR_MAX_BYTES) {
            return Err(FieldError::new("cursor", "is none of ours"));
        }
        Ok(Self { limit, page, cursor })
    }

    /// Items to leave out before this page, when going by page number.
    #[must_use]
    pub fn skip(&self) -> u64 {
        u64::from(self.page.unwrap_or(1).saturating_sub(1)) * u64::from(self.limit)
    }

    /// Rows to leave out, and rows of a page.
    #[must_use]
    pub fn window(&self) -> (i64, i64) {
        (i64::try_from(self.skip()).unwrap_or(i64::MAX), i64::from(self.limit))
    }

    /// Where a page of a list that goes by time and then by id begins: after this place, as [`moment_cursor`] wrote it. `None`
    /// for the first page and when going by number. A cursor that was not made here is refused.
    pub fn after_moment(&self) -> Result<Option<(Timestamp, Uuid)>, FieldError> {
        let read = |text: &String| {
            let (time, id) = text.split_once('.')?;
            let time = Timestamp::from_microsecond(time.parse().ok()?).ok()?;
            Some((time, Uuid::try_parse(id).ok()?))
        };
        let none_of_ours = || FieldError::new("cursor", "is none of this list");
        self.cursor.as_ref().map(|text| read(text).ok_or_else(none_of_ours)).transpose()
    }

    /// Where a page of a list that goes by id begins: after this one. `None` for the first page and when going by number.
    /// A cursor that was not made here is refused.
    pub fn after_id(&self) -> Result<Option<Uuid>, FieldError> {
        let read = |text: &String| {
            Uuid::try_parse(text).map_err(|_| FieldError::new("cursor", "is none of this list"))
        };
        self.cursor.as_ref().map(read).transpose()
    }
}

impl FromRequest for PageQuery {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let page = web::Query::<PageParams>::from_query(request.query_string())
            .map_err(|_| ApiError::malformed("limit and page take whole numbers"))
            .and_then(|params| {
                let PageParams { limit, page, cursor } = params.into_inner();
                Ok(Self::parse(limit, page, cursor)?)
            });
        ready(page)
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The page's number from 1; null when going by cursor.
    pub page: Option<u32>,
    pub limit: u32,
    /// Items in the whole list; null where counting them would cost more than they are worth.
    pub total: Option<u64>,
    /// Give this as `cursor` to go on; null at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    #[must_use]
    pub fn new(query: &PageQuery, items: Vec<T>, total: Option<u64>, next_cursor: Option<String>) -> Self {
        let page = if query.cursor.is_some() { None } else { Some(query.page.unwrap_or(1)) };
        Self { items, page, limit: query.limit, total, next_cursor }
    }

    /// The page made of what was found; one item more than a page says that there is another one, and `cursor` writes
    /// where that one begins.
    #[must_use]
    pub fn cut(
        query: &PageQuery,
        mut found: Vec<T>,
        total: Option<u64>,
        cursor: impl Fn(&T) -> String,
    ) -> Self {
        let more = found.len() > query.limit as usize;
        found.truncate(query.limit as usize);
        let next = found.last().filter(|_| more).map(cursor);
        Self::new(query, found, total, next)
    }

    /// The same of a list that goes by id.
    #[must_use]
    pub fn cut_by_id(query: &PageQuery, found: Vec<T>, total: Option<u64>, id: impl Fn(&T) -> Uuid) -> Self {
        Self::cut(query, found, total, |last| id(last).simple().to_string())
    }

    /// The same page of other items.
    #[must_use]
    pub fn map<U>(self, of: impl FnMut(T) -> U) -> Page<U> {
        let Self { items, page, limit, total, next_cursor } = self;
        Page { items: items.into_iter().map(of).collect(), page, limit, total, next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn of(uri: &str) -> Result<PageQuery, ApiError> {
        let (request, mut payload) = TestRequest::with_uri(uri).to_http_parts();
        PageQuery::from_request(&request, &mut payload).into_inner()
    }

    #[test]
    fn a_list_without_parameters_is_its_first_twenty() {
        assert_eq!(of("/x").unwrap(), PageQuery::default());
        assert_eq!(of("/x?limit=100&page=3").unwrap().skip(), 200);
        assert_eq!(of("/x?cursor=abc&other=1").unwrap().cursor.as_deref(), Some("abc"));
    }

    #[test]
    fn a_page_that_cannot_be_is_refused_by_name() {
        for (uri, field) in [
            ("/x?limit=0", "limit"),
            ("/x?limit=101", "limit"),
            ("/x?page=0", "page"),
            ("/x?page=2&cursor=a", "page"),
            ("/x?page=10001", "page"),
        ] {
            assert_eq!(of(uri).unwrap_err().details[0].field, field, "{uri}");
        }
        assert!(of("/x?limit=many").is_err());
        assert!(of(&format!("/x?cursor={}", "a".repeat(513))).is_err());
    }

    fn by_cursor(cursor: &str) -> Result<Option<Uuid>, FieldError> {
        PageQuery { cursor: Some(cursor.to_owned()), ..PageQuery::default() }.after_id()
    }

    #[test]
    fn a_page_goes_on_where_the_one_before_ended() {
        let ids: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
        let query = PageQuery { limit: 2, ..PageQuery::default() };
        let page = Page::cut_by_id(&query, ids.clone(), Some(3), |id| *id);
        assert_eq!(page.items, ids[..2]);
        assert_eq!(by_cursor(&page.next_cursor.unwrap()), Ok(Some(ids[1])));
        let last = Page::cut_by_id(&query, ids[..2].to_vec(), None, |id| *id);
        assert_eq!(last.next_cursor, None);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["x", "1.2", "0198", "' or 1=1"] {
            assert!(by_cursor(text).is_err(), "{text}");
        }
    }
}
