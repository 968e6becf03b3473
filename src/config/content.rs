//! Pictures and videos that are generated: what they cost, how they may be, and how long their making may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Config;
use super::validate::Broken;

/// Pixels of a side that a picture or a video can have.
pub const SIDE_MIN: u32 = 64;
pub const SIDE_MAX: u32 = 4_096;
/// Bytes of a result.
const RESULT_MAX_BYTES: u64 = 1024 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentSettings {
    /// Credits of standard quality.
    pub image_credits: u32,
    pub video_credits: u32,
    /// What the better qualities cost of that, in percent; rounded up to whole credits.
    pub hd_percent: u32,
    pub premium_percent: u32,
    /// Of a picture and of a video, `<width>x<height>`; the first is taken where none is named.
    pub image_sizes: Vec<String>,
    pub video_sizes: Vec<String>,
    /// How long a video may be; the first is taken where none is named.
    pub video_seconds: Vec<u32>,
    pub prompt_max_chars: usize,
    pub optimized_max_chars: usize,
    /// What one user may have under way, and how many of these are worked on at a time.
    pub open_per_user: u32,
    pub running_per_user: u32,
    /// Tries of the server's own at one picture, or at beginning one video.
    pub tries: u32,
    /// Before the next try; twice as long before each further one.
    pub retry_ms: u64,
    pub optimize_timeout_ms: u64,
    pub image_timeout_ms: u64,
    /// For beginning a video, and for each look at it.
    pub video_call_timeout_ms: u64,
    /// For fetching one that is done.
    pub video_fetch_timeout_ms: u64,
    /// Between two looks at a video, and how many there are.
    pub video_look_ms: u64,
    pub video_looks_max: u32,
    /// Between two looks at what is made of the result: the file itself says sooner when it is ready.
    pub store_look_ms: u64,
    pub image_max_bytes: u64,
    pub video_max_bytes: u64,
    /// From being asked for to its end.
    pub give_up_s: u64,
    /// Days that what failed or was cancelled is kept.
    pub failed_keep_days: u32,
}

impl Default for ContentSettings {
    fn default() -> Self {
        Self {
            image_credits: 5,
            video_credits: 15,
            hd_percent: 150,
            premium_percent: 200,
            image_sizes: vec!["1024x1024".to_owned(), "1536x1024".to_owned(), "1024x1536".to_owned()],
            video_sizes: vec!["1280x720".to_owned(), "720x1280".to_owned()],
            video_seconds: vec![4, 8, 12],
            prompt_max_chars: 2_000,
            optimized_max_chars: 4_000,
            open_per_user: 10,
            running_per_user: 2,
            tries: 3,
            retry_ms: 5_000,
            optimize_timeout_ms: 30_000,
            image_timeout_ms: 300_000,
            video_call_timeout_ms: 60_000,
            video_fetch_timeout_ms: 300_000,
            video_look_ms: 5_000,
            video_looks_max: 360,
            store_look_ms: 5_000,
            image_max_bytes: 20 * 1024 * 1024,
            video_max_bytes: 100 * 1024 * 1024,
            give_up_s: 6 * 3_600,
            failed_keep_days: 90,
        }
    }
}

impl ContentSettings {
    #[must_use]
    pub fn retry(&self) -> Duration {
        Duration::from_millis(self.retry_ms)
    }

    #[must_use]
    pub fn optimize_timeout(&self) -> Duration {
        Duration::from_millis(self.optimize_timeout_ms)
    }

    #[must_use]
    pub fn image_timeout(&self) -> Duration {
        Duration::from_millis(self.image_timeout_ms)
    }

    #[must_use]
    pub fn video_call_timeout(&self) -> Duration {
        Duration::from_millis(self.video_call_timeout_ms)
    }

    #[must_use]
    pub fn video_fetch_timeout(&self) -> Duration {
        Duration::from_millis(self.video_fetch_timeout_ms)
    }

    #[must_use]
    pub fn video_look(&self) -> Duration {
        Duration::from_millis(self.video_look_ms)
    }

    #[must_use]
    pub fn store_look(&self) -> Duration {
        Duration::from_millis(self.store_look_ms)
    }

    #[must_use]
    pub fn failed_keep(&self) -> Duration {
        Duration::from_secs(u64::from(self.failed_keep_days) * 24 * 3_600)
    }

    #[must_use]
    pub fn give_up(&self) -> Duration {
        Duration::from_secs(self.give_up_s)
    }
}

