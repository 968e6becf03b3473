//! Backstage: making, changing, importing, exporting and deleting characters.

use super::{as_admin, fits, shown, until_text};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_character_is_made_changed_and_deleted() {
    let app = TestApp::start().await;
    let tab = as_admin(&app, "#/admin/characters").await;
    tab.click("admin-new-character").await;
    tab.fill("editor-name", "Bo Lindqvist").await;
    tab.fill("editor-tagline", "Repairs clocks that run backwards").await;
    tab.fill("editor-greeting", "Mind the pendulum.").await;
    tab.click("editor-part-personality").await;
    tab.script("document.querySelector('.trait input[value=calm]').click()").await;
    tab.script("{ const dial = document.querySelector('[data-testid=editor-dials-humor]'); dial.value = '0.9'; dial.dispatchEvent(new Event('input')) }").await;
    tab.click("editor-part-ai").await;
    tab.script("document.querySelector('[data-testid=editor-settings-ai-maxTokens]').value = ''").await;
    tab.fill("editor-settings-ai-maxTokens", "99999").await;
    tab.click("editor-part-lore").await;
    tab.click("lore-add").await;
    tab.fill("lore-keys", "pendulum, clock").await;
    tab.fill("lore-content", "The great clock stopped in 1911.").await;
    tab.click("editor-save").await;
    // The server's word leads to the field.
    tab.until("back at the field", "document.querySelector('.editor-body').dataset.part === 'ai'").await;
    until_text(&tab, ".field-error:not([hidden])", "32000").await;
    tab.script("document.querySelector('[data-testid=editor-settings-ai-maxTokens]').value = ''").await;
    tab.fill("editor-settings-ai-maxTokens", "700").await;
    tab.click("editor-save").await;
    tab.until("its own address", "location.hash === '#/admin/characters/bo-lindqvist'").await;

    let admin = app.admin().await;
    let (_, made) = app.get("/api/characters/bo-lindqvist", Some(&admin.token)).await;
    assert_eq!(made["traits"], serde_json::json!(["calm"]));
    assert_eq!(made["settings"]["ai"]["maxTokens"], 700);
    assert_eq!(made["settings"]["lorebook"]["entries"][0]["keys"], serde_json::json!(["pendulum", "clock"]));
    assert!(made["dials"]["humor"].as_f64().is_some_and(|humor| humor > 0.85));

    for part in ["texts", "personality", "ai", "knowledge", "lore", "gallery"] {
        tab.click(&format!("editor-part-{part}")).await;
        tab.until(part, &format!("document.querySelector('.editor-body').dataset.part === '{part}'")).await;
        assert!(fits(&tab).await, "{part}");
    }
    tab.click("editor-part-texts").await;
    tab.click("editor-delete").await;
    tab.click("confirm-accept").await;
    tab.until("the list", "location.hash === '#/admin/characters'").await;
    assert_eq!(app.get("/api/characters/bo-lindqvist", Some(&admin.token)).await.0, 404);
    assert_eq!(tab.errors().iter().filter(|error| !error.contains("400")).count(), 0, "{:?}", tab.errors());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_looked_at_before_it_is_taken_in() {
    let app = TestApp::start().await;
    let tab = as_admin(&app, "#/admin/characters").await;
    tab.until("a place to drop", &format!("{} !== null", shown("import-drop"))).await;
    let card = r#"{"spec":"chara_card_v2","spec_version":"2.0","data":{"name":"Ilse of the Ferry","description":"She rows by night.","personality":"","scenario":"","first_mes":"Step in, {{user}}.","mes_example":"","creator_notes":"","system_prompt":"","post_history_instructions":"","alternate_greetings":["Mind the step."],"tags":["river"],"creator":"","character_version":"1","extensions":{"a/b":1},"character_book":{"entries":[{"keys":["ferry"],"content":"The ferry is called Tern.","enabled":true,"insertion_order":1,"extensions":{}}],"extensions":{}}}}"#;
    tab.script(&format!(
        "{{ const files = new DataTransfer();
           files.items.add(new File([{card:?}], 'ilse.json', {{ type: 'application/json' }}));
           document.querySelector('[data-testid=import-drop]').dispatchEvent(new DragEvent('drop', {{ dataTransfer: files, bubbles: true, cancelable: true }})); }}"
    ))
    .await;
    until_text(&tab, "[data-testid=import-preview]", "Ilse of the Ferry").await;
    until_text(&tab, "[data-testid=import-preview]", "2 greetings").await;
    until_text(&tab, "[data-testid=import-preview]", "1 lore entry").await;
    let (_, before) = app.get("/api/characters?q=Ilse", None).await;
    assert_eq!(before["items"], serde_json::json!([]), "looking takes nothing in");
    tab.click("import-confirm").await;
    tab.until("its editor", "location.hash.startsWith('#/admin/characters/ilse')").await;
    for format in ["v2", "v3", "png"] {
        tab.until(format, &format!("{} !== null", shown(&format!("export-{format}")))).await;
    }
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}
