//! `reading`: what a page of a long conversation costs beside one of a short one, and what a search in it takes.
//!
//! The rooms hold messages whose words follow from their offsets, so that each answer is known beforehand. One
//! request after another on one connection; the two rooms take turns, so that what the machine does meanwhile meets
//! both alike. Answers are looked into when their time has been taken.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::time::Duration;

use serde_json::Value;

use super::ServerOptions;
use crate::clock::Moment;
use crate::measure::{Latency, Recorder};
use crate::native::{ids, words};
use crate::net::http::Connection;
use crate::report::{Report, Target};

const WAIT: Duration = Duration::from_secs(30);
const TARGET_RATIO: f64 = 1.5;
const TARGET_SEARCH_MS: f64 = 200.0;
/// Messages of a page, and hits.
const PAGE: u64 = 50;
const HITS: usize = 20;
/// Rounds that are not counted: caches and connections are warm then.
const WARM_UP: usize = 5;
/// A word of which there is one message in so many: too few for the newest messages to fill a page of hits.
const SELDOM: u64 = 60;
/// A rare word is in about so many messages, however long the conversation is.
const RARE: u64 = 10;
const NOWHERE: &str = "nowhere";

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    /// Messages of room 0, as they were seeded.
    #[arg(long, default_value_t = 1_000_000)]
    pub messages: u64,
    /// Messages of room 1.
    #[arg(long, default_value_t = 100)]
    pub messages_small: u64,
    /// Pages of each kind that are read in each room.
    #[arg(long, default_value_t = 200)]
    pub rounds: usize,
    /// Searches of each kind.
    #[arg(long, default_value_t = 50)]
    pub tries: usize,
}

/// Which page of a conversation.
#[derive(Clone, Copy, Debug)]
enum Place {
    Latest,
    Middle,
    First,
}

impl Place {
    const ALL: [Place; 3] = [Place::Latest, Place::Middle, Place::First];

    fn name(self) -> &'static str {
        match self {
            Place::Latest => "latest page",
            Place::Middle => "page in the middle",
            Place::First => "first page",
        }
    }

    fn query(self, last: u64) -> String {
        match self {
            Place::Latest => format!("limit={PAGE}"),
            Place::Middle => format!("limit={PAGE}&before={}", last / 2 + 1),
            Place::First => format!("limit={PAGE}&after=0"),
        }
    }

    /// The first offset of this page in a room with so many messages, and whether there are more.
    fn expected(self, last: u64) -> (u64, bool) {
        match self {
            Place::Latest => (last - PAGE + 1, last > PAGE),
            Place::Middle => (last / 2 - PAGE + 1, last / 2 > PAGE),
            Place::First => (1, last > PAGE),
        }
    }
}

/// A room whose messages are known.
struct Room {
    name: &'static str,
    number: usize,
    messages: u64,
}

impl Room {
    fn path(&self, what: &str) -> String {
        format!("/api/conversations/{}/{what}", ids::room(self.number))
    }

    /// What is wrong with this page.
    fn fault(&self, place: Place, page: &Value) -> Option<String> {
        let (first, more) = place.expected(self.messages);
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let wrong = || format!("{} of {}", place.name(), self.name);
        if items.len() as u64 != PAGE {
            return Some(format!("{}: {} messages instead of {PAGE}", wrong(), items.len()));
        }
        for (offset, item) in (first..).zip(items) {
            if item["offset"] != offset || item["content"] != words::content(offset) {
                return Some(format!("{}: not message {offset}: {item}", wrong()));
            }
        }
        (page["hasMore"] != more).then(|| format!("{}: hasMore is not {more}", wrong()))
    }
}

/// What is looked for, and what must be found.
struct Search {
    words: Vec<usize>,
    text: String,
    /// The newest, as many as a page has.
    newest: Vec<u64>,
    all: u64,
    latency: Latency,
}

