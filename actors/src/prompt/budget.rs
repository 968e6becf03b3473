//! What fits: tokens of the prompt, and which messages of the history get in.

use crate::domain::{ModelChoice, Revision};
use crate::ports::{PromptMessage, TokenCounter};

/// What a message costs beside its text (role and separators), a little rounded up.
const MESSAGE_TOKENS: usize = 5;
/// Left free for what tokenisers count differently.
const MARGIN_TOKENS: usize = 64;
/// The most that a model may be said to count more than is counted here.
const MARGIN_MAX: f32 = 1.0;
/// Where the history has to be cut, it is cut at a multiple of this many revisions: so the prompt keeps its beginning for
/// several turns, and the provider its cache, instead of losing one message at each.
const BLOCK: Revision = 16;

/// Tokens, as counted here, that the prompt may have: what the reply and a margin leave of the context, and never nothing.
/// `margin` is the share by which the model may count more.
pub(super) fn tokens(model: &ModelChoice, margin: f32) -> usize {
    let context = model.context_tokens as usize;
    let left =
        context.saturating_sub(model.max_tokens as usize).saturating_sub(MARGIN_TOKENS).max(context / 8);
    // In thousandths, so that the same settings give the same prompt on every machine.
    let thousandths = (margin.clamp(0.0, MARGIN_MAX) * 1_000.0).round() as usize;
    left * 1_000 / (1_000 + thousandths)
}

/// Whether `text` has at most `most` tokens. A token is at least a byte: short texts need no counting.
pub(super) fn fits(text: &str, most: usize, counter: &dyn TokenCounter) -> bool {
    text.len() <= most || counter.count(text) <= most
}

pub(super) fn message_tokens(text: &str, counter: &dyn TokenCounter) -> usize {
    MESSAGE_TOKENS + counter.count(text)
}

/// With its pictures.
fn line_tokens(line: &PromptMessage, counter: &dyn TokenCounter) -> usize {
    message_tokens(&line.content, counter) + line.image_tokens()
}

fn bytes(lines: &[PromptMessage]) -> usize {
    lines.iter().map(|line| MESSAGE_TOKENS + line.content.len() + line.image_tokens()).sum()
}

/// Whether `lines` have at most `budget` tokens together. A token is at least a byte: short ones need no counting.
pub(super) fn all_fit(lines: &[PromptMessage], budget: usize, counter: &dyn TokenCounter) -> bool {
    let mut left = budget;
    bytes(lines) <= budget
        || lines.iter().all(|line| match left.checked_sub(line_tokens(line, counter)) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        })
}

/// The latest of `lines` that have at most `budget` tokens together, and how many are left out. The last one always gets in,
/// cut where it alone is too long. `offsets` are the lines' places in the room.
pub(super) fn latest(
    mut lines: Vec<PromptMessage>,
    offsets: &[Revision],
    budget: usize,
    counter: &dyn TokenCounter,
) -> (Vec<PromptMessage>, usize) {
    let Some(asked) = lines.last_mut() else { return (lines, 0) };
    let most = budget.saturating_sub(MESSAGE_TOKENS + asked.image_tokens());
    if !fits(&asked.content, most, counter) {
        asked.content = cut(&asked.content, most, counter);
        let first = lines.len() - 1;
        return (lines.split_off(first), first);
    }
    let mut first = 0;
    if bytes(&lines) > budget {
        let mut left = budget;
        first = lines.len();
        for line in lines.iter().rev() {
            let Some(rest) = left.checked_sub(line_tokens(line, counter)) else { break };
            (left, first) = (rest, first - 1);
        }
        first = first.min(lines.len() - 1);
    }
    let first = whole_blocks(first, offsets);
    (lines.split_off(first), first)
}

/// Moves a cut forward to where a block begins, unless that would cost more than a quarter of what is kept.
fn whole_blocks(first: usize, offsets: &[Revision]) -> usize {
    // The room's first revisions: nothing was cut, here or before.
    if first == 0 && offsets.first().is_none_or(|offset| *offset <= BLOCK) {
        return 0;
    }
    let kept = &offsets[first..];
    let begins = |pair: &[Revision]| pair[0] / BLOCK != pair[1] / BLOCK;
    match kept.windows(2).position(begins) {
        Some(skipped) if (skipped + 1) * 4 <= kept.len() => first + skipped + 1,
        _ => first,
    }
}

/// `text` itself where it fits, else its beginning.
pub(super) fn cut_to_fit(text: &str, most: usize, counter: &dyn TokenCounter) -> String {
    if fits(text, most, counter) { text.to_owned() } else { cut(text, most, counter) }
}

/// The beginning of `text` that has at most `most` tokens, with a mark where it was cut.
pub(super) fn cut(text: &str, most: usize, counter: &dyn TokenCounter) -> String {
    const MARK: &str = " …";
    let most = most.saturating_sub(counter.count(MARK));
    let ends: Vec<usize> = text.char_indices().map(|(start, c)| start + c.len_utf8()).collect();
    // The longest beginning that fits, by halves. A prefix's count grows with its length but for a token or two at the
    // seam, which the margin covers.
    let (mut fitting, mut too_long) = (0, ends.len() + 1);
    while fitting + 1 < too_long {
        let middle = fitting.midpoint(too_long);
        if fits(&text[..ends[middle - 1]], most, counter) {
            fitting = middle;
        } else {
            too_long = middle;
        }
    }
    match fitting {
        0 => String::new(),
        all if all == ends.len() => text.to_owned(),
        part => format!("{}{MARK}", text[..ends[part - 1]].trim_end()),
    }
}
