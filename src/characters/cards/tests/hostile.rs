//! Files made to break something: each is refused or read, nothing panics, nothing grows.

use std::io::Write;

use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

fn kind(file: &[u8]) -> CardErrorKind {
    import(&Bytes::copy_from_slice(file)).map(|imported| imported.draft.name).unwrap_err().kind
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn with_chunk(kind: [u8; 4], contents: Vec<u8>) -> Vec<u8> {
    let mut png = Png::from_bytes(drawn("A", "#336699").into()).unwrap();
    png.chunks_mut().insert(1, PngChunk::new(kind, contents.into()));
    bytes(png).to_vec()
}

#[test]
fn what_is_no_card_is_refused_by_what_it_is() {
    use CardErrorKind::{Invalid, Unsupported};
    for (file, expected) in [
        (&b""[..], Unsupported),
        (b"hello", Unsupported),
        (b"[1]", Unsupported),
        (b"RIFF\0\0\0\0WEBP", Unsupported),
        (b"GIF89a", Unsupported),
        (b"\xff\xd8\xff\xe0 only a picture", Unsupported),
        (b"<html><script>alert(1)</script>", Unsupported),
        (b"{}", Invalid),
        (b"{\"name\": \"  \"}", Invalid),
        (b"{\"name\": {}}", Invalid),
        (br#"{"spec":"chara_card_v2"}"#, Invalid),
        (br#"{"spec":"chara_card_v2","data":[]}"#, Invalid),
        (br#"{"spec":"chara_card_v3","data":{}}"#, Invalid),
        (br#"{"spec":"lorebook_v3","data":{"entries":[],"name":"x"}}"#, Invalid),
        (br#"{"entries":{}}"#, Invalid),
        (b"PK\x03\x04", Invalid),
        (b"\x89PNG\r\n\x1a\n", Invalid),
    ] {
        assert_eq!(kind(file), expected, "{}", String::from_utf8_lossy(file));
    }
    assert_eq!(kind(&drawn("A", "#336699")), Invalid, "a picture without a card");
    assert_eq!(kind(&archive(&[("other.json", b"{}")])), Invalid);
    let error = import(&Bytes::from_static(br#"{"spec":"chara_card_v3","data":{}}"#)).unwrap_err();
    assert_eq!(error.field, "data.name");
}

#[test]
fn an_archive_bomb_is_refused_before_it_grows() {
    let bomb = vec![b' '; JSON_MAX_BYTES + 1];
    let file = archive(&[("card.json", &bomb)]);
    assert!(file.len() < 100_000, "it is small as it comes");
    assert_eq!(kind(&file), CardErrorKind::TooLarge);
    let names: Vec<String> = (0..=ARCHIVE_FILES_MAX).map(|n| format!("assets/{n}")).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    files.push(("card.json", br#"{"name":"A"}"#));
    assert_eq!(kind(&archive(&files)), CardErrorKind::TooLarge);
}

#[test]
fn a_picture_bomb_in_an_archive_costs_only_the_picture() {
    let card = br#"{"spec":"chara_card_v3","data":{"name":"A","assets":[{"type":"icon","name":"main","uri":"embeded://assets/icon.png"}]}}"#;
    let bomb = vec![0; 20 * 1024 * 1024];
    let imported = import(&archive(&[("card.json", card), ("assets/icon.png", &bomb)]).into()).unwrap();
    assert!(imported.picture.is_none() && warned(&imported, "assets"));
    for uri in [
        "embeded://../../etc/passwd",
        "embeded:///etc/passwd",
        "http://127.0.0.1:1/x.png",
        "file:///etc/passwd",
        "data:,x",
        "data:image/png;base64,AAAA",
    ] {
        let card =
            json!({"name": "A", "data": {"name": "A", "assets": [{"type": "icon", "uri": uri}]}}).to_string();
        let imported = import(&archive(&[("card.json", card.as_bytes())]).into()).unwrap();
        assert!(imported.picture.is_none(), "{uri}");
    }
}

#[test]
fn text_bombs_in_a_picture_are_refused_before_they_grow() {
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&vec![b' '; 64 * 1024 * 1024], 6);
    assert!(packed.len() < 100_000);
    let ztxt = [b"chara\0\0".as_slice(), &packed].concat();
    let itxt = [b"ccv3\0\x01\0\0\0".as_slice(), &packed].concat();
    assert_eq!(kind(&with_chunk(*b"zTXt", ztxt)), CardErrorKind::TooLarge);
    assert_eq!(kind(&with_chunk(*b"iTXt", itxt)), CardErrorKind::TooLarge);
    let plain = [b"chara\0".as_slice(), &vec![b'A'; JSON_MAX_BYTES * 2]].concat();
    assert_eq!(kind(&with_chunk(*b"tEXt", plain)), CardErrorKind::TooLarge);
    for cut in [&b"chara\0"[..], b"chara\0\x01", b"chara\0\x01\0", b"chara\0\x01\0en", b"chara\0\0\0x\0"] {
        for kind_of in [*b"zTXt", *b"iTXt", *b"tEXt"] {
            assert_eq!(kind(&with_chunk(kind_of, cut.to_vec())), CardErrorKind::Invalid);
        }
    }
}

#[test]
fn a_picture_of_too_many_pixels_is_left_out_and_the_card_taken() {
    // A header that says 60,000 by 60,000: what would be decoded were 14 GB.
    let mut png = Png::from_bytes(file("chub.png")).unwrap();
    let mut header = png.chunks()[0].contents().to_vec();
    header[..8].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    png.chunks_mut()[0] = PngChunk::new(*b"IHDR", header.into());
    let imported = import(&bytes(png)).unwrap();
    assert!(imported.picture.is_none() && warned(&imported, "picture"));
    assert_eq!(imported.draft.name, "Tamsin Oake");
}

#[test]
fn numbers_out_of_all_measure_do_no_harm() {
    let entry = json!({"keys": ["a"], "content": "x", "insertion_order": 1e300, "priority": -1e300});
    let card = json!({"data": {"name": "A", "extensions": {"talkativeness": "NaN", "greenroom": {"humor": 9, "temperature": -1e30, "color": "#zzzzzz", "category": ""}},
        "character_book": {"scan_depth": -1, "token_budget": 1e300, "entries": [entry]}}});
    let draft = from_json(&card).draft;
    assert_eq!((draft.talkativeness, draft.extras.humor, draft.extras.temperature), (0.5, 1.0, 0.0));
    assert_eq!((draft.lorebook.scan_depth, draft.lorebook.token_budget), (None, Some(2_000_000)));
    assert_eq!((draft.lorebook.entries[0].order, draft.lorebook.entries[0].priority), (i32::MAX, i32::MIN));
    assert!(!draft.extras.category.is_empty() && draft.extras.color.len() == 7);
}

/// Looks at a file as the server does. It must not panic, and what it reads it must be able to write.
fn survives(file: Vec<u8>) {
    if let Ok(imported) = import(&Bytes::from(file)) {
        assert!(imported.draft.description.chars().count() <= 16_000);
        let v2 = exported(&imported, Version::V2);
        let v3 = exported(&imported, Version::V3);
        assert!(
            !v2["data"]["name"].as_str().unwrap_or_default().trim().is_empty()
                || v2["data"]["name"].is_number()
        );
        if let Some(picture) = &imported.picture {
            assert!(into_png(picture, &v2, &v3).is_ok());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn garbage_is_never_more_than_refused(start in 0_usize..6, rest in proptest::collection::vec(any::<u8>(), 0..600)) {
        let start: &[u8] = [&b""[..], b"{", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"\xff\xd8\xff", b"{\"data\":{\"name\":"][start];
        survives([start, &rest].concat());
    }

    #[test]
    fn a_card_cut_off_anywhere_does_no_harm(file in 0_usize..12, at in any::<prop::sample::Index>()) {
        let (_, file) = all().swap_remove(file);
        survives(file[..at.index(file.len())].to_vec());
    }

    #[test]
    fn a_card_with_bytes_changed_does_no_harm(
        file in 0_usize..12,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let (_, file) = all().swap_remove(file);
        let mut file = file.to_vec();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        survives(file);
    }

    #[test]
    fn a_field_of_any_shape_is_read_or_refused(
        field in prop::sample::select(vec!["spec", "spec_version", "data", "name", "description", "first_mes",
            "mes_example", "alternate_greetings", "tags", "extensions", "character_book", "entries", "keys",
            "secondary_keys", "insertion_order", "assets", "talkativeness", "selectiveLogic", "greenroom"]),
        value in survival::any_json(),
    ) {
        for name in ["sillytavern.json", "chub.json", "tavernai.json"] {
            let mut card = of(name).card.into_value();
            put_everywhere(&mut card, field, &value);
            survives(card.to_string().into_bytes());
        }
    }
}

fn put_everywhere(at: &mut Value, field: &str, value: &Value) {
    match at {
        Value::Object(object) => {
            object.values_mut().for_each(|inner| put_everywhere(inner, field, value));
            if object.contains_key(field) {
                object.insert(field.to_owned(), value.clone());
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| put_everywhere(inner, field, value)),
        _ => {}
    }
}
