//! The cursor of lists that go by id, the newest first: the id of the last item of the page before. One that was not
//! made here is refused.

use uuid::Uuid;

use crate::error::FieldError;
use crate::http::{Page, PageQuery};

/// Where a page begins: after this id. `None` for the first one and when going by page number.
pub(super) fn position(page: &PageQuery) -> Result<Option<Uuid>, FieldError> {
    let read =
        |text: &String| Uuid::try_parse(text).map_err(|_| FieldError::new("cursor", "is none of this list"));
    page.cursor.as_ref().map(read).transpose()
}

/// Rows to leave out, and rows of a page.
pub(super) fn window(page: &PageQuery) -> (i64, i64) {
    (i64::try_from(page.skip()).unwrap_or(i64::MAX), i64::from(page.limit))
}

/// The page made of what was found; one item more than a page says that there is another one.
pub(super) fn page<T>(
    query: &PageQuery,
    mut found: Vec<T>,
    total: Option<u64>,
    id: impl Fn(&T) -> Uuid,
) -> Page<T> {
    let more = found.len() > query.limit as usize;
    found.truncate(query.limit as usize);
    let next = found.last().filter(|_| more).map(|last| id(last).simple().to_string());
    Page::new(query, found, total, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_cursor(cursor: &str) -> Result<Option<Uuid>, FieldError> {
        position(&PageQuery { cursor: Some(cursor.to_owned()), ..PageQuery::default() })
    }

    #[test]
    fn a_page_goes_on_where_the_one_before_ended() {
        let ids: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
        let query = PageQuery { limit: 2, ..PageQuery::default() };
        let page = page(&query, ids.clone(), Some(3), |id| *id);
        assert_eq!(page.items, ids[..2]);
        assert_eq!(by_cursor(&page.next_cursor.unwrap()), Ok(Some(ids[1])));
        let last = super::page(&query, ids[..2].to_vec(), None, |id| *id);
        assert_eq!(last.next_cursor, None);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["x", "1.2", "0198", "' or 1=1"] {
            assert!(by_cursor(text).is_err(), "{text}");
        }
    }
}
