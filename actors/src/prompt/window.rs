//! Which turns are told word for word, and which in short.
//!
//! While all that a character witnessed fits, it is told word for word. Once it does not, the summary of its older turns
//! stands in front, and the history begins right behind what that covers: the same beginning at each turn, so that a
//! provider's cache holds it, until the rest does not fit either. Then the oldest are left out by blocks, and a summary is
//! wanted that covers half of what is told now.

use super::{budget, notes};
use crate::domain::Revision;
use crate::ports::{PromptMessage, PromptRole, Summary, TokenCounter};

/// What there is before the history that is given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Older<'a> {
    /// The character was there from behind this revision on.
    pub since: Revision,
    /// All that stands above this revision is in the history given.
    pub from: Revision,
    /// What was said in some of it, in short.
    pub summary: Option<&'a Summary>,
}

/// Tokens that there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// For history and summary together.
    pub tokens: usize,
    /// Of them for the summary.
    pub summary: usize,
}

pub(super) struct Window {
    pub summary: Option<PromptMessage>,
    pub lines: Vec<PromptMessage>,
    pub takes_more: bool,
    pub summary_wanted: Option<Revision>,
}

/// What gets in of `lines`, which stand at `offsets` in the room. The last one always does.
pub(super) fn fitting(
    mut lines: Vec<PromptMessage>,
    offsets: &[Revision],
    older: Older<'_>,
    room: Room,
    counter: &dyn TokenCounter,
) -> Window {
    let (before, asked_at) = (older.from.max(older.since), offsets.last().copied().unwrap_or_default());
    let all_is_given = before <= older.since;
    let fits = budget::all_fit(&lines, room.tokens, counter);
    let usable = |summary: &&Summary| summary.since >= older.since && summary.up_to < asked_at;
    let summary = older.summary.filter(|_| !(all_is_given && fits)).filter(usable).and_then(|summary| {
        let most = room.summary.min(room.tokens / 4);
        Some((summary.up_to, notes::summary(&summary.text, most, counter)?))
    });
    let Some((up_to, told)) = summary else {
        let takes_more = fits && !all_is_given;
        let (lines, left_out) = budget::latest(lines, offsets, room.tokens, counter);
        let missing = left_out > 0 || !all_is_given;
        let summary_wanted =
            middle(offsets, left_out).filter(|at| missing && room.summary > 0 && *at > older.since);
        return Window { summary: None, lines, takes_more, summary_wanted };
    };
    let tokens = room.tokens.saturating_sub(budget::message_tokens(&told, counter));
    let begins = offsets.partition_point(|offset| *offset <= up_to);
    let lines = lines.split_off(begins);
    // Behind a summary nothing is missing: no block has to be begun.
    let (lines, left_out) = if budget::all_fit(&lines, tokens, counter) {
        (lines, 0)
    } else {
        budget::latest(lines, &offsets[begins..], tokens, counter)
    };
    let missing = left_out > 0 || before > up_to;
    Window {
        summary: Some(PromptMessage::new(PromptRole::Note, told)),
        lines,
        takes_more: left_out == 0 && before > up_to,
        summary_wanted: middle(offsets, begins + left_out).filter(|at| missing && *at > up_to),
    }
}

/// Where the older half ends of what is told from line `first` on.
fn middle(offsets: &[Revision], first: usize) -> Option<Revision> {
    let told = offsets.get(first..)?;
    told.get(told.len().saturating_sub(1) / 2).map(|offset| offset - 1)
}
