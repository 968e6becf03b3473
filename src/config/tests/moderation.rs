//! Settings of moderation.

use super::*;

#[test]
fn patterns_and_thresholds_are_by_names_of_ones_own() {
    let file = "[moderation]\nwindow_chars = 50\n[moderation.patterns]\nhouse = [\"some words\", \"/colou?r/\"]\n\
                [moderation.thresholds]\n\"sexual/minors\" = 0.1\n";
    let config = from_file(file, &[("GREENROOM__MODERATION__PATTERNS__SPAM", "buy now,cheap")]).unwrap();
    let moderation = &config.engine_settings().moderation;
    assert_eq!(moderation.window_chars, 50);
    assert_eq!(moderation.rules.refused("Some words.").as_deref(), Some("house"));
    assert_eq!(moderation.rules.refused("Buy now!").as_deref(), Some("spam"));
    assert_eq!(moderation.rules.refused("fair"), None);
    let scores = ["sexual/minors", "hate"].map(|category| config.moderation.threshold_of(category));
    assert_eq!(scores, [0.1, 0.5]);
}

#[test]
fn what_moderation_cannot_go_by_is_refused_with_the_reason() {
    let table = [
        ("[moderation.patterns]\nhouse = [\"/(/\"]\n", "moderation.patterns.house: \"/(/\": "),
        ("[moderation.patterns]\nhouse = [\"/x*/\"]\n", "is found in every text"),
        ("[moderation.thresholds]\nhate = 0\n", "moderation.thresholds.\"hate\": takes a score above 0"),
        ("[moderation]\nthreshold = 3.0\n", "moderation.threshold: takes a score"),
        ("[moderation]\nwindow_chars = 201\n", "moderation.window_chars: takes 1 to 200"),
        ("[moderation]\nwindow_chars = 0\n", "moderation.window_chars: takes 1 to 200"),
        ("[moderation]\ntimeout_ms = 10000\n", "not shorter than engine.commit_deadline_ms"),
        (
            "[moderation]\nprovider = \"nobody\"\n",
            "moderation.provider: no OpenAI-compatible provider \"nobody\" is on",
        ),
        ("[moderation]\nprovider = \"offline\"\n", "moderation.provider: no OpenAI-compatible provider"),
        ("[moderation]\non_outage = \"shut\"\n", "open or closed"),
        (
            "[engine]\nrefused_patterns = [\"x\"]\n",
            "is no more: list such texts by category in moderation.patterns",
        ),
    ];
    for (file, told) in table {
        let error = from_file(file, &[]).unwrap_err();
        assert!(error.contains(told), "{file}: {error}");
    }
    let variable = ("GREENROOM__ENGINE__REFUSED_PATTERNS", "x");
    assert!(from_env(&[variable]).unwrap_err().contains("moderation.patterns"));
}