impl Config {
    pub(super) fn check_content(&self, broken: &mut Broken) {
        let content = &self.content;
        for (name, credits) in [
            ("content.image_credits", content.image_credits),
            ("content.video_credits", content.video_credits),
        ] {
            broken.unless(credits <= 1_000_000, name, "takes 0 to 1000000");
        }
        for (name, percent) in
            [("content.hd_percent", content.hd_percent), ("content.premium_percent", content.premium_percent)]
        {
            broken.unless((100..=10_000).contains(&percent), name, "takes 100 to 10000");
        }
        for (name, sizes) in
            [("content.image_sizes", &content.image_sizes), ("content.video_sizes", &content.video_sizes)]
        {
            broken.unless(
                (1..=50).contains(&sizes.len()) && sizes.iter().all(|size| is_size(size)),
                name,
                "takes 1 to 50 sizes such as 1024x1024, of 64 to 4096 pixels a side",
            );
        }
        let seconds = &content.video_seconds;
        broken.unless(
            (1..=50).contains(&seconds.len()) && seconds.iter().all(|one| (1..=600).contains(one)),
            "content.video_seconds",
            "takes 1 to 50 lengths of 1 to 600",
        );
        for (name, chars) in [
            ("content.prompt_max_chars", content.prompt_max_chars),
            ("content.optimized_max_chars", content.optimized_max_chars),
        ] {
            broken.unless((1..=32_000).contains(&chars), name, "takes 1 to 32000");
        }
        for (name, count) in [
            ("content.open_per_user", content.open_per_user),
            ("content.running_per_user", content.running_per_user),
        ] {
            broken.unless((1..=1_000).contains(&count), name, "takes 1 to 1000");
        }
        broken.unless((1..=10).contains(&content.tries), "content.tries", "takes 1 to 10");
        for (name, span) in [
            ("content.optimize_timeout_ms", content.optimize_timeout_ms),
            ("content.image_timeout_ms", content.image_timeout_ms),
            ("content.video_call_timeout_ms", content.video_call_timeout_ms),
            ("content.video_fetch_timeout_ms", content.video_fetch_timeout_ms),
        ] {
            broken.unless(
                span >= 1 && span < self.jobs.deadline_ms,
                name,
                "takes at least 1, and less than jobs.deadline_ms: a job does it",
            );
        }
        for (name, span) in [
            ("content.retry_ms", content.retry_ms),
            ("content.video_look_ms", content.video_look_ms),
            ("content.store_look_ms", content.store_look_ms),
        ] {
            broken.unless((100..=600_000).contains(&span), name, "takes 100 to 600000");
        }
        broken.unless(
            (1..=100_000).contains(&content.video_looks_max),
            "content.video_looks_max",
            "takes 1 to 100000",
        );
        for (name, bytes) in [
            ("content.image_max_bytes", content.image_max_bytes),
            ("content.video_max_bytes", content.video_max_bytes),
        ] {
            broken.unless((1..=RESULT_MAX_BYTES).contains(&bytes), name, "takes 1 to 1073741824");
        }
        broken.unless(
            (60..=7 * 24 * 3_600).contains(&content.give_up_s),
            "content.give_up_s",
            "takes 60 to 604800",
        );
        for (name, days) in [
            ("content.failed_keep_days", content.failed_keep_days),
            ("avatars.failed_keep_days", self.avatars.failed_keep_days),
        ] {
            broken.unless((1..=3_650).contains(&days), name, "takes 1 to 3650");
        }
    }
}

fn is_size(text: &str) -> bool {
    let side = |side: &str| {
        let plain = side.len() <= 5 && side.bytes().all(|byte| byte.is_ascii_digit());
        plain && side.parse::<u32>().is_ok_and(|side| (SIDE_MIN..=SIDE_MAX).contains(&side))
    };
    text.split_once('x').is_some_and(|(width, height)| side(width) && side(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_of_the_settings_is_one_that_can_be_made() {
        for (text, fits) in [
            ("64x64", true),
            ("4096x64", true),
            ("63x64", false),
            ("1024x4097", false),
            ("1x1", false),
            ("10000x10000", false),
            ("1024", false),
            ("1024X1024", false),
        ] {
            assert_eq!(is_size(text), fits, "{text}");
            assert!(!fits || text.parse::<crate::ai::Dimensions>().is_ok(), "{text}");
        }
    }
}
