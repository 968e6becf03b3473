//! Which parts of a query are looked for: those that are not refused with a `-`, without the word `or`.
//!
//! What the query means is for the database to say (`websearch_to_tsquery`); this tells only what to mark in a hit.

/// The wanted parts, with spaces between.
pub(super) fn wanted(query: &str) -> String {
    let mut wanted: Vec<String> = Vec::new();
    let mut rest = query;
    loop {
        rest = rest.trim_start();
        let refused = rest.starts_with('-');
        let body = if refused { &rest[1..] } else { rest };
        let (part, after) = match body.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => match body.find(|c: char| c.is_whitespace() || c == '"') {
                Some(at) => body.split_at(at),
                None => (body, ""),
            },
        };
        if !refused && !part.trim().is_empty() && !part.eq_ignore_ascii_case("or") {
            wanted.push(part.trim().to_owned());
        }
        // A lone sign must not hold the loop.
        if after.len() >= rest.len() || after.is_empty() {
            return wanted.join(" ");
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::wanted;

    #[test]
    fn refused_words_are_not_wanted() {
        for (query, expected) in [
            ("tea", "tea"),
            ("tea -milk", "tea"),
            ("tea -\"cold milk\" sugar", "tea sugar"),
            ("\"high tea\" or coffee", "high tea coffee"),
            ("-milk", ""),
            ("\"open", "open"),
            ("a\"b c\"d", "a b c d"),
            ("- -", ""),
            ("well-kept", "well-kept"),
        ] {
            assert_eq!(wanted(query), expected, "{query}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_read_to_its_end(query in "\\PC{0,60}") {
            let _ = wanted(&query);
        }
    }
}
