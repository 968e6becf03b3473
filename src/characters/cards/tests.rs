//! Cards of other programs, cards made to do harm, and what must hold for all of them.

#[path = "tests/files.rs"]
mod files;
#[path = "tests/hostile.rs"]
mod hostile;
#[path = "tests/survival.rs"]
mod survival;

use bytes::Bytes;
use img_parts::png::{Png, PngChunk};
use serde_json::{Map, Value, json};

use super::container::ARCHIVE_FILES_MAX;
use super::json::JSON_MAX_BYTES;
use super::*;

/// A file that was made for the tests as another program makes it.
macro_rules! made {
    ($name:literal) => {
        Bytes::from_static(include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/cards/", $name)))
    };
}

/// All of those files.
fn all() -> Vec<(&'static str, Bytes)> {
    vec![
        ("sillytavern.json", made!("sillytavern.json")),
        ("sillytavern.png", made!("sillytavern.png")),
        ("chub.json", made!("chub.json")),
        ("chub.png", made!("chub.png")),
        ("risuai.json", made!("risuai.json")),
        ("risuai.png", made!("risuai.png")),
        ("risuai.charx", made!("risuai.charx")),
        ("agnai.json", made!("agnai.json")),
        ("tavernai.json", made!("tavernai.json")),
        ("tavernai.png", made!("tavernai.png")),
        ("tavernai_itxt.png", made!("tavernai_itxt.png")),
        ("pygmalion.json", made!("pygmalion.json")),
    ]
}

fn file(name: &str) -> Bytes {
    all().into_iter().find(|(file, _)| *file == name).unwrap().1
}

fn of(name: &str) -> Imported {
    import(&file(name)).unwrap()
}

fn bytes(png: Png) -> Bytes {
    png.encoder().bytes()
}

fn from_json(card: &Value) -> Imported {
    import(&Bytes::from(card.to_string())).unwrap()
}

fn exported(imported: &Imported, version: Version) -> Value {
    let source = Source { card: Some(&imported.card), now: &imported.draft, created: 1, updated: 2 };
    export(&source, version)
}

fn warned(imported: &Imported, field: &str) -> bool {
    imported.warnings.0.iter().any(|warning| warning.field == field)
}
