//! What a card comes in: a JSON file, a PNG picture with the card in its text, or a CHARX archive. Told apart by what is in
//! the file, never by its name. Nothing is written to disk, no path of an archive is ever used as one, and only what is
//! needed is unpacked, each piece up to its bound: neither a zip bomb nor a text bomb can grow.

use std::io::{Cursor, Read, Write};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use img_parts::png::{Png, PngChunk};
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde_json::Value;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::json::{self, JSON_MAX_BYTES};
use super::{CardError, Warnings};

/// Files in a CHARX archive.
pub const ARCHIVE_FILES_MAX: usize = 2_000;
/// Bytes of a picture, unpacked.
const PICTURE_MAX_BYTES: usize = 16 * 1024 * 1024;
/// A card's text in a PNG: base64 is a third longer than what it holds.
const CHUNK_MAX_BYTES: usize = JSON_MAX_BYTES / 3 * 4 + 1024;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const ZIP: &[u8] = b"PK\x03\x04";
const JPEG: &[u8] = b"\xff\xd8\xff";
/// Of an archive's list of files: one stands before each.
const ZIP_LISTED: &[u8] = b"PK\x01\x02";

/// Padding or not: both are about.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a file held.
#[derive(Debug)]
pub struct Opened {
    /// The card's JSON.
    pub value: Value,
    /// The bytes of its picture, not yet looked at.
    pub picture: Option<Bytes>,
}

/// Opens a file; says what was left in it.
pub fn open(file: &Bytes, warnings: &mut Warnings) -> Result<Opened, CardError> {
    if file.starts_with(PNG) {
        return open_png(file, warnings);
    }
    // RisuAI also puts the archive behind a JPEG picture, for places that take only pictures.
    if file.starts_with(ZIP) || file.starts_with(JPEG) {
        return open_charx(file, warnings);
    }
    let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    if text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        let value = read_json(text, warnings)?;
        let picture = icon(&value).and_then(data_uri);
        return Ok(Opened { value, picture });
    }
    Err(CardError::unsupported("a card is a JSON file, a PNG picture with a card in it, or a CHARX archive"))
}

fn read_json(text: &[u8], warnings: &mut Warnings) -> Result<Value, CardError> {
    let parsed = json::parse(text)?;
    if parsed.repaired {
        warnings.add(
            "card",
            "held bytes or names that cannot be kept as they were; they were replaced or left out",
        );
    }
    Ok(parsed.value)
}

fn open_png(file: &Bytes, warnings: &mut Warnings) -> Result<Opened, CardError> {
    let png = Png::from_bytes(file.clone())
        .map_err(|error| CardError::invalid("card", format!("is a broken PNG file: {error}")))?;
    let (mut v2, mut v3, mut assets) = (None, None, 0);
    for chunk in png.chunks() {
        let Some((keyword, text)) = keyword(chunk) else { continue };
        // As SillyTavern reads it: the first one of each, in any case of letters.
        match keyword.to_ascii_lowercase().as_slice() {
            b"chara" if v2.is_none() => v2 = Some((chunk, text)),
            b"ccv3" if v3.is_none() => v3 = Some((chunk, text)),
            name if name.starts_with(b"chara-ext-asset_") => assets += 1,
            _ => {}
        }
    }
    if assets > 0 {
        warnings.add("assets", format!("{assets} files in the picture were not taken"));
    }
    let read = |(chunk, text): (&PngChunk, usize), warnings: &mut Warnings| {
        read_json(&unbase64(&chunk_text(chunk, text)?)?, warnings)
    };
    let value = match (v3, v2) {
        (Some(v3), Some(v2)) => match read(v3, warnings) {
            Ok(value) => value,
            Err(error) if error.kind == super::CardErrorKind::Invalid => {
                warnings.add(
                    "ccv3",
                    format!("the newer card cannot be read ({}); the older one was taken", error.message),
                );
                read(v2, warnings)?
            }
            Err(error) => return Err(error),
        },
        (Some(found), None) | (None, Some(found)) => read(found, warnings)?,
        (None, None) => return Err(CardError::invalid("card", "is a picture without a card in it")),
    };
    Ok(Opened { value, picture: Some(file.clone()) })
}

