//! What one has and may have, as it is answered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::media::files::Purpose;

/// Which files are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// `image`, `video` or `audio`.
    #[param(inline)]
    pub kind: Option<KindName>,
    /// `upload`, `gallery`, `avatar` or `content`.
    pub purpose: Option<Purpose>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindName {
    Image,
    Video,
    Audio,
}

/// A file, by its id or its key.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct DeleteBody {
    pub id: Option<Uuid>,
    pub key: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct DeletedView {
    /// Always true.
    pub deleted: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignBody {
    /// Of a file, or of a smaller picture of it.
    pub key: Option<String>,
    /// Seconds, 60 to 604800; as addresses in messages where it is left out.
    pub expires_in: Option<u64>,
}

/// An address that opens an object for a while.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignedView {
    pub url: String,
    pub expires_at: Timestamp,
}

/// What may be uploaded, and how much of it is used.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MediaLimits)]
pub(super) struct LimitsView {
    pub image: ImageLimitsView,
    pub audio: KindLimitsView,
    pub video: KindLimitsView,
    pub total: TotalView,
    pub uploads: RateView,
    /// Files of one upload of several.
    pub images_per_request: usize,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MediaKindLimits)]
pub(super) struct KindLimitsView {
    pub max_bytes: u64,
    /// Media types.
    #[schema(value_type = Vec<String>)]
    pub types: Vec<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MediaImageLimits)]
pub(super) struct ImageLimitsView {
    #[serde(flatten)]
    pub kind: KindLimitsView,
    pub max_pixels: u64,
    /// Pixels of the longer side.
    pub max_side: u32,
}

/// What all files of the user take. Those of galleries are the characters'.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MediaTotal)]
pub(super) struct TotalView {
    pub used_bytes: u64,
    /// Null is no limit.
    pub max_bytes: Option<u64>,
}

/// Uploads in a time. Null is no limit.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MediaUploadRate)]
pub(super) struct RateView {
    pub per_hour: Option<u64>,
    pub remaining: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MediaStoreState)]
pub(super) enum StoreState {
    Up,
    Down,
}

/// How the files do. All but the state is for admins.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MediaStatus)]
pub(super) struct StatusView {
    pub state: StoreState,
    /// `disk`, or the kind of object store.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub store: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<FeaturesView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processing: Option<ProcessingView>,
}

/// What is taken here.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MediaFeatures)]
pub(super) struct FeaturesView {
    #[schema(value_type = Vec<String>)]
    pub image: Vec<&'static str>,
    #[schema(value_type = Vec<String>)]
    pub audio: Vec<&'static str>,
    #[schema(value_type = Vec<String>)]
    pub video: Vec<&'static str>,
}

/// Files that are being looked at, on all nodes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MediaProcessing)]
pub(super) struct ProcessingView {
    pub waiting: u64,
    pub running: u64,
    /// Files in the state `processing`: more than the two others where jobs have died.
    pub files: u64,
}
