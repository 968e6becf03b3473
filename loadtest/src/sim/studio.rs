//! Pictures and videos as a provider would send them: a real PNG of the size that was asked for, and a real short WebM, which
//! comes after a while. What a prompt may not say is refused as OpenAI refuses it: at once for pictures, and videos fail.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::audio::part;
use super::moderation::is_flagged;
use super::other::{Answer, Wrong};
use super::request::Request;
use super::server::Simulator;
use super::settings::Results;
use crate::clock::Moment;

/// Videos that are known; the oldest are forgotten.
const FILMS_MAX: usize = 10_000;
const SIDE_MAX: u32 = 4_096;
/// Where only this machine gets.
const INSIDE: &str = "http://127.0.0.1:9/inside";
/// Two seconds of 160 x 90.
const FILM: &[u8] = include_bytes!("files/film.webm");

#[derive(Default)]
pub struct Films {
    next: u64,
    known: BTreeMap<u64, Film>,
}

struct Film {
    begun: Moment,
    model: String,
    of_xai: bool,
    refused: bool,
}

/// What is asked for, whether in JSON or as a form.
struct Asked {
    json: Value,
    form: Option<(Vec<u8>, String)>,
}

impl Asked {
    fn read(request: &Request<'_>) -> Result<Asked, Wrong> {
        if request.content_type.starts_with("multipart/form-data") {
            let form = Some((request.body.to_vec(), request.content_type.to_owned()));
            return Ok(Asked { json: Value::Null, form });
        }
        let json = serde_json::from_slice(&request.body).map_err(|what| what.to_string())?;
        Ok(Asked { json, form: None })
    }

    fn text(&self, name: &str) -> Option<String> {
        match &self.form {
            Some((body, kind)) => part(body, kind, name).map(|it| String::from_utf8_lossy(it).into_owned()),
            None => match &self.json[name] {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            },
        }
    }

    fn has_file(&self, name: &str) -> bool {
        let form = self.form.as_ref().and_then(|(body, kind)| part(body, kind, name));
        form.is_some_and(|file| !file.is_empty()) || self.json[name].is_object()
    }

    fn prompt(&self) -> Result<String, Wrong> {
        let prompt = self.text("prompt").filter(|prompt| !prompt.is_empty());
        prompt.ok_or_else(|| Wrong::from("there is no prompt".to_owned()))
    }
}

fn refused() -> Wrong {
    let what = "Your request was rejected by the safety system.".to_owned();
    Wrong { status: 400, what, code: "moderation_blocked" }
}

fn unknown() -> Wrong {
    Wrong { status: 404, what: "there is no such video".to_owned(), code: "not_found" }
}

impl Simulator {
    pub(super) fn paint(&mut self, request: &Request<'_>) -> Result<(String, Answer), Wrong> {
        let asked = Asked::read(request)?;
        let prompt = asked.prompt()?;
        if is_flagged(&prompt, &self.settings) {
            return Err(refused());
        }
        let edits = request.path.ends_with("/edits");
        if edits && !asked.has_file("image") {
            return Err("there is no image".to_owned().into());
        }
        let size = asked.text("size").filter(|size| size != "auto");
        let sides = size.as_deref().unwrap_or("1024x1024").split_once('x');
        let side = |text: &str| text.parse::<u32>().ok().filter(|side| (1..=SIDE_MAX).contains(side));
        let sides = sides.and_then(|(width, height)| Some((side(width)?, side(height)?)));
        let (width, height) = sides.ok_or_else(|| "size is no size".to_owned())?;
        let picture = || png(width, height, &prompt);
        let made = match self.settings.results {
            Results::Base64 => json!({ "b64_json": STANDARD.encode(picture()) }),
            Results::Url => json!({ "url": self.address_of(&format!("{width}x{height}.png")) }),
            Results::Redirect => json!({ "url": self.address_of("elsewhere.png") }),
        };
        let mut made = made;
        made["revised_prompt"] = json!(format!("{prompt}, revised"));
        let answer = json!({ "created": 0, "data": [made] });
        Ok((asked.text("model").unwrap_or_default(), Answer::json(&answer)))
    }

    pub(super) fn begin_film(&mut self, request: &Request<'_>) -> Result<(String, Answer), Wrong> {
        let asked = Asked::read(request)?;
        let prompt = asked.prompt()?;
        let of_xai = request.path.ends_with("/generations");
        let model = asked.text("model").unwrap_or_default();
        let refused = is_flagged(&prompt, &self.settings);
        self.films.next += 1;
        let id = self.films.next;
        let film = Film { begun: Moment::now(), model: model.clone(), of_xai, refused };
        self.films.known.insert(id, film);
        if self.films.known.len() > FILMS_MAX {
            self.films.known.pop_first();
        }
        let answer = if of_xai {
            json!({ "request_id": format!("video_{id}") })
        } else {
            json!({
                "id": format!("video_{id}"), "object": "video", "status": "queued", "progress": 0, "model": model,
                "created_at": 0, "size": asked.text("size"), "seconds": asked.text("seconds"),
            })
        };
        Ok((model, Answer::json(&answer)))
    }

