//! What people and models write is shown as what they wrote: nothing of it runs, loads or looks like a part of the page.

use serde_json::Value;

use super::{OWN, as_user, said, until_text};
use crate::support::app::TestApp;

/// Each would set `window.owned`, load something from elsewhere or draw over the page, if it were markup.
const ATTACKS: [&str; 14] = [
    "<script>window.owned = 1</script>",
    "<img src=x onerror=\"window.owned = 2\">",
    "<svg onload=\"window.owned = 3\"><script>window.owned = 3</script></svg>",
    "<svg><a xlink:href=\"javascript:window.owned=4\"><text y=20>click</text></a></svg>",
    "[click](javascript:window.owned=5)",
    "<javascript:window.owned=6>",
    "[click](data:text/html,<script>window.owned=7</script>)",
    "![picture](https://tracker.example/pixel.png \"x\" onerror=window.owned=8)",
    "<iframe srcdoc=\"<script>parent.owned=9</script>\"></iframe>",
    "<style>*{display:none!important}</style>",
    "<div style=\"position:fixed;inset:0;background:url(https://tracker.example/a)\">over all</div>",
    "<details open ontoggle=window.owned=10>x</details>",
    "**<b onmouseover=window.owned=11>bold</b>** `<script>window.owned=12</script>`",
    "[a]: javascript:window.owned=13\n\n[a] <math><mtext><img src onerror=window.owned=14></mtext></math>",
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_messages_run_nothing_and_stay_readable() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    for attack in ATTACKS {
        said(&app, &user, &room, attack).await;
    }
    let tab = as_user(&app, &user, &format!("#/c/{room}")).await;
    tab.until("all of them", &format!("document.querySelectorAll('{OWN}').length == {}", ATTACKS.len()))
        .await;

    // Everything that could be clicked or hovered was.
    tab.script(
        "for (const node of document.querySelectorAll('.message-text *')) {
           for (const name of ['mouseover', 'focus', 'toggle']) node.dispatchEvent(new Event(name, { bubbles: true }));
           if (node.tagName !== 'A') node.click();
         }",
    )
    .await;
    assert_eq!(tab.script("window.owned ?? null").await, Value::Null);
    let foreign = "document.querySelectorAll('.message-text :is(script, img, svg, iframe, style, math, object, embed, form, input, link, [style], [onerror], [onload])').length";
    assert_eq!(tab.script(foreign).await, 0);
    let links = "[...document.querySelectorAll('.message-text a')].every((link) => /^(https?|mailto):$/.test(link.protocol) && link.relList.contains('noopener') && link.target === '_blank')";
    assert_eq!(tab.script(links).await, true);
    let elsewhere = "performance.getEntriesByType('resource').filter(({ name }) => !name.startsWith(location.origin)).length";
    assert_eq!(tab.script(elsewhere).await, 0);
    assert_eq!(tab.script("getComputedStyle(document.querySelector('.shell')).display").await, "grid");
    for readable in [
        "<script>window.owned = 1</script>",
        "onerror=",
        "[click](javascript:window.owned=5)",
        "<style>*{display:none",
        "[a]: javascript:",
    ] {
        until_text(&tab, ".message-text", readable).await;
    }
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_cannot_make_markup_of_text_even_where_it_would() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let tab = as_user(&app, &user, "#/").await;
    for script in [
        "try { document.body.innerHTML = '<p>x</p>'; 'made' } catch (error) { error.name }",
        "try { document.write('<p>x</p>'); 'made' } catch (error) { error.name }",
        "try { trustedTypes.createPolicy('mine', { createHTML: (text) => text }); 'made' } catch (error) { error.name }",
    ] {
        assert_eq!(tab.script(script).await, "TypeError", "{script}");
    }
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn markdown_is_shown_as_what_it_means() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    let text = "# Tea\n\nFirst **strong**, *soft* and `code`:\n\n- black\n- green\n\n```js\nlet a = 1 < 2;\n```\n\n> quoted\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nhttps://example.com/tea?a=1&b=2";
    said(&app, &user, &room, text).await;
    let tab = as_user(&app, &user, &format!("#/c/{room}")).await;
    tab.until("it", &format!("document.querySelector('{OWN} .message-text') !== null")).await;
    for (selector, wanted) in [
        (".text-heading", "Tea"),
        ("strong", "strong"),
        ("em", "soft"),
        ("p code", "code"),
        ("ul li:nth-child(2)", "green"),
        ("pre code", "let a = 1 < 2;"),
        ("blockquote", "quoted"),
        ("td:nth-child(2)", "2"),
        ("a[href=\"https://example.com/tea?a=1&b=2\"]", "https://example.com/tea?a=1&b=2"),
    ] {
        until_text(&tab, &format!("{OWN} .message-text {selector}"), wanted).await;
    }
    tab.close().await;
    app.stop().await;
}
