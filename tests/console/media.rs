//! Files: sent in conversations, recorded, looked at, kept in the library and in galleries.

use std::path::{Path, PathBuf};

use image::{ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;

use super::{OWN, as_admin, as_user, fits, until_text};
use crate::support::app::{TestApp, TestUser};
use crate::support::browser::Tab;

/// A picture on this machine: a few colours that run into each other.
pub(super) fn picture(folder: &TempDir, name: &str, width: u32, height: u32) -> PathBuf {
    let shade = |part: u32, of: u32| u8::try_from(part * 255 / of).unwrap_or(u8::MAX);
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb([shade(x, width), shade(y, height), 120]));
    let path = folder.path().join(name);
    picture.save_with_format(&path, ImageFormat::Png).expect("a picture is written");
    path
}

async fn in_a_room(app: &TestApp, user: &TestUser) -> Tab {
    let room = app.conversation(user).await;
    let tab = as_user(app, user, &format!("#/c/{room}")).await;
    tab.until("the composer", "document.querySelector('.chat.ready [data-testid=composer-input]') !== null")
        .await;
    tab
}

async fn until_there(tab: &Tab, selector: &str) {
    tab.until(selector, &format!("document.querySelector(`{selector}`) !== null")).await;
}

pub(super) async fn choose(tab: &Tab, id: &str, files: &[&Path]) {
    tab.choose(id, files).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_sent_with_a_caption_and_looked_at_one_by_one() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let folder = TempDir::new().expect("a folder");
    let (wide, tall) = (picture(&folder, "harbour.png", 900, 600), picture(&folder, "tower.png", 400, 800));
    let tab = in_a_room(&app, &user).await;
    choose(&tab, "attach-file", &[&wide, &tall]).await;
    tab.until("both", "document.querySelectorAll('[data-testid=tray-item][data-state=done]').length === 2")
        .await;
    tab.fill("composer-input", "Two places I like").await;
    tab.click("send-button").await;
    let ready = format!("{OWN} [data-testid=file][data-state=ready][data-type=image] img");
    tab.until("both ready", &format!("document.querySelectorAll(`{ready}`).length === 2")).await;
    until_text(&tab, OWN, "Two places I like").await;
    // Whatever takes its place meanwhile, one's own message stays in view.
    let end = "(() => { const view = document.querySelector('.chat-scroll'); return view.scrollHeight - view.scrollTop - view.clientHeight < 9 && document.querySelector('[data-testid=jump-to-latest]').hidden })()";
    tab.until(
        "the end",
        &format!(
            "document.querySelectorAll('[data-testid=message][data-state=complete]').length >= 2 && {end}"
        ),
    )
    .await;
    let loads = "(() => { for (const img of document.querySelectorAll('[data-testid=file] img')) img.scrollIntoView(); return [...document.querySelectorAll('[data-testid=file] img')].every((img) => img.complete && img.naturalWidth > 0) })()";
    tab.until("both loaded", loads).await;
    assert_eq!(tab.script("document.querySelectorAll('[data-testid=tray-item]').length").await, 0);
    assert!(fits(&tab).await);

    tab.script(&format!("document.querySelector(`{OWN} button.file-picture`).click()")).await;
    until_text(&tab, "[data-testid=viewer] .viewer-place", "1 of 2").await;
    tab.click("viewer-on").await;
    until_text(&tab, "[data-testid=viewer] .viewer-place", "2 of 2").await;
    until_text(&tab, "[data-testid=viewer] .viewer-name", "Two places I like").await;
    tab.click("viewer-zoom").await;
    until_there(&tab, ".viewer-stage[data-zoom='1']").await;
    tab.click("viewer-close").await;
    tab.until("closed", "document.querySelector('[data-testid=viewer]') === null").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_says_why_and_can_be_left_out() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let folder = TempDir::new().expect("a folder");
    let (notes, fake) = (folder.path().join("notes.txt"), folder.path().join("picture.png"));
    std::fs::write(&notes, "only words").expect("a file");
    std::fs::write(&fake, "<svg onload=alert(1)>").expect("a file");
    let tab = in_a_room(&app, &user).await;
    choose(&tab, "attach-file", &[&notes, &fake]).await;
    until_text(&tab, "[data-testid=tray-item][data-state=failed]", "pictures, videos and sounds can").await;
    until_text(&tab, "[data-testid=tray-item][data-state=failed]", "not what its name says").await;
    tab.until("nothing goes", "document.querySelector('[data-testid=send-button]').disabled").await;
    for _ in 0..2 {
        tab.click("tray-remove").await;
    }
    tab.until("empty", "document.querySelector('[data-testid=tray-item]') === null").await;
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_listened_to_and_sent() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let tab = in_a_room(&app, &user).await;
    tab.click("record-button").await;
    until_there(&tab, "[data-testid=recorder][data-state=recording]").await;
    // Until it has heard a second.
    tab.until("a second", "document.querySelector('.recorder-time')?.textContent >= '0:01'").await;
    tab.click("record-stop").await;
    until_there(&tab, "[data-testid=tray-item][data-kind=audio][data-state=done]").await;
    tab.script("document.querySelector('[data-testid=tray-item] [data-testid=sound-play]').click()").await;
    until_there(&tab, "[data-testid=tray-item] [data-testid=sound][data-playing=true]").await;
    tab.click("send-button").await;
    until_there(
        &tab,
        &format!("{OWN} [data-testid=file][data-type=audio][data-state=ready] [data-testid=sound-line]"),
    )
    .await;
    let value = "document.querySelector('[data-testid=file] [data-testid=sound-line]').getAttribute('aria-valuemax') >= 1";
    tab.until("its length", value).await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_is_thrown_away_leaves_nothing() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let tab = in_a_room(&app, &user).await;
    tab.click("record-button").await;
    until_there(&tab, "[data-testid=recorder][data-state=recording]").await;
    tab.click("record-cancel").await;
    tab.until("the composer again", "document.querySelector('[data-testid=recorder]') === null").await;
    assert_eq!(tab.script("document.querySelectorAll('[data-testid=tray-item]').length").await, 0);
    let (_, list) = app.get("/api/media/list", Some(&user.token)).await;
    assert_eq!(list["total"], 0, "{list}");
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_library_is_looked_at_and_deleted_and_leaves_a_note_where_it_was_sent() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let folder = TempDir::new().expect("a folder");
    let file = picture(&folder, "harbour.png", 300, 200);
    let tab = in_a_room(&app, &user).await;
    let room = tab.script("location.hash").await.as_str().expect("an address").to_owned();
    choose(&tab, "attach-file", &[&file]).await;
    until_there(&tab, "[data-testid=tray-item][data-state=done]").await;
    tab.click("send-button").await;
    until_there(&tab, &format!("{OWN} [data-testid=file][data-state=ready]")).await;

    tab.script("location.hash = '#/media'").await;
    choose(&tab, "library-file", &[&picture(&folder, "second.png", 200, 200)]).await;
    let all = "document.querySelectorAll('[data-testid=library-item][data-state=ready]').length";
    tab.until("both", &format!("{all} === 2")).await;
    until_text(&tab, "[data-testid=library-used]", "are used").await;
    assert!(fits(&tab).await);
    tab.script("[...document.querySelectorAll('[data-testid=library-item]')].find((item) => item.textContent.includes('harbour')).querySelector('button').click()").await;
    until_text(&tab, "[data-testid=details]", "300 × 200").await;
    tab.click("details-delete").await;
    tab.click("confirm-accept").await;
    tab.until("one less", &format!("{all} === 1")).await;

    tab.script(&format!("location.hash = '{room}'")).await;
    until_text(&tab, "[data-testid=file][data-state=deleted]", "was deleted").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gallery_takes_files_and_shows_premium_ones_locked() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let character = app.character().await;
    let folder = TempDir::new().expect("a folder");
    let tab = as_admin(&app, &format!("#/characters/{character}")).await;
    tab.click("gallery-manage").await;
    for (name, premium) in [("The harbour", false), ("The secret", true)] {
        tab.script("document.querySelector('[data-testid=gallery-file-caption]').value = ''").await;
        tab.fill("gallery-file-caption", name).await;
        tab.script(&format!(
            "document.querySelector('[data-testid=gallery-file-premium]').checked = {premium}"
        ))
        .await;
        choose(&tab, "gallery-files", &[&picture(&folder, "one.png", 300, 200)]).await;
        until_text(&tab, "[data-testid=admin-gallery-item][data-state=ready]", name).await;
    }
    tab.close().await;

    let tab = as_user(&app, &user, &format!("#/characters/{character}")).await;
    until_text(&tab, "[data-testid=gallery-locked]", "The secret").await;
    until_there(&tab, "[data-testid=gallery-locked] canvas.blur").await;
    until_there(&tab, "[data-testid=gallery-locked] a[href='#/plans']").await;
    assert_eq!(tab.script("document.querySelectorAll('[data-testid=gallery-locked] img').length").await, 0);
    tab.click("gallery-item").await;
    until_text(&tab, "[data-testid=viewer] .viewer-name", "The harbour").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}
