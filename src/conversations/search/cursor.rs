//! Where a page of hits begins.
//!
//! By time, after the last hit. By relevance, so many hits are left out of the newest ones up to the time of the first
//! page: what is said meanwhile does not shift the pages.

use greenroom_actors::domain::Revision;
use jiff::Timestamp;
use uuid::Uuid;

use super::SearchSort;
use crate::conversations::store::Hit;
use crate::error::FieldError;
use crate::http::PageQuery;

/// A hit's place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub at: Timestamp,
    pub message: Uuid,
    pub offset: Revision,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct From {
    place: Option<Place>,
    /// By relevance: the place itself is in, and so many hits are left out.
    skip: usize,
    ranked: bool,
}

impl From {
    /// In one room: hits before this offset.
    pub(super) fn before(&self) -> Revision {
        match self.place {
            Some(place) => place.offset.saturating_add(Revision::from(self.ranked)),
            None => Revision::MAX,
        }
    }

    /// Over rooms: hits before this one in time.
    pub(super) fn after(&self) -> Option<(Timestamp, Uuid)> {
        let place = self.place?;
        // Ids go up to the largest: with it the place is in.
        Some((place.at, if self.ranked { Uuid::max() } else { place.message }))
    }
}

fn letter(sort: SearchSort) -> &'static str {
    match sort {
        SearchSort::Relevance => "v",
        SearchSort::Recent => "t",
    }
}

/// Reads the cursor; one of another sort is refused, and so are page numbers, since nobody counts the hits.
pub(super) fn position(page: &PageQuery, sort: SearchSort) -> Result<From, FieldError> {
    if page.page.is_some_and(|page| page > 1) {
        return Err(FieldError::new("page", "does not go here: go on by cursor"));
    }
    let Some(text) = &page.cursor else { return Ok(From::default()) };
    let read = || {
        let mut parts = text.split('.');
        (parts.next()? == letter(sort)).then_some(())?;
        let skip: usize = parts.next()?.parse().ok()?;
        let at = Timestamp::from_microsecond(parts.next()?.parse().ok()?).ok()?;
        let message = Uuid::try_parse(parts.next()?).ok()?;
        let offset: Revision = parts.next()?.parse().ok()?;
        (parts.next().is_none() && offset >= 0).then_some(())?;
        let place = Some(Place { at, message, offset });
        Some(From { place, skip, ranked: sort == SearchSort::Relevance })
    };
    read().ok_or_else(|| FieldError::new("cursor", "is none of this search"))
}

fn write(sort: SearchSort, skip: usize, place: Place) -> String {
    let Place { at, message, offset } = place;
    format!("{}.{skip}.{}.{}.{offset}", letter(sort), at.as_microsecond(), message.simple())
}

/// The page's hits of those found, and where the next page begins. `hits` are the newest first.
pub(super) fn cut(
    mut hits: Vec<Hit>,
    sort: SearchSort,
    from: &From,
    page: &PageQuery,
) -> (Vec<Hit>, Option<String>) {
    let limit = page.limit as usize;
    let place = |hit: &Hit| Place { at: hit.created_at, message: hit.message, offset: hit.offset };
    match sort {
        SearchSort::Recent => {
            let more = hits.len() > limit;
            hits.truncate(limit);
            let next = hits.last().filter(|_| more).map(|last| write(sort, 0, place(last)));
            (hits, next)
        }
        SearchSort::Relevance => {
            let newest = from.place.or_else(|| hits.first().map(place));
            // A stable sort: of equals the newer stays first.
            hits.sort_by(|one, other| other.rank.total_cmp(&one.rank));
            let end = from.skip.saturating_add(limit);
            let next = newest.filter(|_| hits.len() > end).map(|newest| write(sort, end, newest));
            (hits.into_iter().skip(from.skip).take(limit).collect(), next)
        }
    }
}

/// Where a page of a list begins that is made anew each time.
pub(super) fn skipped(page: &PageQuery) -> Result<usize, FieldError> {
    match &page.cursor {
        None => Ok(usize::try_from(page.skip()).unwrap_or(usize::MAX)),
        Some(text) => text
            .strip_prefix("n.")
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| FieldError::new("cursor", "is none of this search")),
    }
}

pub(super) fn skip(hits: usize) -> String {
    format!("n.{hits}")
}

#[cfg(test)]
mod tests {
    use greenroom_actors::domain::RoomId;

    use super::*;

    fn hit(offset: Revision, rank: f32) -> Hit {
        let created_at = Timestamp::from_second(offset).unwrap();
        Hit { message: Uuid::now_v7(), room: RoomId::new(), offset, created_at, rank }
    }

    fn page(limit: u32, cursor: Option<String>) -> PageQuery {
        PageQuery { limit, page: None, cursor }
    }

    #[test]
    fn by_time_a_page_goes_on_after_the_last_hit() {
        let (hits, next) = cut(
            vec![hit(9, 0.1), hit(5, 0.9), hit(2, 0.5)],
            SearchSort::Recent,
            &From::default(),
            &page(2, None),
        );
        assert_eq!(hits.iter().map(|hit| hit.offset).collect::<Vec<_>>(), [9, 5]);
        let from = position(&page(2, next.clone()), SearchSort::Recent).unwrap();
        assert_eq!(from.before(), 5);
        assert_eq!(from.after(), Some((hits[1].created_at, hits[1].message)));
        assert!(position(&page(2, next), SearchSort::Relevance).is_err());
    }

    #[test]
    fn by_relevance_pages_stand_on_the_same_hits() {
        let all = vec![hit(9, 0.1), hit(5, 0.9), hit(2, 0.5)];
        let (first, next) = cut(all.clone(), SearchSort::Relevance, &From::default(), &page(2, None));
        assert_eq!(first.iter().map(|hit| hit.offset).collect::<Vec<_>>(), [5, 2]);
        let second = page(2, next);
        let from = position(&second, SearchSort::Relevance).unwrap();
        assert_eq!(from.before(), 10, "the newest is in again");
        let (last, next) = cut(all, SearchSort::Relevance, &from, &second);
        assert_eq!((last[0].offset, next), (9, None));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "t", "t.1.2.3", "t.0.0.x.1", "t.0.0.01980000000070008000000000000000.-1", "n.x"] {
            assert!(position(&page(5, Some(text.to_owned())), SearchSort::Recent).is_err(), "{text}");
            assert!(skipped(&page(5, Some(text.to_owned()))).is_err(), "{text}");
        }
        let numbered = PageQuery { page: Some(2), ..PageQuery::default() };
        assert!(position(&numbered, SearchSort::Recent).is_err());
    }
}
