//! Placeholders for where there is no model: a picture and a short video that say that they are none, so that the whole way
//! can be tried without a key. The same prompt, size and length always give the same file.

mod canvas;
mod webm;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use image::RgbImage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::canvas::Canvas;
use super::family::cut;
use super::{Dimensions, FilmRequest, FilmState};

/// Characters of a prompt that are drawn at most, and kept in a ticket.
const PROMPT_MAX_CHARS: usize = 160;
/// Pixels of a video's longer side: the largest that a model makes.
const FILM_SIDE_MAX: u32 = 1_792;
/// Seconds of a video, however long it was to be.
const FILM_SECONDS_MAX: u32 = 12;
const FRAMES_PER_SECOND: u32 = 4;
/// 0 to 100, of each frame.
const FRAME_QUALITY: f32 = 60.0;

/// All that an offline video is made of.
#[derive(Serialize, Deserialize)]
struct Film {
    prompt: String,
    size: Dimensions,
    seconds: u32,
    from_picture: bool,
    /// Unix milliseconds.
    begun: i64,
}

/// A picture in PNG.
pub fn picture(prompt: &str, size: Dimensions) -> Result<Bytes, String> {
    let canvas = Canvas::new(cut(prompt, PROMPT_MAX_CHARS), (size.width(), size.height()), "PLACEHOLDER");
    let mut bytes = std::io::Cursor::new(Vec::new());
    canvas.picture().write_to(&mut bytes, image::ImageFormat::Png).map_err(|error| error.to_string())?;
    Ok(bytes.into_inner().into())
}

/// The name of a video: it holds what the video is made of, and so outlives this process.
pub fn ticket(request: &FilmRequest) -> String {
    let film = Film {
        prompt: cut(&request.prompt, PROMPT_MAX_CHARS).to_owned(),
        size: request.size,
        seconds: request.seconds.clamp(1, FILM_SECONDS_MAX),
        from_picture: request.from.is_some(),
        begun: Timestamp::now().as_millisecond(),
    };
    // Texts and numbers: nothing in it fails to serialise.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&film).unwrap_or_default())
}

fn read(id: &str) -> Result<Film, &'static str> {
    let json = URL_SAFE_NO_PAD.decode(id).map_err(|_| "its name is none")?;
    let film: Film = serde_json::from_slice(&json).map_err(|_| "its name is none")?;
    let prompt = cut(&film.prompt, PROMPT_MAX_CHARS).to_owned();
    Ok(Film { prompt, seconds: film.seconds.clamp(1, FILM_SECONDS_MAX), ..film })
}

/// How a video stands that takes so long.
pub fn state(id: &str, takes: Duration) -> Result<FilmState, &'static str> {
    let begun = read(id)?.begun;
    let gone = u128::try_from(Timestamp::now().as_millisecond() - begun).unwrap_or(0);
    if gone >= takes.as_millis() {
        return Ok(FilmState::Done);
    }
    Ok(FilmState::Running { percent: u8::try_from(gone * 100 / takes.as_millis()).unwrap_or(99).min(99) })
}

/// The video of a ticket, in WebM.
pub fn film(id: &str) -> Result<Bytes, String> {
    let film = read(id)?;
    let sides = film_sides(film.size);
    let title = if film.from_picture { "PLACEHOLDER (from a picture)" } else { "PLACEHOLDER" };
    let canvas = Canvas::new(&film.prompt, sides, title);
    let count = film.seconds * FRAMES_PER_SECOND;
    let mut frames = Vec::new();
    for number in 0..count {
        let frame = canvas.at(number, count, FRAMES_PER_SECOND);
        frames.push(key_frame(&frame)?);
    }
    Ok(webm::file(sides, FRAMES_PER_SECOND, &frames).into())
}

/// The sides of a video of this shape: even ones, and none too long.
fn film_sides(size: Dimensions) -> (u32, u32) {
    let longer = size.width().max(size.height());
    let side = |side: u32| {
        let scaled = if longer > FILM_SIDE_MAX { side * FILM_SIDE_MAX / longer } else { side };
        (scaled & !1).max(16)
    };
    (side(size.width()), side(size.height()))
}