impl Search {
    /// Of words that a conversation of so many messages has; without any it is for one that it does not have.
    fn new(about: &str, words: Vec<usize>, messages: u64) -> Search {
        let text = words.iter().map(|word| words::word(*word)).collect::<Vec<_>>().join("+");
        let fits = |offset: &u64| {
            let said = words::indexes(*offset);
            !words.is_empty() && words.iter().all(|word| said.contains(word))
        };
        let mut fitting = (1..=messages).rev().filter(fits);
        let newest: Vec<u64> = fitting.by_ref().take(HITS).collect();
        let all = newest.len() as u64 + fitting.count() as u64;
        let text = if words.is_empty() { NOWHERE.to_owned() } else { text };
        let latency = Latency::new(format!("search, {about}: in {all} messages"));
        Search { words, text, newest, all, latency }
    }

    fn fault(&self, answer: &Value) -> Option<String> {
        let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found: Vec<Option<u64>> = items.iter().map(|item| item["message"]["offset"].as_u64()).collect();
        let expected: Vec<Option<u64>> = self.newest.iter().copied().map(Some).collect();
        if found != expected {
            return Some(format!("`{}` found {found:?} instead of {expected:?}", self.text));
        }
        let said = |item: &Value| {
            let content = item["message"]["content"].as_str().unwrap_or_default();
            self.words.iter().all(|word| content.split(' ').any(|said| said == words::word(*word)))
        };
        if !items.iter().all(said) {
            return Some(format!("`{}` found messages without it", self.text));
        }
        let more = self.all > HITS as u64;
        (answer["nextCursor"].is_string() != more)
            .then(|| format!("`{}`: {} hits and nextCursor {}", self.text, self.all, answer["nextCursor"]))
    }
}

/// Kinds of searches, from the words that a conversation of so many messages has.
fn searches(messages: u64) -> Vec<Search> {
    let mut counts = vec![0u64; words::COUNT];
    for offset in 1..=messages {
        for word in BTreeSet::from(words::indexes(offset)) {
            counts[word] += 1;
        }
    }
    let nearest = |count: u64| {
        let there = (0..words::COUNT).filter(|word| counts[*word] > 0);
        there.min_by_key(|word| counts[*word].abs_diff(count)).unwrap_or_default()
    };
    let (common, seldom, rare) = (nearest(messages), nearest(messages / SELDOM), nearest(RARE));
    let kinds = [
        ("a common word", vec![common]),
        ("a seldom word", vec![seldom]),
        ("a rare word", vec![rare]),
        ("two words", vec![nearest(messages / SELDOM * 2), seldom]),
        ("a word that is nowhere", Vec::new()),
    ];
    kinds.into_iter().map(|(about, words)| Search::new(about, words, messages)).collect()
}

/// One reader on one connection.
struct Reader {
    connection: Connection,
    token: String,
    answers: u64,
    refused: Vec<String>,
    recorder: Recorder,
}

impl Reader {
    fn new(server: SocketAddrV4, token: String, recorder: Recorder) -> anyhow::Result<Reader> {
        let connection = Connection::open(server, WAIT)?;
        Ok(Reader { connection, token, answers: 0, refused: Vec::new(), recorder })
    }

    /// What is answered and how long that took; nothing when it is refused.
    fn read(&mut self, path: &str) -> anyhow::Result<Option<(Value, Duration)>> {
        let begun = Moment::now();
        let answer = self.connection.get(path, &self.token)?;
        let took = begun.elapsed();
        self.answers += 1;
        self.recorder.tick(Moment::now(), self.answers);
        if answer.status != 200 {
            let body = String::from_utf8_lossy(&answer.body);
            self.refused.push(format!("{path}: HTTP {}: {body}", answer.status));
            return Ok(None);
        }
        Ok(Some((serde_json::from_slice(&answer.body)?, took)))
    }
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report =
        Report::new("reading", "pages of a long conversation beside a short one, and searches in it");
    anyhow::ensure!(
        options.messages_small >= 2 * PAGE && options.messages > options.messages_small,
        "the short conversation has {} messages at least, and the long one more",
        2 * PAGE
    );
    anyhow::ensure!(options.rounds > 0 && options.tries > 0, "rounds and tries are above 0");
    let token = options.server.signer().sign(0)?;
    let mut reader = Reader::new(options.server.address()?, token, options.server.recorder("answers"))?;
    let rooms = [
        Room { name: "the long one", number: 0, messages: options.messages },
        Room { name: "the short one", number: 1, messages: options.messages_small },
    ];
    report.setting("messages", options.messages);
    report.setting("messages of the short one", options.messages_small);
    report.setting("rounds", options.rounds);
    report.setting("tries", options.tries);