/// The keyword of a text chunk, and where in its contents what follows it begins.
fn keyword(chunk: &PngChunk) -> Option<(&[u8], usize)> {
    if !matches!(&chunk.kind(), b"tEXt" | b"zTXt" | b"iTXt") {
        return None;
    }
    let end = chunk.contents().iter().take(80).position(|byte| *byte == 0)?;
    Some((&chunk.contents()[..end], end + 1))
}

/// The text of a chunk, unpacked where it was packed.
fn chunk_text(chunk: &PngChunk, start: usize) -> Result<Bytes, CardError> {
    let rest = chunk.contents().slice(start..);
    let (packed, text) = match &chunk.kind() {
        b"zTXt" => (true, rest.get(1..).map(|_| rest.slice(1..))),
        // Compression flag and method, language and translated keyword, then the text.
        b"iTXt" => {
            let packed = rest.first() == Some(&1);
            let mut ends = rest.iter().enumerate().skip(2).filter(|(_, byte)| **byte == 0).map(|(at, _)| at);
            let _language = ends.next();
            (packed, ends.next().map(|end| rest.slice(end + 1..)))
        }
        _ => (false, Some(rest)),
    };
    let text =
        text.ok_or_else(|| CardError::invalid("card", "stands in a text of the picture that is cut off"))?;
    if !packed && text.len() <= CHUNK_MAX_BYTES {
        return Ok(text);
    }
    if !packed {
        return Err(text_too_large());
    }
    match decompress_to_vec_zlib_with_limit(&text, CHUNK_MAX_BYTES) {
        Ok(text) => Ok(text.into()),
        Err(error) if error.status == miniz_oxide::inflate::TINFLStatus::HasMoreOutput => {
            Err(text_too_large())
        }
        Err(_) => Err(CardError::invalid("card", "stands in a text of the picture that cannot be unpacked")),
    }
}

fn text_too_large() -> CardError {
    CardError::too_large("card", format!("the card in the picture is larger than {JSON_MAX_BYTES} bytes"))
}

/// Some early tools wrote the JSON as it is.
fn unbase64(text: &[u8]) -> Result<Vec<u8>, CardError> {
    if text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        return Ok(text.to_vec());
    }
    let text: Vec<u8> =
        text.iter().copied().filter(|byte| !byte.is_ascii_whitespace() && *byte != 0).collect();
    BASE64.decode(text).map_err(|_| CardError::invalid("card", "in the picture is not base64"))
}

fn open_charx(file: &Bytes, warnings: &mut Warnings) -> Result<Opened, CardError> {
    // Before the list of files is read: however it is read, it has at most so many.
    let listed = file.windows(ZIP_LISTED.len()).filter(|bytes| *bytes == ZIP_LISTED).count();
    if listed > ARCHIVE_FILES_MAX {
        return Err(CardError::too_large(
            "card",
            format!("the archive has more than {ARCHIVE_FILES_MAX} files"),
        ));
    }
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|error| {
        if file.starts_with(JPEG) {
            CardError::unsupported("a JPEG picture without a card behind it; a card's picture is a PNG")
        } else {
            broken(&error)
        }
    })?;
    let text = unpack(&mut archive, "card.json", JSON_MAX_BYTES)?
        .ok_or_else(|| CardError::invalid("card", "is an archive without card.json"))?;
    let value = read_json(&text, warnings)?;
    let path = icon(&value).and_then(embedded).map(str::to_owned);
    let picture = match &path {
        Some(path) => match unpack(&mut archive, path, PICTURE_MAX_BYTES) {
            Ok(picture) => picture.map(Bytes::from),
            Err(_) => {
                warnings.add("assets", "the picture in the archive cannot be unpacked");
                None
            }
        },
        None => icon(&value).and_then(data_uri),
    };
    let used = 1 + usize::from(path.is_some() && picture.is_some());
    let rest = archive.len().saturating_sub(used);
    if rest > 0 {
        warnings.add("assets", format!("{rest} files in the archive were not taken"));
    }
    Ok(Opened { value, picture })
}

