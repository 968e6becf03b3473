//! Messages as HTML for the public page. The only way from what was said to HTML.
//!
//! Markdown is read without its raw HTML, which stays text; images become links, so that no reader's browser asks a
//! stranger's server; and what comes out passes a sanitiser that knows a short list of elements and nothing else.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::Builder;
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

const ELEMENTS: [&str; 21] = [
    "p",
    "br",
    "em",
    "strong",
    "del",
    "code",
    "pre",
    "blockquote",
    "ul",
    "ol",
    "li",
    "a",
    "hr",
    "h3",
    "h4",
    "h5",
    "table",
    "thead",
    "tbody",
    "tr",
    "td",
];

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .tags(ELEMENTS.into_iter().chain(["th"]).collect())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"])), ("ol", HashSet::from(["start"]))]))
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("nofollow ugc noopener noreferrer"));
    builder
});

/// What was said, as HTML that is safe to show.
pub(super) fn html_of(content: &str) -> String {
    let options = Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES;
    let events = Parser::new_ext(content, options).map(tamed);
    let mut made = String::with_capacity(content.len() * 3 / 2);
    html::push_html(&mut made, events);
    SANITISER.clean(&made).to_string()
}

fn tamed(event: Event<'_>) -> Event<'_> {
    match event {
        // What looks like HTML is text, with the signs that make it look so.
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        // In a chat a new line is a new line.
        Event::SoftBreak => Event::HardBreak,
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        // Below the headings of the page itself.
        Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
            level: below(level),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below(level))),
        event => event,
    }
}

fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        _ => HeadingLevel::H5,
    }
}

/// What was said, as plain text for a preview: one line of at most `most` characters.
pub(super) fn preview_of(content: &str, most: usize) -> String {
    let mut text = String::new();
    for event in Parser::new_ext(content, Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Text(part) | Event::Code(part) | Event::Html(part) | Event::InlineHtml(part) => {
                text.push_str(&part);
            }
            Event::SoftBreak | Event::HardBreak | Event::End(_) => text.push(' '),
            _ => {}
        }
    }
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" .", ".").replace(" ,", ",");
    cut(&words, most).into_string()
}

fn cut(text: &str, most: usize) -> CowStr<'_> {
    if text.chars().count() <= most {
        return text.into();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    if let Some(at) = short.rfind(' ').filter(|at| *at > most / 2) {
        short.truncate(at);
    }
    short.push('…');
    short.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_write_reads_well() {
        assert_eq!(
            html_of("*waves* **hi**\nthere"),
            "<p><em>waves</em> <strong>hi</strong><br>\nthere</p>\n"
        );
        assert_eq!(
            html_of("```rust\nlet a = \"<b>\";\n```"),
            "<pre><code>let a = \"&lt;b&gt;\";\n</code></pre>\n"
        );
        assert_eq!(html_of("# Big"), "<h3>Big</h3>\n");
        let link = html_of("[site](https://example.com/?a=1&b=2)");
        assert!(link.contains("href=\"https://example.com/?a=1&amp;b=2\""), "{link}");
        assert!(link.contains("rel=\"nofollow ugc noopener noreferrer\""), "{link}");
    }

    #[test]
    fn html_in_a_message_is_shown_and_never_made() {
        for said in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "hello <b onclick=\"x()\">you</b>",
            "<!-- hidden -->",
            "<style>body{display:none}</style>",
        ] {
            let html = html_of(said);
            assert!(html.contains("&lt;") && !html.contains("<script") && !html.contains("<img"), "{html}");
        }
    }

    #[test]
    fn links_lead_to_the_web_alone_and_images_are_not_loaded() {
        for said in [
            "[a](javascript:alert(1))",
            "[a](JaVaScRiPt:alert(1))",
            "[a](data:text/html,x)",
            "[a](vbscript:x)",
            "<javascript:alert(1)>",
            "[a](/api/auth/logout)",
            "[a](//evil.example)",
        ] {
            assert!(!html_of(said).contains("href"), "{said}: {}", html_of(said));
        }
        let image = html_of("![a cat](https://evil.example/track.png)");
        assert!(!image.contains("<img") && image.contains(">a cat</a>"), "{image}");
    }

    #[test]
    fn a_preview_is_one_short_line() {
        assert_eq!(preview_of("*Hello*  there,\n\n`you`.", 50), "Hello there, you.");
        let long = preview_of(&"word ".repeat(100), 20);
        assert!(long.chars().count() <= 20 && long.ends_with('…'), "{long}");
    }

    proptest! {
        #[test]
        fn no_text_makes_an_element_that_is_not_on_the_list(said in "[ -~\n]{0,120}") {
            let html = html_of(&said);
            for start in html.match_indices('<').map(|(at, _)| &html[at + 1..]) {
                let name: String =
                    start.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
                prop_assert!(name == "th" || ELEMENTS.contains(&&*name), "{}", html);
            }
            for tag in tags(&html) {
                prop_assert!(!tag.contains(" on"), "{}", html);
            }
        }
    }

    /// The tags of a page, without the values of their attributes.
    fn tags(html: &str) -> Vec<String> {
        let (mut tags, mut tag, mut is_quoted) = (Vec::new(), None::<String>, false);
        for letter in html.chars() {
            match (&mut tag, letter) {
                (None, '<') => tag = Some(String::new()),
                (Some(_), '"') => is_quoted = !is_quoted,
                (Some(_), '>') if !is_quoted => tags.extend(tag.take()),
                (Some(tag), letter) if !is_quoted => tag.push(letter),
                _ => {}
            }
        }
        tags
    }

    #[test]
    fn words_that_look_like_an_attribute_stay_words() {
        // In code a new line is a space: no attribute begins with it.
        let html = html_of("`\non`");
        assert!(html.contains("<code> on</code>"), "{html}");
        assert_eq!(tags("<a href=\"x > on\" onclick=\"y\">a on</a>"), ["a href= onclick=", "/a"]);
    }
}