/// A frame in VP8. A lossy WebP picture is one, in a box of its own.
fn key_frame(frame: &RgbImage) -> Result<Vec<u8>, String> {
    let encoder = webp::Encoder::from_rgb(frame.as_raw(), frame.width(), frame.height());
    let boxed = encoder.encode_simple(false, FRAME_QUALITY).map_err(|error| format!("{error:?}"))?;
    // RIFF, the length of all, WEBP, and then chunks, of which the one named "VP8 " is it.
    let mut rest = boxed.get(12..).unwrap_or_default();
    while rest.len() >= 8 {
        let length = u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize;
        let body = rest.get(8..8 + length).ok_or("the frame is cut short")?;
        if &rest[..4] == b"VP8 " {
            return Ok(body.to_vec());
        }
        rest = rest.get(8 + length + length % 2..).unwrap_or_default();
    }
    Err("there is no frame in the picture".to_owned())
}

#[cfg(test)]
mod tests {
    use greenroom_actors::domain::UserId;

    use super::*;
    use crate::ai::artist::result::{picture_type, video_type};
    use crate::config::Quality;

    fn request(prompt: &str, size: &str, seconds: u32) -> FilmRequest {
        FilmRequest {
            prompt: prompt.to_owned(),
            size: size.parse().unwrap(),
            seconds,
            from: None,
            quality: Quality::Standard,
            user: UserId::new(),
        }
    }

    #[test]
    fn a_picture_is_the_same_for_the_same_prompt_and_of_the_size_that_was_asked_for() {
        for size in ["64x64", "512x512", "333x501", "320x480", "1024x64"] {
            let size: Dimensions = size.parse().unwrap();
            let one = picture("a fox in the snow", size).unwrap();
            assert_eq!(picture_type(&one), Some("image/png"));
            let read = image::load_from_memory(&one).unwrap();
            assert_eq!((read.width(), read.height()), (size.width(), size.height()));
            assert_eq!(one, picture("a fox in the snow", size).unwrap());
            assert_ne!(one, picture("a badger in the snow", size).unwrap());
        }
    }

    #[test]
    fn any_script_gives_a_picture_and_a_video() {
        let size = "320x200".parse().unwrap();
        let long = "x".repeat(5_000);
        for prompt in [
            "",
            "\u{72d0}\u{72f8}",
            "\u{645}\u{631}\u{62d}\u{628}\u{627}",
            "\u{1f98a}\0\n\t",
            "Ünïcödé ß",
            &long,
        ] {
            assert!(!picture(prompt, size).unwrap().is_empty());
            let film = film(&ticket(&request(prompt, "320x200", 1))).unwrap();
            assert_eq!(video_type(&film), Some("video/webm"));
        }
    }

    #[test]
    fn a_video_is_a_row_of_key_frames_and_the_same_for_the_same_prompt() {
        let id = ticket(&request("a fox in the snow", "322x181", 2));
        let one = film(&id).unwrap();
        assert_eq!(one, film(&id).unwrap());
        let key_frames = one.windows(3).filter(|part| *part == [0x9d, 0x01, 0x2a]).count();
        assert_eq!(key_frames, 8);
        assert!(one.len() < 300_000, "{}", one.len());
        assert_eq!(film_sides("1280x721".parse().unwrap()), (1_280, 720));
        assert_eq!(film_sides("4096x64".parse().unwrap()), (1_792, 28));
    }

    #[test]
    fn a_video_takes_its_time_and_its_ticket_says_all() {
        let id = ticket(&request("a fox", "320x200", 99));
        let FilmState::Running { percent } = state(&id, Duration::from_secs(3_600)).unwrap() else {
            panic!("it is done already")
        };
        assert_eq!(percent, 0);
        assert_eq!(state(&id, Duration::ZERO), Ok(FilmState::Done));
        assert_eq!(read(&id).unwrap().seconds, FILM_SECONDS_MAX);
        for forged in ["", "AAAA", "not base64!", "eyJwcm9tcHQiOiIifQ"] {
            assert!(state(forged, Duration::ZERO).is_err() && film(forged).is_err(), "{forged}");
        }
    }
}