    let mut searches = searches(options.messages);
    let mut cpu = options.server.cpu_meter(&[]);
    let mut faults = Vec::new();
    read_pages(options, &rooms, &mut reader, &mut faults, &mut report)?;
    let pages = reader.answers;
    cpu.read().describe(&mut report, pages, "page");
    report.verdict.none("pages hold what was seeded", &faults, &format!("{pages} pages"));

    faults.clear();
    for round in 0..options.tries + WARM_UP {
        for search in &mut searches {
            let path = rooms[0].path(&format!("search?q={}&limit={HITS}", search.text));
            let Some((answer, took)) = reader.read(&path)? else { continue };
            faults.extend(search.fault(&answer));
            if round >= WARM_UP {
                search.latency.record(took);
            }
        }
    }
    let slowest = searches.iter().map(|search| search.latency.quantile_micros(0.5)).max().unwrap_or(0);
    let slowest = slowest as f64 / 1e3;
    report.aimed("slowest median of a search", slowest, "ms", Target::AtMost(TARGET_SEARCH_MS));
    report.latencies.extend(searches.iter().map(|search| search.latency.summary()));
    let searched = format!("{} searches", reader.answers - pages);
    report.verdict.none("searches find what was seeded", &faults, &searched);
    report.verdict.none("nothing is refused", &reader.refused, &format!("{} answers", reader.answers));
    report.series = reader.recorder.series();
    Ok(report)
}

/// Reads each kind of page in both rooms, by turns, and tells the ratio of their medians.
fn read_pages(
    options: &Options,
    rooms: &[Room; 2],
    reader: &mut Reader,
    faults: &mut Vec<String>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut latencies = Place::ALL
        .map(|place| rooms.each_ref().map(|room| Latency::new(format!("{}, {}", place.name(), room.name))));
    for round in 0..options.rounds + WARM_UP {
        for (place, latencies) in Place::ALL.into_iter().zip(&mut latencies) {
            // Who comes first changes with each round.
            for room in [round % 2, (round + 1) % 2] {
                let path = rooms[room].path(&format!("messages?{}", place.query(rooms[room].messages)));
                let Some((page, took)) = reader.read(&path)? else { continue };
                faults.extend(rooms[room].fault(place, &page));
                if round >= WARM_UP {
                    latencies[room].record(took);
                }
            }
        }
    }
    for (place, [long, short]) in Place::ALL.into_iter().zip(&latencies) {
        let ratio = long.quantile_micros(0.5) as f64 / short.quantile_micros(0.5).max(1) as f64;
        report.aimed(format!("{}, long / short", place.name()), ratio, "", Target::AtMost(TARGET_RATIO));
    }
    report.latencies.extend(latencies.iter().flatten().map(Latency::summary));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_search_has_as_many_hits_as_its_name_says() {
        let searches = searches(20_000);
        let hits: Vec<u64> = searches.iter().map(|search| search.all).collect();
        assert!(hits[0] > 8_000, "{hits:?}");
        assert!((200..500).contains(&hits[1]), "{hits:?}");
        assert!((5..=15).contains(&hits[2]), "{hits:?}");
        assert!((1..100).contains(&hits[3]), "{hits:?}");
        assert_eq!(hits[4], 0);
        assert_eq!(searches[0].newest.len(), HITS);
        assert!(searches[0].newest.is_sorted_by(|one, next| one > next));
    }

    #[test]
    fn pages_of_the_shortest_room_are_whole() {
        for place in Place::ALL {
            let (first, _) = place.expected(2 * PAGE);
            assert!(first >= 1 && first + PAGE - 1 <= 2 * PAGE, "{place:?}");
        }
    }
}