fn broken(error: &ZipError) -> CardError {
    CardError::invalid("card", format!("is an archive that cannot be read: {error}"))
}

/// A file of the archive, of at most so many bytes, whatever the archive says of its length.
fn unpack(
    archive: &mut ZipArchive<Cursor<&Bytes>>,
    name: &str,
    most: usize,
) -> Result<Option<Vec<u8>>, CardError> {
    let file = match archive.by_name(name) {
        Ok(file) => file,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(broken(&error)),
    };
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|error| {
        CardError::invalid("card", format!("{name} in the archive cannot be unpacked: {error}"))
    })?;
    if bytes.len() > most {
        return Err(CardError::too_large(
            "card",
            format!("{name} in the archive is larger than {most} bytes"),
        ));
    }
    Ok(Some(bytes))
}

/// The address of the card's main picture.
fn icon(card: &Value) -> Option<&str> {
    let assets = card.pointer("/data/assets")?.as_array()?;
    let icons = || assets.iter().filter(|asset| asset["type"] == "icon");
    let main = icons().find(|asset| asset["name"] == "main").or_else(|| icons().next())?;
    main["uri"].as_str()
}

/// The path of a file in the archive. The specification spells it `embeded`; not everybody does.
pub fn embedded(uri: &str) -> Option<&str> {
    ["embeded://", "embedded://"].iter().find_map(|scheme| uri.strip_prefix(scheme))
}

fn data_uri(uri: &str) -> Option<Bytes> {
    let (head, data) = uri.strip_prefix("data:")?.split_once(',')?;
    head.ends_with(";base64").then(|| BASE64.decode(data).ok()).flatten().map(Bytes::from)
}

/// Where the main picture lies in an archive.
const MAIN_ICON: &str = "assets/icon/image/main.png";

/// An archive (CHARX) with the card of version 3 and its picture, as its main icon.
pub fn into_charx(picture: &[u8], mut v3: Value) -> Result<Vec<u8>, ZipError> {
    if let Some(data) = v3.get_mut("data").and_then(Value::as_object_mut) {
        let kept = data.get("assets").and_then(Value::as_array).cloned().unwrap_or_default();
        // What lay in another archive did not come along.
        let stays = |asset: &Value| {
            let is_main = asset["type"] == "icon" && asset["name"] == "main";
            let elsewhere = asset["uri"]
                .as_str()
                .is_some_and(|uri| embedded(uri).is_some() || uri.starts_with("__asset:"));
            !is_main && !elsewhere
        };
        let main = serde_json::json!({
            "type": "icon", "name": "main", "ext": "png", "uri": format!("embeded://{MAIN_ICON}"),
        });
        let assets: Vec<Value> = std::iter::once(main).chain(kept.into_iter().filter(stays)).collect();
        data.insert("assets".to_owned(), assets.into());
    }
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (name, bytes) in [("card.json", v3.to_string().as_bytes()), (MAIN_ICON, picture)] {
        archive.start_file(name, options)?;
        archive.write_all(bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// The picture with the cards in it: `chara` for programs that know version 2, `ccv3` for the others.
pub fn into_png(picture: &[u8], v2: &Value, v3: &Value) -> Result<Vec<u8>, img_parts::Error> {
    let mut png = Png::from_bytes(Bytes::copy_from_slice(picture))?;
    let end = png.chunks().len().saturating_sub(1);
    let chunk = |keyword: &str, card: &Value| {
        let mut text = keyword.as_bytes().to_vec();
        text.push(0);
        text.extend(BASE64.encode(card.to_string()).into_bytes());
        PngChunk::new(*b"tEXt", text.into())
    };
    png.chunks_mut().splice(end..end, [chunk("chara", v2), chunk("ccv3", v3)]);
    Ok(png.encoder().bytes().to_vec())
}