    pub(super) fn film(&mut self, request: &Request<'_>) -> Result<(String, Answer), Wrong> {
        let path = request.path.trim_start_matches("/v1/videos/");
        let (name, content) = match path.strip_suffix("/content") {
            Some(name) => (name, true),
            None => (path, false),
        };
        let id: u64 = name.strip_prefix("video_").and_then(|id| id.parse().ok()).ok_or_else(unknown)?;
        if request.method == "DELETE" {
            let film = self.films.known.remove(&id).ok_or_else(unknown)?;
            let answer = json!({ "id": name, "object": "video.deleted", "deleted": true });
            return Ok((film.model, Answer::json(&answer)));
        }
        let film = self.films.known.get(&id).ok_or_else(unknown)?;
        let share = film.begun.elapsed().as_secs_f64() * 1e3 / self.settings.video_ms.max(0.001);
        let fails = film.refused || self.settings.videos_fail;
        let done = share >= 1.0 && !fails;
        let model = film.model.clone();
        if content {
            if !done {
                return Err("the video is not ready".to_owned().into());
            }
            return Ok((model, Answer { content_type: "video/webm", body: FILM.to_vec() }));
        }
        let progress = (share.clamp(0.0, 1.0) * 100.0) as u32;
        let answer = match (film.of_xai, done, fails && share >= 0.5) {
            (true, true, _) => {
                let url = match self.settings.results {
                    Results::Redirect => self.address_of("elsewhere.webm"),
                    Results::Base64 | Results::Url => self.address_of("film.webm"),
                };
                json!({ "status": "done", "model": model, "progress": 100, "video": { "url": url, "duration": 2, "respect_moderation": true } })
            }
            (true, _, true) => json!({ "status": "failed", "error": why(film.refused) }),
            (true, ..) => json!({ "status": "pending", "progress": progress }),
            (false, true, _) => {
                json!({ "id": name, "object": "video", "status": "completed", "progress": 100 })
            }
            (false, _, true) => {
                json!({ "id": name, "object": "video", "status": "failed", "error": why(film.refused) })
            }
            (false, ..) => {
                let status = if share < 0.1 { "queued" } else { "in_progress" };
                json!({ "id": name, "object": "video", "status": status, "progress": progress })
            }
        };
        Ok((model, Answer::json(&answer)))
    }

    fn address_of(&self, file: &str) -> String {
        format!("http://{}/sim/files/{file}", self.address())
    }

    /// What lies at the addresses that were given.
    pub(super) fn serve_file(&mut self, number: usize, request: &Request<'_>) {
        let name = request.path.trim_start_matches("/sim/files/");
        let Some(connection) = self.connections[number].as_mut() else { return };
        if name.starts_with("elsewhere") {
            let location = format!("Location: {INSIDE}\r\n");
            return connection.answer_with(302, &location, "text/plain", b"", request.keep_alive);
        }
        if name == "film.webm" {
            return connection.answer_with(200, "", "video/webm", FILM, request.keep_alive);
        }
        let side = |text: &str| text.parse::<u32>().ok().filter(|side| (1..=SIDE_MAX).contains(side));
        let sides = name.strip_suffix(".png").and_then(|name| name.split_once('x'));
        match sides.and_then(|(width, height)| Some((side(width)?, side(height)?))) {
            Some((width, height)) => {
                let body = png(width, height, name);
                connection.answer_with(200, "", "image/png", &body, request.keep_alive);
            }
            None => connection.answer_with(404, "", "text/plain", b"no such file", request.keep_alive),
        }
    }
}

fn why(refused: bool) -> Value {
    if refused {
        json!({ "code": "moderation_blocked", "message": "The video was rejected by the safety system." })
    } else {
        json!({ "code": "server_error", "message": "the model fell over" })
    }
}

/// A picture of one colour, which follows from the prompt.
fn png(width: u32, height: u32, prompt: &str) -> Vec<u8> {
    let sum = prompt.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let pixel = [sum as u8, (sum >> 8) as u8, (sum >> 16) as u8];
    let pixels = pixel.repeat(width as usize * height as usize);
    // It goes into memory, and is as long as its sides say.
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    debug_assert!(written.is_ok());
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_its_size_and_follows_from_its_prompt() {
        let file = png(30, 20, "a fox");
        assert_eq!((&file[..4], &file[16..24]), (&b"\x89PNG"[..], &[0, 0, 0, 30, 0, 0, 0, 20][..]));
        assert_eq!(file, png(30, 20, "a fox"));
        assert_ne!(file, png(30, 20, "a badger"));
    }
}
