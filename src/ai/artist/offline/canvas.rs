//! What placeholders show: colours of the prompt's own, a word that says what it is, and the prompt's beginning.
//!
//! The letters are 8 by 8 dots, for Latin, Greek and Japanese syllables; of other scripts nothing is drawn, but how many
//! characters there are.

use font8x8::{BASIC_FONTS, GREEK_FONTS, HIRAGANA_FONTS, LATIN_FONTS, UnicodeFonts};
use image::{Rgb, RgbImage};
use sha2::{Digest, Sha256};

/// Dots of a letter's sides, and of a line with what parts it from the next.
const LETTER: u32 = 8;
const LINE: u32 = 11;
/// Letters of the prompt in a line, and its lines.
const LINE_CHARS: u32 = 26;
const LINES_MAX: u32 = 4;
const NOTE: &str = "drawn offline, no model asked";
const INK: Rgb<u8> = Rgb([255, 255, 255]);

pub struct Canvas {
    picture: RgbImage,
    /// Of the bar that moves in videos.
    bar: Bar,
}

#[derive(Clone, Copy)]
struct Bar {
    top: u32,
    height: u32,
}

impl Canvas {
    pub fn new(prompt: &str, (width, height): (u32, u32), title: &str) -> Self {
        let digest = Sha256::digest(prompt.as_bytes());
        let colour = |at: usize| [0, 1, 2].map(|part| u32::from(digest[at + part]) / 3 + 30);
        let (upper, lower) = (colour(0), colour(3));
        let stripe = 24 + u32::from(digest[6]) % 40;
        let mut picture = RgbImage::from_fn(width, height, |x, y| {
            let mixed = [0, 1, 2].map(|part| (upper[part] * (height - y) + lower[part] * y) / height);
            // Stripes, as on what is only a stand-in.
            let light = if (x + y) / stripe % 2 == 0 { 0 } else { 14 };
            Rgb(mixed.map(|part| (part + light).min(255) as u8))
        });
        let unit = (width / (LINE_CHARS * LETTER)).min(height / (LINE * (LINES_MAX + 5))).max(1);
        let widest = (width / (LETTER * unit)).max(1);
        let large = (width / (title.chars().count().max(13) as u32 * LETTER)).clamp(1, unit * 2);
        let mut y = height / 6;
        text(&mut picture, title, y, large);
        y += LINE * large + LINE * unit / 2;
        for line in lines(prompt, widest.min(LINE_CHARS)) {
            text(&mut picture, &line, y, unit);
            y += LINE * unit;
        }
        let small = (width / (NOTE.len() as u32 * LETTER)).clamp(1, unit);
        let foot = height.saturating_sub(LINE * small * 3);
        text(&mut picture, NOTE, foot, small);
        text(&mut picture, &format!("{width}x{height}"), foot + LINE * small, small);
        Self { picture, bar: Bar { top: height.saturating_sub(height / 40 + 2), height: height / 40 + 2 } }
    }

    pub fn picture(&self) -> &RgbImage {
        &self.picture
    }

    /// The frame with this number, of so many: the time that has passed, and a bar that grows.
    pub fn at(&self, number: u32, count: u32, per_second: u32) -> RgbImage {
        let mut frame = self.picture.clone();
        let done = frame.width() * (number + 1) / count.max(1);
        let bottom = (self.bar.top + self.bar.height).min(frame.height());
        for y in self.bar.top..bottom {
            for x in 0..done {
                frame.put_pixel(x, y, INK);
            }
        }
        let unit = (frame.width() / (LINE_CHARS * LETTER)).max(1);
        text(&mut frame, &format!("0:{:02}", number / per_second.max(1)), LETTER / 2, unit);
        frame
    }
}

/// The prompt's beginning in lines, of what can be drawn.
fn lines(prompt: &str, widest: u32) -> Vec<String> {
    let widest = widest.max(4) as usize;
    let known: String =
        prompt.chars().map(|c| if c.is_whitespace() || c.is_control() { ' ' } else { c }).collect();
    let drawn: String = known.chars().filter(|c| *c == ' ' || dots(*c).is_some()).collect();
    if drawn.trim().is_empty() {
        let count = prompt.chars().count();
        return if count == 0 { Vec::new() } else { vec![format!("({count} characters)")] };
    }
    let mut lines: Vec<String> = Vec::new();
    for word in drawn.split_whitespace() {
        let word: String = word.chars().take(widest).collect();
        let full = lines.len() as u32 == LINES_MAX;
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= widest => {
                line.push(' ');
                line.push_str(&word);
            }
            Some(line) if full => {
                let kept: String = line.chars().take(widest - 3).collect();
                *line = format!("{kept}...");
                break;
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// A line of text in the middle, each dot so many pixels large. What does not fit is left out.
fn text(picture: &mut RgbImage, line: &str, top: u32, unit: u32) {
    let (width, height) = picture.dimensions();
    let long = line.chars().count() as u32 * LETTER * unit;
    let mut left = width.saturating_sub(long) / 2;
    for letter in line.chars() {
        let rows = dots(letter).unwrap_or_default();
        for (row, bits) in (0_u32..).zip(rows) {
            for column in (0..LETTER).filter(|column| bits >> column & 1 == 1) {
                let (x, y) = (left + column * unit, top + row * unit);
                for (x, y) in (0..unit * unit).map(|at| (x + at % unit, y + at / unit)) {
                    if x < width && y < height {
                        picture.put_pixel(x, y, INK);
                    }
                }
            }
        }
        left += LETTER * unit;
    }
}

fn dots(letter: char) -> Option<[u8; 8]> {
    let fonts: [&dyn Fn(char) -> Option<[u8; 8]>; 4] = [
        &|letter| BASIC_FONTS.get(letter),
        &|letter| LATIN_FONTS.get(letter),
        &|letter| GREEK_FONTS.get(letter),
        &|letter| HIRAGANA_FONTS.get(letter),
    ];
    fonts.iter().find_map(|font| font(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_stands_in_a_few_lines_of_what_can_be_drawn() {
        assert_eq!(lines("a fox\nin the snow", 10), ["a fox in", "the snow"]);
        let long = lines(&"word ".repeat(100), 10);
        assert_eq!((long.len(), long[3].as_str()), (4, "word wo..."));
        assert_eq!(lines("\u{72d0}\u{72f8}", 20), ["(2 characters)"]);
        assert_eq!(lines("caf\u{e9} \u{72d0}", 20), ["caf\u{e9}"]);
        assert_eq!(lines("", 20), Vec::<String>::new());
        assert_eq!(lines("incomprehensibilities", 8), ["incompre"]);
    }
}
