//! Uploads as they are answered.

use serde::Serialize;
use utoipa::ToSchema;

use crate::characters::gallery::GalleryItemView;
use crate::error::ApiError;
use crate::media::files::FileView;

/// A file that was taken.
#[derive(Serialize, ToSchema)]
pub(super) struct UploadedView {
    pub file: FileView,
}

/// A file that was not.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RejectedView {
    /// As its sender's device called it.
    pub name: Option<String>,
    /// A code, as of an error.
    #[schema(value_type = String)]
    pub error: std::borrow::Cow<'static, str>,
    /// For a person to read.
    pub message: String,
}

impl RejectedView {
    pub(super) fn new(name: Option<String>, error: ApiError) -> Self {
        Self { name, error: error.code, message: error.message }
    }
}

/// Files that were taken, and those that were not; both in the order of the form.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct UploadedListView {
    pub files: Vec<FileView>,
    pub rejected: Vec<RejectedView>,
}

/// Files of a gallery, with the entries that show them.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct UploadedGalleryView {
    pub files: Vec<FileView>,
    /// As many as files, in their order.
    pub items: Vec<GalleryItemView>,
    pub rejected: Vec<RejectedView>,
}
