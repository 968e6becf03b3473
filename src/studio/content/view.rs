//! Contents as their users see them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Content;
use super::kinds::{Kind, Quality, State};
use crate::billing::ledger::BalanceView;
use crate::conversations::view::wire_time;
use crate::media::files::{FileView, MediaFile};

/// Why it failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ContentFault)]
pub struct FaultView {
    /// `provider_unavailable`, `provider_timeout`, `provider_refused`, `provider_failed`, `content_refused`, `dependency_down`,
    /// `bad_result`, `source_gone` or `internal`.
    pub code: String,
    /// For a person to read.
    pub message: String,
}

/// A picture or a video that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Content)]
pub struct ContentView {
    pub id: Uuid,
    pub kind: Kind,
    pub state: State,
    /// 0 to 100.
    pub progress: u8,
    /// As it was written.
    pub prompt: String,
    /// What the provider is told in its place; null where that is the prompt, or not known yet.
    pub optimized_prompt: Option<String>,
    pub avatar_id: Option<Uuid>,
    /// What it was made from: a file, or another content.
    pub image_id: Option<Uuid>,
    pub quality: Quality,
    /// `<width>x<height>`.
    pub size: String,
    /// Of a video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// What it costs: paid when it is done, held while it is under way, nothing in every other case.
    pub credits: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The result; null until it is there.
    pub file: Option<FileView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<FaultView>,
    /// How often it was asked for: once, and again after each failure.
    pub tries: u32,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

impl ContentView {
    /// `file`: its result, where it has one.
    #[must_use]
    pub fn new(content: &Content, file: Option<&MediaFile>) -> Self {
        Self {
            id: content.id,
            kind: content.kind,
            state: content.state,
            progress: content.progress,
            prompt: content.prompt.clone(),
            optimized_prompt: content.optimized_prompt.clone(),
            avatar_id: content.avatar,
            image_id: content.image,
            quality: content.quality,
            size: content.size.clone(),
            seconds: content.seconds,
            credits: content.credits,
            provider: content.provider.clone(),
            model: content.model.clone(),
            file: file.map(FileView::from),
            error: content
                .error
                .as_ref()
                .map(|(code, message)| FaultView { code: code.clone(), message: message.clone() }),
            tries: u32::from(content.tries),
            created_at: wire_time(content.created_at),
            started_at: content.started_at.map(wire_time),
            ended_at: content.ended_at.map(wire_time),
        }
    }
}

/// A content that was asked for or changed, and what its user has now.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ContentAnswer)]
pub struct AnswerView {
    pub content: ContentView,
    pub credits: BalanceView,
}

/// What one has had made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ContentStats)]
pub struct StatsView {
    pub total: u64,
    /// `image` and `video`.
    pub by_kind: BTreeMap<String, u64>,
    pub by_state: BTreeMap<String, u64>,
    /// Paid for what is done, of what was not deleted.
    pub credits: i64,
    /// Of this month, by UTC.
    pub this_month: MonthView,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ContentMonth)]
pub struct MonthView {
    pub total: u64,
    pub done: u64,
    pub credits: i64,
}
